# emo-metrics beside scikit-learn: every figure and every point of the curves, to 1e-12.

load ../helper

# The first python3 that has scikit-learn; else the test skips.
python_with_sklearn() {
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import sklearn' 2>/dev/null; then
            return
        fi
    done
    skip "python3-sklearn is not installed"
}

@test "200 random score sets with ties, two classes and more, agree with scikit-learn" {
    python_with_sklearn
    run -0 "$python" "$ROOT/tests/peers/sklearn_metrics.py" "$BIN/emo-metrics" "$T" 200
    [[ $output == *"200 sets, largest difference "* ]]
}

@test "the comparison notices a figure that is off by 1e-9" {
    python_with_sklearn
    cat >off.py <<'END'
import json, subprocess, sys
out = json.loads(subprocess.check_output(["emo-metrics"] + sys.argv[1:]))
out["log_loss"] += 1e-9
print(json.dumps(out))
END
    printf '#!/bin/sh\nexec "%s" off.py "$@"\n' "$python" >off
    chmod +x off
    run -1 "$python" "$ROOT/tests/peers/sklearn_metrics.py" ./off "$T" 5
    [[ $output == *"largest difference 1e-09"* ]]
}

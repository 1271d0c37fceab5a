# Models as ONNX beside onnxruntime, for which EMO_NODE_MODULES names a folder:
#     npm install --prefix DIR --ignore-scripts onnxruntime-node; EMO_NODE_MODULES=DIR/node_modules
# shellcheck shell=bash
load ../helper

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    export PATH=$BUILD/unit:$PATH
    if [ ! -d "${EMO_NODE_MODULES:-$ROOT/node_modules}/onnxruntime-node" ]; then
        skip "onnxruntime-node is not installed"
    fi
    modules=$(cd "${EMO_NODE_MODULES:-$ROOT/node_modules}" && pwd)
}

# same_scores NET SHAPE CLASSES [RATE]: of a stream with noise, within 1e-4 of emo-predict's, and not all
# the same.
same_scores() {
    make_stream -s "$2" -c "$3" --pixels noise -n 23 -o in.emo
    emo-train -q -n "$1" -e 2 -b 8 --lr "${4-0.01}" -o m.model in.emo
    emo-convert -q -t onnx -o m.onnx m.model
    emo-convert -q -t npy -o in.npy in.emo
    node "$ROOT/tests/peers/onnx_convert.mjs" "$modules" m.onnx in.npy >scores
    emo-predict -q --tsv m.model in.emo | cut -f 8- | sed 1d >want
    awk -v k="$3" '
        NR == FNR { for (i = 1; i <= k; i++) want[FNR, i] = $i; next }
        { for (i = 1; i <= k; i++) { d = $i - want[FNR, i]; if (!(d < 1e-4 && d > -1e-4)) bad++ }
          sum += $1; squares += $1 * $1 }
        END { exit !(FNR == 23 && !bad && squares / FNR - (sum / FNR) ^ 2 > 1e-10) }' want scores
}

@test "every layer and activation scores as in emo-predict" {
    printf 'conv 6 3 stride 2 same relu\nmaxpool 2\nconv 5 2 sigmoid\nflatten\ndropout 0.3\ndense 7 sigmoid\ndense 6 relu\noutput\n' >a.net
    same_scores a.net 19x18x3 3
    printf 'conv 6 4 same softmax\navgpool 3 stride 2\ndropout 0.1\nconv 8 3 valid\nglobalavgpool\ndense 9 softmax\ndense 4 none\noutput\n' >b.net
    same_scores b.net 15x12x1 2
    printf 'maxpool 3 stride 1\nglobalavgpool\nflatten\noutput\n' >c.net
    same_scores c.net 9x11x3 4
    printf 'flatten\ndense 5 relu\noutput\n' >d.net
    same_scores d.net 6x5x3 2
    printf 'conv 3 5 stride 3 same\nconv 4 2 same\nflatten\noutput\n' >e.net
    same_scores e.net 16x10x3 2
}

@test "the built-in networks score as in emo-predict" {
    same_scores baseline 96x104x3 2 0.001
    same_scores vgg 99x96x3 3 0.001
}

@test "the checker of onnx finds no fault, and the classes are there" {
    for python in python3 /usr/bin/python3 ''; do
        [ -n "$python" ] || skip "python3-onnx is not installed"
        ! "$python" -c 'import onnx' 2>/dev/null || break
    done
    same_scores vgg 96x96x3 3 0.001
    "$python" - <<'END'
import json
import onnx
m = onnx.load("m.onnx")
onnx.checker.check_model(m, full_check=True)
assert m.opset_import[0].version == 13 and m.ir_version == 7
p = {e.key: e.value for e in m.metadata_props}
assert json.loads(p["classes"]) == ["class 0", "class 1", "class 2"] and p["input"] == "96x96x3"
END
}

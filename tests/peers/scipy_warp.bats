# emo-augment beside scipy: the same draws, Keras's matrices, bilinear in doubles.
# shellcheck shell=bash
load ../helper

@test "warped pictures are within one level of scipy's affine_transform" {
    for python in python3 /usr/bin/python3 ''; do
        [ -n "$python" ] || skip "python3-scipy is not installed"
        ! "$python" -c 'import scipy, numpy' 2>/dev/null || break
    done
    emo-unzip -q -s 96x96 --limit 20 "$SAMPLE" -o in.emo
    emo-augment -q -e 2 --seed 12345678901234 in.emo -o out.emo
    run -0 "$python" "$ROOT/tests/peers/scipy_warp.py" in.emo out.emo 12345678901234
    read -r worst mean count <<<"$output"
    [ "$count" -eq $((2 * 2 * 20 * 96 * 96 * 3)) ]
    # Half a level is the rounding; the rest the 8-bit weights at hard edges.
    run -0 awk -v worst="$worst" -v mean="$mean" 'BEGIN { exit !(worst <= 1 && mean < 0.25) }'
    # Another seed's pictures are far off.
    run -0 "$python" "$ROOT/tests/peers/scipy_warp.py" in.emo out.emo 21
    read -r worst mean count <<<"$output"
    run -0 awk -v mean="$mean" 'BEGIN { exit !(mean > 5) }'
}

# Every program of the job under valgrind, on a few images: no error and no leak.
load ../helper

checked() {
    # An instruction set that valgrind knows; nor does it know the calls of the sandbox.
    local free=--no-sandbox
    "$1" -h | grep -q -e $free || free=
    EMO_ISA=avx2 valgrind -q --error-exitcode=99 --leak-check=full \
        --suppressions="$ROOT/tests/valgrind.supp" --errors-for-leak-kinds=definite,indirect \
        "$(command -v "$1")" $free "${@:2}"
}

@test "the whole job is clean under valgrind" {
    command -v valgrind || skip "valgrind is not here"
    cat >tiny.net <<'END'
conv 4 3 stride 2 relu
maxpool 2
conv 4 3 stride 2
flatten
dense 8 relu
dropout 0.5
output
END
    checked emo-unzip -s 24x24 --limit 6 -j 2 -o all.emo "$SAMPLE"
    checked emo-split -r 1/3 -o split.emo all.emo
    checked emo-split --group '([0-9a-f-]+)_' -o group.emo all.emo
    checked emo-augment -e 2 -o epochs.emo split.emo
    checked emo-train -n tiny.net -b 4 -j 2 --history history.tsv -o tiny.model epochs.emo
    head -c $(($(wc -c <epochs.emo) * 2 / 3)) epochs.emo >cut.emo
    run -3 checked emo-train -n tiny.net -b 4 --keep-best val_loss --checkpoint c -o x.model cut.emo
    checked emo-train -j 2 --checkpoint c --resume -o x.model epochs.emo
    checked emo-predict -j 2 -o scores.emo tiny.model split.emo
    checked emo-predict --tsv -o scores.tsv tiny.model split.emo
    checked emo-metrics --roc roc.tsv --pr pr.tsv -o metrics.txt scores.emo
    checked emo-metrics --json -o metrics.json scores.emo
    for option in -H -c --stats --values --json --headers; do
        checked emo-peek $option -o peek split.emo tiny.model scores.emo
    done
    checked emo-peek --net tiny.model
    checked emo-convert -t npz -o all.npz split.emo
    checked emo-convert -f npz -o again.emo all.npz
    checked emo-similar --write-groups groups.tsv -o similar.tsv split.emo
    checked emo-similar -j 2 --json --correlation 0.5 -o similar.json epochs.emo
    checked emo-montage --limit 4 --scores scores.emo --sort mistake -o sheet.png split.emo
    checked emo-montage --scores scores.tsv -o sheet.jpg epochs.emo
    checked emo-convert -t pnm -o all.ppm split.emo
    checked emo-convert -f pnm -o again.emo all.ppm
    checked emo-convert -t png -o folder split.emo
    checked emo-convert -f png -o again.emo folder
    for kind in confusion roc pr scores calibration; do
        checked emo-plot $kind -t gnuplot -o $kind.gnuplot scores.emo scores.tsv
    done
    checked emo-plot history -t gnuplot -o history.gnuplot history.tsv
    ! command -v gnuplot ||
        checked emo-plot roc -o roc.svg scores.emo
    checked emo-convert -t safetensors -o tiny.st tiny.model
    checked emo-convert -f safetensors -o again.model tiny.st
    printf 'name\tclass\nx\tNew\n' >labels.tsv
    emo-peek split.emo | cut -f 7 | sed 1,3d >names
    checked emo-cat --labels labels.tsv --map Positive=P -T names --limit 3 -o cat.emo split.emo all.emo
    checked emo-cat --sample 3 --invert -o cat.emo split.emo
    checked emo-cat --range=-2: --name '*a*' --class Negative -o cat.emo - <split.emo
    checked emo-convert -t onnx -o tiny.onnx tiny.model
}

@test "a stream that is cut is refused without an error or a leak" {
    command -v valgrind || skip "valgrind is not here"
    emo-unzip -q -s 24x24 --limit 6 -o all.emo "$SAMPLE"
    printf 'flatten\noutput\n' >tiny.net
    for length in 0 10 64 1000 5000; do
        head -c $length all.emo >cut.emo
        run -3 checked emo-split -o out.emo cut.emo
        run -3 checked emo-augment -o out.emo cut.emo
        run -3 checked emo-train -n tiny.net -o out.emo cut.emo
        run -3 checked emo-peek -o out cut.emo
        run -3 checked emo-montage -o out.png cut.emo
        run -3 checked emo-cat -o out.emo all.emo cut.emo
        run -3 checked emo-similar -o out.tsv cut.emo
    done
}

#!/usr/bin/env bats
# Every fault that can be made to happen in our code, and up to 200 of each kind in the libraries of
# others; 200 kills of each stage. Numbers are printed.
load ../helper
load ../fault

setup() {
    cd "$BATS_TEST_TMPDIR" && small_inputs
}

@test "memory, files, threads: every call fails, one after the other" {
    injectable
    sweep -m 200
}

@test "a gnuplot that hangs is given up after a minute" {
    mkdir fake
    # It may be left behind, and ends by itself.
    printf '#!/bin/sh\nexec sleep 80\n' >fake/gnuplot
    chmod +x fake/gnuplot
    PATH=$PWD/fake:$PATH run -1 emo-plot history -o history.svg epochs.tsv 3>&-
    [[ $output == *"gnuplot does nothing for 60 s, and is given up"* ]]
    [ ! -e history.svg ]
}

# One command for each program that writes a file, and each form of it.
writers='emo-unzip -q -j 1 -s 8x8 -o result pictures.zip #
emo-split -q -o result images.emo #
emo-augment -q -j 1 -e 2 -o result images.emo #
emo-train -q -j 1 -n tiny.net -b 4 -e 1 -o result images.emo #
emo-train -q -j 1 -n tiny.net -b 4 -e 2 --checkpoint new --resume -o result images.emo # -c new
emo-predict -q -o result m.model images.emo #
emo-metrics -q --roc roc.tsv -o result scores.emo # -a roc.tsv
emo-peek -o result images.emo #
emo-cat -q -o result images.emo images.emo #
emo-convert -q -t npz -o result images.emo #
emo-convert -q -f npz -o result images.npz #
emo-convert -q -t safetensors -o result m.model #
emo-convert -q -t png -o result images.emo # -d
emo-similar -q --write-groups groups.tsv -o result images.emo # -a groups.tsv
emo-montage -q --limit 2 --thumb 16x16 -t png -o result images.emo #
emo-plot history -t svg -o result epochs.tsv #
emo-plot confusion -t gnuplot -o result scores.emo #'

@test "the disk is full at every byte, or at 3000 places" {
    injectable
    # shellcheck disable=SC2034 # for sweep
    commands=$writers
    sweep -f -n 3000
}

# too_small COMMAND... -o full/result: in file systems of 4 KiB more each, until it succeeds.
too_small() {
    rm -f full/result
    "$@" 2>/dev/null
    mv full/result wanted
    unshare -rm bash -c '
        for ((size = 4; ; size += 4)); do
            mount -t tmpfs -o size=${size}k tmpfs full
            echo old >full/result
            status=0
            "$@" 2>messages || status=$?
            if [ $status -eq 0 ]; then
                cmp full/result wanted
                exit
            fi
            if [ $status -ne 1 ] || [ "$(cat full/result)" != old ] ||
                [ "$(ls -A full)" != result ] || ! grep -q "No space left" messages; then
                echo "$1 in $size KiB: status $status"
                cat messages
                exit 1
            fi
            umount full
            echo "$1" >>refused
        done' sh "$@"
}

@test "file systems that are too small, of every size up to enough" {
    unshare -rm mount -t tmpfs tmpfs /mnt 2>/dev/null || skip "no file system can be mounted"
    make_stream --split mixed -n 40 -s 32x32x3 --pixels noise -o images.emo
    emo-train -q -n conv.net -e 1 -o m.model images.emo
    emo-predict -q -o scores.emo m.model images.emo
    mkdir full
    : >refused
    too_small emo-unzip -q -s 64x64 -o full/result pictures.zip
    too_small emo-split -q -o full/result images.emo
    too_small emo-augment -q -e 2 -o full/result images.emo
    too_small emo-train -q -j 1 -n conv.net -b 4 -e 1 -o full/result images.emo
    too_small emo-predict -q -o full/result m.model images.emo
    too_small emo-metrics -q -o full/result scores.emo
    too_small emo-peek --values -o full/result images.emo
    too_small emo-cat -q -o full/result images.emo images.emo
    for format in npz npy pnm; do
        too_small emo-convert -q -t $format -o full/result images.emo
    done
    too_small emo-convert -q -t safetensors -o full/result m.model
    too_small emo-convert -q -t onnx -o full/result m.model
    too_small emo-similar -q -o full/result images.emo
    too_small emo-montage -q --thumb 64x64 -t png -o full/result images.emo
    too_small emo-plot confusion -q -t svg -o full/result scores.emo
    echo "# $(wc -l <refused) times too small" >&3
    [ "$(wc -l <refused)" -gt 100 ]
}

@test "a fault anywhere in a pipeline" {
    injectable
    "$BUILD/fault/sweep" -p -s 2 -m 50 "$BUILD/fault/inject.so" result sh -c "${baseline:?}" >report ||
        { cat report && false; }
    sed 's/^/# /' report >&3
}

@test "200 kills of each stage at random moments: the old model, or a new one" {
    injectable
    "$BUILD/fault/sweep" -p -k 200 "$BUILD/fault/inject.so" result sh -c "${baseline:?}" >report ||
        { cat report && false; }
    sed 's/^/# /' report >&3
    "$BUILD/fault/sweep" -p -k 200 "$BUILD/fault/inject.so" result \
        sh -c 'emo-unzip -q -m m.model pictures.zip | emo-predict -q -o result m.model' >report ||
        { cat report && false; }
    sed 's/^/# /' report >&3
}

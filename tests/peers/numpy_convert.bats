# emo-convert beside NumPy: what one writes the other reads.
# shellcheck shell=bash
load ../helper

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    export PATH=$BUILD/unit:$PATH
    for python in python3 /usr/bin/python3 ''; do
        [ -n "$python" ] || skip "python3-numpy is not installed"
        ! "$python" -c 'import numpy' 2>/dev/null || break
    done
    peer=$ROOT/tests/peers/numpy_convert.py
}

@test "NumPy reads what the stream holds: images, and scores" {
    emo-unzip -q -s 20x30 "$SAMPLE" | emo-split -q -o images.emo
    emo-convert -q -t npz -o images.npz images.emo
    "$python" "$peer" check images.emo images.npz
    printf 'flatten\noutput\n' >tiny.net
    emo-train -q -n tiny.net -e 1 -o m.model images.emo
    emo-predict -q -o scores.emo m.model images.emo
    emo-convert -q -t npz -o scores.npz scores.emo
    "$python" "$peer" check scores.emo scores.npz
    # Another stream's arrays are not these.
    emo-unzip -q -s 20x30 "$SAMPLE" | emo-split -q --seed 1 -o others.emo
    run ! "$python" "$peer" check others.emo images.npz
}

@test "names, classes and lines of any bytes come back, and what cannot is said" {
    "$python" "$peer" odd odd.emo
    emo-convert --no-pg -t npz -o odd.npz odd.emo 2>said
    for what in '"raw"' '"many"' '"a/b"' '"level" of 1 records'; do
        grep -q "not kept:.*$what" said
    done
    emo-convert -q --no-pg -f npz -o back.emo odd.npz
    "$python" "$peer" same odd.emo back.emo
}

@test "arrays as people save them become streams, or are refused with a word" {
    mkdir made
    "$python" "$peer" make made
    for file in plain compressed small; do
        emo-convert -q --no-pg -f npz -o $file.emo made/$file.npz
        "$python" "$peer" same made/want.emo $file.emo
    done
    emo-convert -q -f npy made/two.npy | make_stream --list | cut -f 6 >pixels
    make_stream --list made/want.emo | cut -f 6 | cmp pixels -
    local at=0
    while read -r word; do
        run -3 emo-convert -f npz -o wrong.emo made/wrong$at.npz
        [[ $output == *"made/wrong$at.npz:"*"$word"* ]]
        [ ! -e wrong.emo ]
        at=$((at + 1))
    done <<'END'
astype('uint8')
transpose
ascontiguousarray
there are 7 records
row 2: no index
whole numbers
unknown array "more"
astype(str)
a name twice
no array named images
not one of none, train, valid, test
row 1: no id
END
    [ $at -eq 12 ]
}

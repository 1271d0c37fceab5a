#!/usr/bin/env bats
# Least privilege: what a program cannot do once it looks at its input, and what it still can.
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    PATH=$BUILD/unit:$PATH
    make_stream --split mixed -o images.emo
    printf 'flatten\noutput\n' >tiny.net
    emo-train -q -n tiny.net -e 1 -o m.model images.emo
    emo-predict -q -o scores.emo m.model images.emo
    mkdir -p "pictures/class 0" "pictures/class 1"
    cp "$ROOT"/tests/data/pictures/rgb.jpg "pictures/class 0"
    cp "$ROOT"/tests/data/pictures/gray.jpg "pictures/class 1"
    bsdtar -cf pictures.tar pictures
}

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
    # Beside, not below, what the programs may touch.
    SECRET=$BATS_FILE_TMPDIR/secret.$BATS_TEST_NUMBER
    echo secret >"$SECRET"
    mkdir spool
    export SECRET TMPDIR=$T/spool
}

# The sanitizers look around in the process, so that what is built with them is not confined.
confined() {
    ! nm "$BIN/emo-unzip" | grep -qE '__(asan|tsan)_init' || skip "built with a sanitizer"
    [ "$(uname -s)" = Linux ] || skip "not Linux"
}

# intruded COMMAND...: runs it with the intruder in it, standard output thrown away. What was
# refused is in $refused, what was done in $done.
intruded() {
    LD_PRELOAD=$BUILD/fault/intruder.so "$@" >/dev/null 2>messages
    refused=$(sed -n 's/^intruder: \(.*\) refused$/\1/p' messages | tr '\n' ' ')
    done=$(sed -n 's/^intruder: \(.*\) done$/\1/p' messages | tr '\n' ' ')
    [ -n "$refused$done" ]
}

# nothing BUT...: the intruder did nothing but these.
nothing() {
    local left=$done allowed
    # Without Landlock, what concerns files is not refused.
    if grep -q '^intruder: landlock 0' messages; then
        set -- open read write remove create signal "$@"
    elif grep -q '^intruder: landlock [1-5]' messages; then
        set -- signal "$@"
    fi
    for allowed; do
        left=${left/"$allowed "/}
    done
    [ -z "$left" ] || {
        echo "an intruder could: $left"
        cat messages
        return 1
    }
}

@test "a decoder of emo-unzip can open no file and no socket, and start nothing" {
    confined
    intruded emo-unzip -q -j 1 -s 8x8 -o out.emo pictures.tar
    nothing
    intruded emo-unzip -q -j 3 -s 8x8 "$SAMPLE"
    nothing
    intruded emo-unzip -q -s 8x8 <pictures.tar
    nothing
    # Pictures in a directory are opened one by one: they can be, and nothing else.
    intruded emo-unzip -q -s 8x8 -o out.emo pictures
    nothing
    intruded emo-unzip -q -s 8x8 pictures/class*/*
    nothing
    [ -e "$SECRET" ]
    if grep -q '^intruder: landlock 0' messages; then
        skip "this kernel has no Landlock: files were not tried"
    fi
}

@test "nor can the other programs" {
    confined
    # Beside the refused: train and predict compile their kernels as they run.
    intruded emo-split -q images.emo
    nothing
    intruded emo-augment -q -e 2 images.emo
    nothing
    intruded emo-train -q -n tiny.net -e 1 images.emo
    nothing code
    intruded emo-predict -q m.model images.emo
    nothing code
    intruded emo-metrics -q scores.emo
    nothing
    intruded emo-cat -q images.emo
    nothing
    intruded emo-peek -q images.emo
    nothing code
    intruded emo-plot confusion -q -t gnuplot scores.emo
    nothing
    intruded emo-convert -q -t npz images.emo
    nothing
    intruded emo-montage -q --scores scores.emo images.emo
    nothing
    intruded emo-similar -q images.emo
    nothing
    [ -e "$SECRET" ]
}

@test "with --no-sandbox all of that is possible: the intruder does not pretend" {
    confined
    intruded emo-unzip -q --no-sandbox -s 8x8 pictures.tar
    [ -z "$refused" ]
    [ ! -e "$SECRET" ]
    echo secret >"$SECRET"
    intruded emo-split -q --no-sandbox images.emo
    [ -z "$refused" ]
}

@test "with --no-sandbox or without, every program writes the same" {
    local command
    while read -r command; do
        # shellcheck disable=SC2086 # words
        $command -o confined </dev/null
        # shellcheck disable=SC2086
        $command --no-sandbox -o free </dev/null
        cmp confined free
    done <<'END'
emo-unzip -q -s 8x8 pictures
emo-split -q images.emo
emo-augment -q -e 2 images.emo
emo-train -q -n tiny.net -e 1 images.emo
emo-predict -q m.model images.emo
emo-metrics -q scores.emo
emo-plot scores -q -t png scores.emo
emo-cat -q --sample 5 images.emo images.emo
emo-peek --values images.emo
emo-convert -q -t npz images.emo
emo-montage -q -t png --scores scores.emo images.emo
emo-similar -q images.emo
END
}

@test "pictures behind links, in lists, in pipes and in several places are read" {
    mkdir -p linked/a elsewhere
    cp pictures/class*/rgb.jpg elsewhere/x.jpg
    ln -s "$T/elsewhere/x.jpg" linked/a/x.jpg
    ln -s ../elsewhere linked/b
    emo-unzip -q --strict -s 8x8 -o linked.emo linked
    emo-unzip -q --strict -s 8x8 --no-sandbox -o free.emo linked
    cmp linked.emo free.emo
    emo-unzip -q --strict -s 8x8 -o direct.emo linked/a/x.jpg
    printf '%s\n' linked/a/x.jpg pictures pictures.tar >list
    emo-unzip -q --strict -s 8x8 -T list -o listed.emo
    emo-unzip -q --strict -s 8x8 -T - <list | cmp - listed.emo
    TMPDIR=$T/elsewhere emo-unzip -q --strict -s 8x8 -o spooled.emo - pictures "$SAMPLE" <pictures.tar
    emo-split -q -o split.emo <(cat images.emo)
    emo-split -q -o split2.emo /dev/stdin <images.emo
    cmp split.emo split2.emo
}

@test "outputs appear in other folders, behind links, in devices and fifos" {
    mkdir -p far
    ln -s far/target.emo link.emo
    emo-split -q -o link.emo images.emo
    [ -L link.emo ]
    [ -s far/target.emo ]
    emo-split -q -o "$T/far/again.emo" images.emo
    cmp far/again.emo far/target.emo
    emo-split -q -o /dev/null images.emo
    mkfifo fifo
    cat fifo >through &
    emo-split -q -o fifo images.emo
    wait
    cmp through far/target.emo
    mkdir tables
    emo-metrics -q --roc tables/roc.tsv --pr far/pr.tsv -o report.txt scores.emo
    [ -s tables/roc.tsv ]
    [ -s far/pr.tsv ]
    TMPDIR=$T/far emo-augment -q -e 1 --memory 0 -o spilt.emo images.emo
    [ "$(find far | wc -l)" -eq 4 ]
}

#!/usr/bin/env bats
# An upstream that dies halfway, at each stage of each pipeline of the manual, in plain sh: no
# pipefail, no trap. The last program exits with 3, writes nothing, and leaves what was there.
load helper

# Big enough that no stage's output fits into a pipe.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    PATH=$BUILD/unit:$PATH
    cp "$SAMPLE" photos.zip
    emo-unzip -q -s 96x96 photos.zip | emo-split -q -o photos.emo
    printf 'avgpool 8\nflatten\noutput\n' >tiny.net
    emo-train -q -n tiny.net -e 1 -o old.model photos.emo
    emo-predict -q -o scores.emo old.model photos.emo
}

# The pipelines of the manual, with a small network. The last program is the one that must notice.
pipeline() {
    case $1 in
    train) echo 'emo-unzip -q -s 96x96 photos.zip | emo-split -q | emo-augment -q -e 2 |
        emo-train -q -n tiny.net -o result' ;;
    unaugmented) echo 'emo-unzip -q -s 96x96 photos.zip | emo-split -q |
        emo-train -q -n tiny.net -e 1 -o result' ;;
    split) echo 'emo-unzip -q -s 96x96 photos.zip | emo-split -q -o result' ;;
    valid) echo 'emo-unzip -q -s 96x96 photos.zip | emo-split -q --only valid >result' ;;
    predict) echo 'emo-unzip -q -m old.model photos.zip | emo-predict -q -o result old.model' ;;
    table) echo 'emo-unzip -q -m old.model photos.zip | emo-predict -q --tsv -o result old.model' ;;
    montage) echo 'emo-unzip -q -s 96x96 photos.zip | emo-split -q --only valid |
        emo-montage -q -o result' ;;
    similar) echo 'emo-unzip -q -s 96x96 photos.zip | emo-split -q |
        emo-similar -q --write-groups groups.tsv -o result' ;;
    cat) echo 'emo-unzip -q -s 96x96 photos.zip | emo-cat -q --limit 20 -o result' ;;
    peek) echo 'emo-unzip -q -s 96x96 photos.zip | emo-split -q | emo-peek -c -o result' ;;
    convert) echo 'emo-unzip -q -s 96x96 photos.zip | emo-convert -q -t npz -o result' ;;
    pnm) echo 'emo-split -q --only valid photos.emo | emo-convert -q -t pnm -o result' ;;
    plot) echo 'cat photos.emo photos.emo | emo-predict -q old.model | emo-plot roc -q -t svg -o result' ;;
    metrics) echo 'cat photos.emo photos.emo | emo-predict -q old.model | emo-metrics -q -o result' ;;
    esac
}

# fake PROGRAM: the program of that name, found first, is standard input; $REAL is the real one.
fake() {
    mkdir -p fake
    rm -f fake/*
    { echo '#!/bin/sh'; cat; } >"fake/$1"
    chmod +x "fake/$1"
    REAL=$(command -v "$1")
    export REAL
}

# noticed NAME: the pipeline ends with 3, a message, and an unchanged result.
noticed() {
    local line status=0
    line=$(pipeline "$1")
    ln -sf "$BATS_FILE_TMPDIR"/* .
    rm -f result
    case $line in *'>result') ;; *) echo old >result ;; esac
    PATH=$PWD/fake:$PATH sh -c "$line" 2>messages || status=$?
    if [ "$status" -ne 3 ]; then
        echo "$1 with a $(ls fake) that dies: status $status"
        cat messages
        return 1
    fi
    [ -s messages ]
    case $line in
    *'>result')
        run -3 mutate_read result
        ;;
    *) [ "$(cat result)" = old ] ;;
    esac
    [ -z "$(find . -name '.*emo-*')" ]
}

mutate_read() { "$BUILD/unit/mutate" --read <"$1"; }

# dies PIPELINE STAGE...: cuts the output of each stage at several places, its writer killed.
dies() {
    local name=$1 stage cut
    shift
    for stage; do
        for cut in 0 63 5000 200000 last; do
            # The last frame, END, is 64 bytes long: without it the stream ends between records.
            if [ "$cut" = last ]; then
                # shellcheck disable=SC2016 # for the fake
                fake "$stage" <<<'"$REAL" "$@" | head -c -64; kill -9 $$'
            else
                fake "$stage" <<<"\"\$REAL\" \"\$@\" | head -c $cut; kill -9 \$\$"
            fi
            noticed "$name"
        done
    done
}

@test "training: emo-unzip, emo-split or emo-augment dies" {
    dies train emo-unzip emo-split emo-augment
}

@test "training without augmentation" {
    dies unaugmented emo-unzip emo-split
}

@test "splitting to a file, and to standard output" {
    dies split emo-unzip
    dies valid emo-unzip
}

@test "predicting to a stream and to a table" {
    dies predict emo-unzip
    dies table emo-unzip
}

@test "a contact sheet" {
    dies montage emo-unzip emo-split
}

@test "near-duplicates" {
    dies similar emo-unzip emo-split
}

@test "joining, listing, exchanging and drawing" {
    dies cat emo-unzip
    dies peek emo-split
    dies convert emo-unzip
    dies pnm emo-split
    dies plot emo-predict
}

@test "metrics: cat or emo-predict dies" {
    dies metrics cat emo-predict
}

@test "the real program is killed while it writes" {
    for stage in emo-unzip emo-split emo-augment; do
        # Its output goes through a fifo, so that it is alive when 100,000 bytes have come.
        fake "$stage" <<'END'
mkfifo fifo.$$
exec 3<&0
"$REAL" "$@" >fifo.$$ <&3 &
{
    head -c 100000
    kill -9 $!
    cat
} <fifo.$$
rm fifo.$$
END
        noticed train
        grep -q 'cut short' messages
    done
}

@test "an upstream that fails says why, at the far end, too" {
    ln -s "$BATS_FILE_TMPDIR"/* .
    # shellcheck disable=SC2016 # for that sh
    run -3 --separate-stderr sh -c 'head -c 300000 photos.emo | emo-split -q | emo-augment -q -e 1 |
        emo-train -q -n tiny.net -o result'
    # shellcheck disable=SC2154 # set by run
    [[ $(grep emo-train <<<"$stderr") == *"aborted upstream"*"emo-split: <stdin>"*"cut short"* ]]
    [ ! -e result ]
}

# pipelines/baseline on the sample, and what it leaves when a stage fails.
load helper

baseline() {
    "$ROOT/pipelines/baseline" -s 96x96 -e 1 --group '([0-9a-f-]+)_' "$@"
}

# Puts programs of our own before the real ones: all of them, but $1 replaced by standard input.
replace() {
    mkdir -p fake/bin
    ln -sf "$BIN"/emo-* fake/bin
    rm "fake/bin/$1"
    { echo '#!/bin/sh'; cat; } >"fake/bin/$1"
    chmod +x "fake/bin/$1"
    export BUILD=$T/fake REAL=$BIN/$1
}

nothing_left() {
    for f in out out.part*; do
        [ ! -e "$f" ] || return 1
    done
}

@test "the job gives all six results, and the same bytes again" {
    baseline "$SAMPLE" out
    for f in baseline.model history.tsv scores.emo metrics.txt metrics.json roc.tsv; do
        [ -s "out/$f" ]
    done
    [ "$(find out -type f | wc -l)" -eq 6 ]
    cp -r out first
    # Results are replaced only when asked for, and nothing else is ever removed.
    run -2 baseline "$SAMPLE" out
    cmp out/scores.emo first/scores.emo
    baseline -f -j 1 "$SAMPLE" out
    cmp out/baseline.model first/baseline.model
    cmp out/metrics.json first/metrics.json
    echo mine >out/notes
    run -2 baseline -f "$SAMPLE" out
    [ "$(cat out/notes)" = mine ]
}

@test "no drawing of a validation emoji was trained on" {
    emo-unzip -q -s 8x8 "$SAMPLE" | emo-split -q --group '([0-9a-f-]+)_' -o photos.emo
    for part in train valid; do
        emo-split -q --only $part -o $part.emo photos.emo
        grep -aEo '[0-9a-f-]+_[a-z0-9-]+\.jpg' $part.emo | sed 's/_.*//' | sort -u >$part.txt
    done
    [ "$(cat train.txt valid.txt | wc -l)" -eq 107 ]
    [ -z "$(comm -12 train.txt valid.txt)" ]
}

@test "a stage that fails, or is killed halfway, leaves nothing" {
    for stage in unzip split augment train predict metrics; do
        # Its output cut off, and the program killed.
        replace emo-$stage <<'END'
"$REAL" "$@" | head -c 100000
kill -9 $$
END
        run baseline "$SAMPLE" out
        [ "$status" -ne 0 ]
        nothing_left
        # A failure before anything was written.
        replace emo-$stage <<<'exit 1'
        run baseline "$SAMPLE" out
        [ "$status" -ne 0 ]
        nothing_left
    done
}

@test "a signal ends the job and leaves nothing" {
    replace emo-predict <<'END'
kill -TERM $PPID
sleep 1
END
    run -143 baseline "$SAMPLE" out
    nothing_left
}

@test "wrong use says so" {
    for args in "" "one" "a b c" "-x a b" "-s"; do
        # shellcheck disable=SC2086 # words
        run -2 "$ROOT/pipelines/baseline" $args
        [[ $output == *usage:* ]]
    done
    run "$ROOT/pipelines/baseline" -s 96x96 missing.zip out
    [ "$status" -ne 0 ]
    nothing_left
}

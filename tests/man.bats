# Runs the examples of every man page, so that none of them is wrong.
#
# Of emo-*.1, every .Dl line and .Bd -literal block under EXAMPLES is a command, or several; of
# emo.7, those under DESCRIPTION too; of emo-*.5 the .Dl lines only, for a block there is text of
# the format it describes. The commands of a page are run in order by one sh -e, in a directory of
# its own with these files:
#   photos.zip      the sample (tests/data/emoji-5050.zip)
#   photos.emo      the sample at 96x96, split with every drawing of an emoji on one side
#   baseline.model  trained on photos.emo for one epoch
#   scores.emo      of photos.emo, by baseline.model
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    cp "$SAMPLE" photos.zip
    emo-unzip -q -s 96x96 photos.zip | emo-split -q --group '([0-9a-f-]+)_' -o photos.emo
    emo-train -q -e 1 -o baseline.model photos.emo
    emo-predict -q -o scores.emo baseline.model photos.emo
}

# Prints the commands of the page $1.
commands() {
    awk -v page="$1" '
        BEGIN { section = page ~ /\.5$/ ? 5 : 1; tutorial = page ~ /emo\.7$/ }
        function plain(s) {
            gsub(/\\&/, "", s)
            gsub(/\\-/, "-", s)
            gsub(/\\\(aq/, "\047", s)
            gsub(/\\\(dq/, "\"", s)
            gsub(/\\\(ha/, "^", s)
            gsub(/\\\(ti/, "~", s)
            gsub(/\\e/, "\\", s)
            return s
        }
        /^\.Sh / { wanted = /^\.Sh EXAMPLES/ || (tutorial && /^\.Sh DESCRIPTION/) }
        !wanted { next }
        /^\.Dl / { print plain(substr($0, 5)); next }
        /^\.Bd -literal/ { literal = section != 5; next }
        /^\.Ed/ { literal = 0 }
        literal { print plain($0) }
    ' "$1"
}

run_pages() {
    local page name failed=0
    for page in "$@"; do
        name=${page##*/}
        commands "$page" >"$name.sh"
        mkdir "$name.d"
        ln "$BATS_FILE_TMPDIR"/photos.* "$BATS_FILE_TMPDIR"/baseline.model \
            "$BATS_FILE_TMPDIR"/scores.emo "$name.d"
        (cd "$name.d" && sh -ex "../$name.sh" >../out 2>&1) && continue
        echo "$name: an example fails with status $?"
        tail -n 20 out
        failed=1
    done
    return $failed
}

@test "the examples of the programs' pages run" {
    run_pages "$ROOT"/man/emo-*.1
}

@test "the examples of the formats' pages run" {
    run_pages "$ROOT"/man/emo-*.5
}

@test "the tutorial runs" {
    run_pages "$ROOT"/man/emo.7
    grep -q '^emo-train' emo.7.sh
    [ "$(wc -l <emo.7.d/scores.tsv)" -eq 632 ]
    [ -s emo.7.d/photos.model ]
}

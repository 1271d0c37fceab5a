# For tests/fault.bats and tests/exhaustive/fault.bats: small inputs, and every program with each of
# its calls failing in turn. What must come of that, tests/fault/sweep.c says.

# The injected library would stand before that of a sanitizer, and counts calls of glibc's.
injectable() {
    ! nm "$BIN/emo-unzip" | grep -qE '__(asan|tsan)_init' || skip "built with a sanitizer"
    getconf GNU_LIBC_VERSION >/dev/null 2>&1 || skip "not glibc"
}

small_inputs() {
    PATH=$BUILD/unit:$PATH
    make_stream --split mixed -n 12 -o images.emo
    printf 'flatten\noutput\n' >tiny.net
    printf 'conv 4 3 stride 2 relu\nmaxpool 2\nflatten\noutput\n' >conv.net
    mkdir -p pictures/a pictures/b
    cp "$ROOT"/tests/data/pictures/{rgb.jpg,rgb.png} pictures/a
    cp "$ROOT"/tests/data/pictures/{gray.jpg,palette.png} pictures/b
    bsdtar -cf pictures.tar pictures
    bsdtar --format zip -cf pictures.zip pictures
    emo-unzip -q -s 24x24 -o larger.emo pictures
    emo-train -q -n tiny.net -e 1 -o m.model images.emo
    emo-predict -q -o scores.emo m.model images.emo
    emo-convert -q -t npz -o images.npz images.emo
}

# sweep OPTION... : every program.
sweep() {
    local command failed=0
    while read -r command; do
        # shellcheck disable=SC2086 # words
        "$BUILD/fault/sweep" "$@" "$BUILD/fault/inject.so" result $command >report || failed=1
        sed 's/^/# /' report >&3
    done <<'END'
emo-unzip -j 2 -s 8x8 -o result pictures.zip
emo-unzip -j 2 -s 8x8 -o result pictures.tar
emo-unzip -j 1 -s 8x8 -o result pictures
emo-unzip -q -m m.model -o result pictures.zip
emo-split -o result images.emo
emo-split --memory 0 --again --group (.) -o result images.emo
emo-augment -j 2 -e 2 --memory 500 -o result images.emo
emo-train -j 2 -n tiny.net -b 4 -e 2 --memory 0 --history history.tsv -o result images.emo
emo-train -q -j 1 -n conv.net -b 4 -e 1 -o result larger.emo
emo-predict -j 2 -o result m.model images.emo
emo-predict -q --tsv -o result m.model images.emo
emo-metrics --roc roc.tsv -o result scores.emo
emo-metrics -q --json -o result scores.emo
emo-peek --values -o result images.emo
emo-peek -q --json -H -o result m.model
emo-convert -q -t npz -o result images.emo
emo-convert -q -f npz -o result images.npz
END
    return $failed
}

# The whole pipeline of the baseline, with a small network.
# shellcheck disable=SC2034 # for those who load this
baseline='emo-unzip -j 2 -s 8x8 pictures.zip | emo-split -r 0.5 | emo-augment -j 2 -e 2 |
    emo-train -j 2 -n tiny.net -b 4 -o result'

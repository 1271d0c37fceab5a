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
    emo-metrics -q --roc roc.tsv scores.emo >report.txt
    emo-train -q -n tiny.net -e 2 --history epochs.tsv -o other.model images.emo
    emo-similar -q --write-groups similar.tsv images.emo >similar.txt
    emo-convert -q -t npz -o images.npz images.emo
    emo-convert -q -t npy -o images.npy images.emo
    emo-convert -q -t pnm -o images.pnm images.emo
    emo-convert -q -t png -o png images.emo
    emo-convert -q -t safetensors -o m.safetensors m.model
    printf 'class 0/0_0.jpg\nclass 1/3_3.jpg\n' >names
    printf 'name\tclass\nclass 0/0_0.jpg\tnew\nclass 1/3_3.jpg\tclass 0\n' >labels.tsv
    head -c 1500 images.emo >cut.emo
    # Checkpoints in the middle of the second of three epochs.
    emo-augment -q -e 3 -o epochs.emo images.emo
    head -c 3000 epochs.emo >cut.epochs
    ! emo-train -q -n tiny.net -b 2 --checkpoint half -o none cut.epochs 2>/dev/null
    ! emo-train -q -n tiny.net -b 2 --keep-best val_loss --checkpoint best -o none cut.epochs 2>/dev/null
    [ -s half ] && [ -s best ]
}

# sweep OPTION... : every program, with its own options of sweep after the "#".
sweep() {
    local line failed=0
    set -f
    while read -r line; do
        # shellcheck disable=SC2086 # words
        "$BUILD/fault/sweep" "$@" ${line#*#} "$BUILD/fault/inject.so" result ${line%%#*} >report ||
            failed=1
        sed 's/^/# /' report >&3
    done <<<"$commands"
    set +f
    return $failed
}

commands='emo-unzip -j 2 -s 8x8 -o result pictures.zip #
emo-unzip -j 2 -s 8x8 -o result pictures.tar #
emo-unzip -j 1 -s 8x8 -o result pictures #
emo-unzip -q -m m.model -o result pictures.zip #
emo-unzip -q -s 8x8 pictures.zip # -o
emo-split -o result images.emo #
emo-split --memory 0 --again --group (.) -o result images.emo #
emo-split --again --group-file similar.tsv images.emo # -o
emo-augment -j 2 -e 2 --memory 500 -o result images.emo #
emo-train -j 2 -n tiny.net -b 4 -e 2 --memory 0 --history history.tsv -o result images.emo #
emo-train -q -j 1 -n conv.net -b 4 -e 1 -o result larger.emo #
emo-train -q -j 1 --init m.model -e 1 --keep-best val_loss images.emo # -o
emo-train -q -j 2 -n tiny.net -b 4 -e 2 --checkpoint new --resume -o result images.emo # -c new
emo-train -q -j 1 --checkpoint half --resume -o result epochs.emo # -c half
emo-train -q -j 1 --checkpoint best --resume -o result epochs.emo # -c best
emo-predict -j 2 -o result m.model images.emo #
emo-predict -q --tsv -o result m.model images.emo #
emo-predict -q m.model images.emo # -o
emo-metrics --roc roc.tsv -o result scores.emo # -a roc.tsv
emo-metrics -q --json -o result scores.emo #
emo-metrics -q scores.emo # -o
emo-peek --values -o result images.emo #
emo-peek -q --json -H -o result m.model #
emo-peek --count -o result images.emo #
emo-peek --stats -o result images.emo #
emo-peek --net m.model # -o
emo-peek --verify -o result images.emo m.model #
emo-peek --headers images.emo # -o
emo-cat -o result images.emo images.emo #
emo-cat --memory 300 --sample 5 --range 1:4 -o result images.emo #
emo-cat -T names --only train,none -o result images.emo #
emo-cat --labels labels.tsv --limit 2 --shard 1/2 images.emo # -o
emo-cat --class c --map a=c --name *.jpg --invert -o result larger.emo #
emo-cat --salvage -o result cut.emo #
emo-convert -q -t npz -o result images.emo #
emo-convert -q -f npz -o result images.npz #
emo-convert -q -t npy -o result images.emo #
emo-convert -q -f npy images.npy # -o
emo-convert -q -t pnm -o result images.emo #
emo-convert -q -f pnm -o result images.pnm #
emo-convert -q -t png -o result images.emo # -d
emo-convert -q -f png -o result png #
emo-convert -q -t safetensors -o result m.model #
emo-convert -q -f safetensors -o result m.safetensors #
emo-convert -q -t onnx -o result m.model #
emo-similar --write-groups groups.tsv -o result images.emo # -a groups.tsv
emo-similar -q --json images.emo # -o
emo-montage --limit 2 --thumb 16x16 -t png -o result images.emo # -l
emo-montage -q --scores scores.emo --sort mistake --thumb 16x16 -t jpeg -o result images.emo # -l
emo-montage -q --by-group similar.tsv --thumb 16x16 -o result images.emo # -l
emo-plot history -t svg -o result epochs.tsv #
emo-plot scores -t png -o result scores.emo #
emo-plot calibration -t pdf -o result scores.emo #
emo-plot confusion -t gnuplot -o result scores.emo #'

# The whole pipeline of the baseline, with a small network.
# shellcheck disable=SC2034 # for those who load this
baseline='emo-unzip -j 2 -s 8x8 pictures.zip | emo-split -r 0.5 | emo-augment -j 2 -e 2 |
    emo-train -j 2 -n tiny.net -b 4 -o result'

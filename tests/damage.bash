# Loaded by the suites that damage streams: what every program is run on, and how.

# 20 images of 4x4 as images.emo, a model that takes them as m.model, their scores as scores.emo.
small_streams() {
    PATH=$BUILD/unit:$PATH
    make_stream --split mixed -o images.emo
    printf 'flatten\noutput\n' >tiny.net
    emo-train -q -n tiny.net -e 2 -b 8 -o m.model images.emo
    emo-predict -q -o scores.emo m.model images.emo
    rm -f c.emo
    emo-train -q -n tiny.net -e 2 -b 8 --keep-best val_loss --checkpoint c.emo -o other images.emo
    mkdir -p pictures/class\ {0,1}
    cp "$ROOT"/tests/data/pictures/rgb.png "pictures/class 0"
    cp "$ROOT"/tests/data/pictures/rgb.jpg "pictures/class 1"
}

# needs PROGRAM: skips where it is not built.
needs() {
    [ -x "$BIN/$1" ] || skip "no $1"
}

# through OPTION... -- STREAM PROGRAM...: first that all is well with the whole stream.
through() {
    local how=() args=()
    while [ "$1" != -- ]; do
        how+=("$1")
        shift
    done
    shift
    local stream=$1 arg
    shift
    for arg; do
        case $arg in @) arg=$stream ;; %) arg=whole.out ;; esac
        args+=("$arg")
    done
    "${args[@]}" <"$stream" >/dev/null 2>whole.err || {
        cat whole.err
        echo "the undamaged stream is refused"
        return 1
    }
    mutate "${how[@]}" "$stream" "$@"
}

# damage JOB OPTION...: damages what a program reads.
damage() {
    local job=$1
    shift
    case $job in
    emo-split) through "$@" -- images.emo emo-split -q ;;
    emo-augment) through "$@" -- images.emo emo-augment -q -e 2 -o % ;;
    emo-train) through "$@" -- images.emo emo-train -q -j 1 -n tiny.net -e 1 -o % ;;
    emo-train-init) through "$@" -- m.model emo-train -q -j 1 -n tiny.net -e 1 --init @ -o % images.emo ;;
    emo-train-resume) through "$@" -- c.emo emo-train -q -j 1 --checkpoint @ --resume -o % images.emo ;;
    emo-predict) through "$@" -- images.emo emo-predict -q -j 1 m.model ;;
    emo-predict-model) through "$@" -- m.model emo-predict -q -j 1 @ images.emo ;;
    emo-metrics) through "$@" -- scores.emo emo-metrics -q -o % ;;
    emo-cat) through "$@" -- images.emo emo-cat -q -o % ;;
    emo-cat-second) through "$@" -- images.emo emo-cat -q --range=-3: -o % images.emo @ ;;
    emo-peek) through "$@" -- images.emo emo-peek -o % ;;
    emo-peek-values) through "$@" -- scores.emo emo-peek --values -o % @ ;;
    emo-convert) through "$@" -- images.emo emo-convert -q -t npz -o % ;;
    emo-convert-model) through "$@" -- m.model emo-convert -q -t safetensors -o % ;;
    emo-convert-onnx) through "$@" -- m.model emo-convert -q -t onnx -o % ;;
    emo-montage) through "$@" -- images.emo emo-montage -q -t png --thumb 8x8 -o % ;;
    emo-montage-scores) through "$@" -- scores.emo emo-montage -q -t png --thumb 8x8 --scores @ -o % images.emo ;;
    emo-plot) through "$@" -- scores.emo emo-plot confusion -q -t gnuplot -o % ;;
    emo-similar) through "$@" -- images.emo emo-similar -q --write-groups groups.tsv -o % ;;
    emo-unzip-model) through "$@" -- m.model emo-unzip -q -j 1 -m @ -o % pictures ;;
    esac
}

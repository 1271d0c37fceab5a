#!/usr/bin/env bats
# Memory stays flat from 100 to 10,000 records where a program passes records through, and within
# --memory where one keeps them. Peaks are printed, in KiB.
load ../helper

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    export PATH=$BUILD/unit:$PATH
    command -v /usr/bin/time >/dev/null || skip "no /usr/bin/time"
}

# peak COMMAND...: runs it; its peak resident memory in $peak, in KiB.
peak() {
    /usr/bin/time -o rss -f %M "$@"
    peak=$(tail -n 1 rss)
}

# flat LIMIT COMMAND...: input.100 and input.10000 through standard input.
flat() {
    local limit=$1 small
    shift
    peak "$@" <input.100 >/dev/null
    small=$peak
    peak "$@" <input.10000 >/dev/null
    echo "# $1: $small KiB for 100 records, $peak KiB for 10,000" >&3
    [ "$peak" -le $((small + limit)) ]
}

images() {
    make_stream --split mixed -n 100 -s "$1" -o input.100
    make_stream --split mixed -n 10000 -s "$1" -o input.10000
}

@test "emo-split" {
    images 64x64x3
    flat 1024 emo-split -q
    flat 1024 emo-split -q --only valid
}

@test "emo-peek" {
    images 64x64x3
    flat 1024 emo-peek
    flat 1024 emo-peek --stats
}

@test "emo-cat" {
    images 64x64x3
    flat 1024 emo-cat -q --limit 30
    flat 1024 emo-cat -q --name '*7*'
}

@test "emo-predict" {
    images 64x64x3
    printf 'conv 4 3 stride 2 relu\nmaxpool 2\nflatten\noutput\n' >tiny.net
    emo-train -q -n tiny.net -e 1 -o m.model input.100
    flat 2048 emo-predict -q -j 2 m.model
    flat 2048 emo-predict -q -j 2 --tsv m.model
}

@test "emo-unzip, of archives with 100 and 10,000 pictures" {
    command -v python3 >/dev/null || skip "no python3"
    emo-unzip -h >/dev/null
    for n in 100 10000; do
        python3 - "$SAMPLE" $n <<'END'
import sys, zipfile
source = zipfile.ZipFile(sys.argv[1])
names = [n for n in source.namelist() if n.endswith(".jpg")]
with zipfile.ZipFile("input." + sys.argv[2] + ".zip", "w") as out:
    for i in range(int(sys.argv[2])):
        name = names[i % len(names)]
        out.writestr("%s/%d.jpg" % (name.split("/")[-2], i), source.read(name))
END
    done
    # What is known of each entry grows, by less than 1 KiB; pictures do not add up.
    for jobs in 1 4; do
        peak emo-unzip -q -j $jobs -s 96x96 -o 100.emo input.100.zip
        small=$peak
        peak emo-unzip -q -j $jobs -s 96x96 -o 10000.emo input.10000.zip
        echo "# emo-unzip -j $jobs: $small KiB for 100 pictures, $peak KiB for 10,000" >&3
        [ "$peak" -le $((small + 10000)) ]
    done
}

@test "emo-augment, within --memory and a little" {
    images 64x64x3
    # 117 MiB of train images, of which 16 MiB may be kept.
    make_stream --split train -n 10000 -s 64x64x3 -o input.10000
    peak emo-augment -q -j 1 -e 1 --memory 16M <input.10000 >/dev/null
    echo "# emo-augment --memory 16M: $peak KiB" >&3
    [ "$peak" -le $(((16 + 16) * 1024)) ]
}

@test "emo-convert, to arrays within --memory and a little, and flat from them" {
    images 64x64x3
    peak emo-convert -q -t npz --memory 16M -o input.10000.npz input.10000
    echo "# emo-convert --memory 16M: $peak KiB" >&3
    [ "$peak" -le $(((16 + 16) * 1024)) ]
    emo-convert -q -t npz -o input.100.npz input.100
    for n in 100 10000; do mv input.$n.npz input.$n; done
    flat 2048 emo-convert -q -f npz
}

@test "emo-train, within --memory and a little" {
    make_stream --split train -n 10000 -s 64x64x3 -o input.10000
    printf 'avgpool 32\nflatten\noutput\n' >tiny.net
    peak emo-train -q -j 1 -n tiny.net -e 1 --memory 16M -o m.model <input.10000
    echo "# emo-train --memory 16M: $peak KiB" >&3
    [ "$peak" -le $(((16 + 96) * 1024)) ]
}

@test "emo-montage --limit" {
    images 64x64x3
    make_stream -k scores -n 10000 -o scores.emo
    flat 2048 emo-montage -q --limit 20
    # Scores are kept, images are not.
    flat 2048 emo-montage -q --limit 20 --scores scores.emo --sort mistake
}

@test "emo-similar" {
    images 64x64x3
    # 400 bytes an image, its name, and the table of the groups that made pictures fall into.
    flat 16384 emo-similar -q
}

@test "emo-metrics" {
    make_stream -k scores -n 100 -o input.100
    make_stream -k scores -n 10000 -o input.10000
    # Scores are few and small, and kept.
    flat 16384 emo-metrics -q
}

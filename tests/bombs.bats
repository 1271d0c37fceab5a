#!/usr/bin/env bats
# Small files that claim, or unpack to, more than any machine has: each is refused within a second
# of processor time and 200 MB.
load helper

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/bombs"
    python3 "$ROOT/tests/bombs.py" "$BATS_FILE_TMPDIR/bombs" 2>/dev/null
}

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$BATS_FILE_TMPDIR/bombs" || return
    PATH=$BUILD/unit:$PATH
    command -v /usr/bin/time >/dev/null || skip "no /usr/bin/time"
}

# Sanitizers take time and memory of their own.
if grep -q __asan_init "$BIN/emo-unzip"; then MOST_SECONDS=30 MOST_KIB=4000000; fi

# within STATUS COMMAND...: it ends so, with a message, in a second and 200 MB, and leaves no output.
within() {
    local want=$1 status=0 user system peak
    shift
    /usr/bin/time -o "$T/cost" -f '%U %S %M' "$@" >/dev/null 2>"$T/message" </dev/null || status=$?
    read -r user system peak < <(tail -n 1 "$T/cost")
    echo "$user + $system s, $peak KiB: $*"
    cat "$T/message"
    [ "$status" -eq "$want" ]
    [ -s "$T/message" ]
    [ "$peak" -le "${MOST_KIB-200000}" ]
    awk "BEGIN { exit !($user + $system < ${MOST_SECONDS-1}) }"
    [ "$want" -eq 0 ] || [ ! -e "$T/result" ]
}

# says WORDS: the message does.
says() {
    grep -q -e "$1" "$T/message"
}

unzip_within() {
    within "$1" emo-unzip -j 2 -s 8x8 -o "$T/result" "$2"
}

@test "archives in archives, six deep, are not opened" {
    unzip_within 3 42.zip
    says '16 archives within'
}

@test "deflate at 1032:1, a picture by its name or by its first bytes" {
    unzip_within 3 zeros.zip
    says 'not a picture'
    unzip_within 3 start.zip
    says 'far more than is stored'
}

@test "entries that lie over each other, or all in one place" {
    unzip_within 3 overlapping.zip
    says 'lie over each other'
    unzip_within 3 same.zip
}

@test "tars of zeros, compressed in every way" {
    local name
    for name in jpg txt; do
        unzip_within 3 $name.tar.gz
        says '200 times its size'
        unzip_within 3 $name.tar.bz2
        unzip_within 3 $name.tar.xz
    done
}

@test "four million entries in nine megabytes" {
    unzip_within 3 entries.tar.gz
    says 'more entries than'
}

@test "PNG: giant, wide, interlaced, and with texts that unpack to 7 GB" {
    unzip_within 3 giant.png
    says '60000x60000'
    unzip_within 3 wide.png
    says 'no photograph is so small'
    unzip_within 3 interlaced.png
    unzip_within 3 texts.png
}

@test "JPEG: giant, and of a thousand scans" {
    unzip_within 3 giant.jpg
    says '65500x65500'
    unzip_within 3 scans.jpg
    says 'more than 100 scans'
    # As many as are allowed.
    unzip_within 0 patient.jpg
}

@test "WebP: giant, wide, and with a canvas that it does not fill" {
    unzip_within 3 giant.webp
    says '16383x16383'
    unzip_within 3 wide.webp
    unzip_within 3 canvas.webp
}

@test "who knows better may raise each bound" {
    unzip_within 3 blank.png
    emo-unzip -q -s 8x8 --max-pixels 25000000 -o "$T/blank" blank.png
    [ -s "$T/blank" ]
    emo-unzip -q -s 8x8 -o "$T/bulky" bulky.zip
    unzip_within 3 bulky.tar.gz
    emo-unzip -q -s 8x8 --max-unpacked 200M -o "$T/bulky" bulky.tar.gz
    run -3 emo-unzip -q -s 8x8 --max-file 60 -o "$T/none" bulky.zip
    [[ $output == *"--max-file"* ]]
    make_stream --list "$T/bulky" | grep -q 'c/x.png'
    make_stream --list "$T/blank" | grep -q 'blank.png'
}

@test "streams that claim more than they hold" {
    make_stream -n 8 -s 4x4x3 -o "$T/images"
    printf 'flatten\noutput\n' >"$T/net"
    emo-train -q -n "$T/net" -e 1 -o "$T/model" "$T/images"
    local file
    for file in *.images *.scores; do
        within 3 emo-peek -c "$file"
        within 3 emo-convert -t npz -o "$T/result" "$file"
    done
    for file in *.images; do
        within 3 emo-split "$file"
        within 3 emo-augment -o "$T/result" "$file"
        within 3 emo-predict -o "$T/result" "$T/model" "$file"
        within 3 emo-train -n "$T/net" -o "$T/result" "$file"
    done
    for file in *.scores *.tsv; do
        within 3 emo-metrics -o "$T/result" "$file"
    done
}

@test "models that claim more than they hold" {
    make_stream -n 8 -s 4x4x3 -o "$T/images"
    local file
    for file in *.model; do
        within 3 emo-predict -o "$T/result" "$file" "$T/images"
        says "$file"
        within 3 emo-train --init "$file" -o "$T/result" "$T/images"
        says "$file"
        within 3 emo-unzip -m "$file" -o "$T/result" giant.png
        says "$file"
    done
}

@test "networks larger than any: refused before memory is taken" {
    make_stream -n 8 -s 4x4x3 -o "$T/images"
    local text
    while IFS= read -r text; do
        # shellcheck disable=SC2059 # the text has the line ends
        printf "$text" >"$T/net"
        within 2 emo-train -n "$T/net" -o "$T/result" "$T/images"
    done <<'END'
flatten\ndense 16777216\noutput\n
flatten\ndense 65536\ndense 65536\noutput\n
conv 65535 1\nconv 65535 1\nflatten\noutput\n
END
    printf 'conv 16384 1\nglobalavgpool\noutput\n' >"$T/net"
    make_stream -n 4 -s 100x100x3 -o "$T/larger"
    within 1 emo-train -n "$T/net" -b 65536 -o "$T/result" "$T/larger"
    says 'this machine has'
    { yes 'dropout 0' | head -n 1001 && printf 'flatten\noutput\n'; } >"$T/net"
    within 2 emo-train -n "$T/net" -o "$T/result" "$T/images"
    says 'more layers'
}

# emo-augment: epochs, order, what is changed and what is not, and what it refuses.
# shellcheck shell=bash disable=SC2016
load helper

make_stream() { "$BUILD/unit/make_stream" "$@"; }
list() { make_stream --list "$@" | tail -n +2; }

@test "valid and test come first, untouched; each epoch has every train record once" {
    make_stream -n 60 -s 8x9x3 -c 3 --split mixed >in.emo
    run -0 --separate-stderr emo-augment -e 3 in.emo -o out.emo
    # shellcheck disable=SC2154
    [[ "$stderr" == *"30 train images for 3 epochs, 30 others as they came"* ]]
    [[ "$stderr" == *"15 of the train images have no split"* ]]
    cmp <(list in.emo | awk -F '\t' '$3 == "valid" || $3 == "test"') <(list out.emo | head -n 30)
    list out.emo | tail -n +31 >train
    [ "$(cut -f 4 train | uniq -c | tr -s ' \n' ' ')" = " 30 1 30 2 30 3 " ]
    for e in 1 2 3; do
        cmp <(list in.emo | awk -F '\t' '$3 == "none" || $3 == "train"' | cut -f 1-3,5,7-) \
            <(awk -F '\t' -v e=$e '$4 == e' train | sort -n | cut -f 1-3,5,7-)
    done
}

@test "every epoch has its own order and its own pictures" {
    make_stream -n 100 -s 12x12x3 --pixels noise | emo-augment -q -e 3 | list >train
    for e in 1 2 3; do
        awk -F '\t' -v e=$e '$4 == e { print $1 }' train >order.$e
        [ "$(sort -n order.$e | uniq | wc -l)" -eq 100 ]
        run cmp order.$e <(seq 0 99)
        [ "$status" -eq 1 ]
    done
    run cmp order.1 order.2
    [ "$status" -eq 1 ]
    [ "$(cut -f 6 train | sort -u | wc -l)" -ge 295 ]
    make_stream -n 100 -s 12x12x3 --pixels noise | emo-augment -q -e 3 --no-shuffle | list >plain
    for e in 1 2 3; do
        cmp <(awk -F '\t' -v e=$e '$4 == e { print $1 }' plain) <(seq 0 99)
    done
    # The order changes no picture.
    cmp <(sort train) <(sort plain)
}

@test "neither threads nor spilling nor a second run changes a byte; a seed does" {
    make_stream -n 50 -s 31x17x3 --pixels noise >in.emo
    emo-augment -q -e 2 in.emo >one
    for o in '-j 1' '-j 4' '-j 7' '--memory 5K' '--memory 5K -j 4' '--memory 0' '--seed 21'; do
        # shellcheck disable=SC2086
        emo-augment -q -e 2 $o <in.emo >other
        cmp one other
    done
    emo-augment -q -e 2 --seed 22 in.emo >other
    run cmp -s one other
    [ "$status" -eq 1 ]
    run -0 --separate-stderr emo-augment -e 1 --memory 5K in.emo -o other
    # shellcheck disable=SC2154
    [[ "$stderr" == *"held in a temporary file"* ]]
}

@test "--first-epoch leaves out the epochs before, and changes nothing else" {
    make_stream -n 40 -s 9x9x3 --pixels noise --split mixed >in.emo
    emo-augment -q -e 4 -o all in.emo
    run -0 --separate-stderr emo-augment -e 4 --first-epoch 3 -o rest in.emo
    # shellcheck disable=SC2154
    [[ "$stderr" == *"those before 3 are left out"* ]]
    cmp <(list all | awk -F '\t' '$4 == 0 || $4 > 2') <(list rest)
    cmp <(make_stream --head all) <(make_stream --head rest | grep -v first_epoch)
    emo-augment -q -e 4 --first-epoch 1 -o one in.emo
    cmp all one
    # It is for a training that has seen the others.
    printf 'flatten\noutput\n' >net
    run -3 emo-train -q -n net -o m.model rest
    [[ "$output" == *"begins with epoch 3, but a new training begins with epoch 1"* ]]
    run -2 emo-augment -e 4 --first-epoch 5 -o x in.emo
    run -2 emo-augment -e 4 --first-epoch 2 --no-pg -o x in.emo
    [ ! -e x ]
}

@test "without ranges and flips the pictures and what is true of them stay" {
    make_stream -n 30 -s 6x7x1 --pixels noise --payload-only >in.emo
    emo-augment -q -e 2 --rotate 0 --shift-x 0 --shift-y 0 --shear 0 --zoom 0 --flip none \
        --no-shuffle in.emo -o same.emo
    cmp <(list in.emo | cut -f 1-3,5-) <(list same.emo | awk -F '\t' '$4 == 2' | cut -f 1-3,5-)
    # One option that changes the picture drops what was true of the old one only.
    emo-augment -q -e 1 --rotate 0 --shift-x 0 --shift-y 0 --shear 0 --zoom 0 --flip h \
        --no-shuffle in.emo -o flip.emo
    list in.emo | cut -f 7 | uniq >keys
    [ "$(cat keys)" = blur,height,name,origin,width ]
    [ "$(list flip.emo | cut -f 7 | uniq)" = height,name,origin,width ]
    # About half are flipped.
    n=$(paste <(list in.emo | cut -f 6) <(list flip.emo | cut -f 6) | awk '$1 != $2' | wc -l)
    [ "$n" -ge 6 ] && [ "$n" -le 24 ]
}

@test "fills differ, and only the constant one has its colour" {
    make_stream -n 8 -s 30x30x3 --pixels noise >in.emo
    for f in nearest reflect wrap constant constant:0,0,0 constant:9,200,31; do
        emo-augment -q --no-pg -e 1 --fill $f in.emo -o "$f"
    done
    sha256sum nearest reflect wrap constant constant:9,200,31 | cut -c 1-64 | sort -u >sums
    [ "$(wc -l <sums)" -eq 5 ]
    cmp constant constant:0,0,0
    for f in '' none constant: constant:1,2 constant:1,2,3,4 constant:1,2,256 constant:1,,3 \
        constant:1,2,x constant:-1,2,3; do
        run -2 emo-augment --fill "$f" in.emo -o out.emo
        [ ! -e out.emo ]
    done
}

@test "HEAD says the epochs, the options that count and the seed" {
    make_stream -n 4 | emo-augment -q -e 7 --rotate 15 --flip none --seed 3 -j 2 >out.emo
    run -0 make_stream --head out.emo
    [[ "$output" == *$'@KEY\tepochs\t7'* ]]
    [[ "$output" == *$'@PG\temo-augment\t1.0.0\t--epochs 7 --rotate 15 --flip none\t3'* ]]
    [[ "$output" == *$'@CLASS\t1\tclass 1'* ]]
    make_stream -n 4 | emo-augment -q --no-pg >out.emo
    run -0 make_stream --head out.emo
    [[ "$output" == *$'@KEY\tepochs\t10'* ]]
    [[ "$output" != *@PG* ]]
}

@test "pictures of any size and 1 to 4 channels; others are refused" {
    for s in 1x1x1 1x9x3 9x1x3 2x2x2 5x4x4 3x100x1; do
        make_stream -n 5 -s $s | emo-augment -q -e 2 | list >out
        [ "$(wc -l <out)" -eq 10 ]
    done
    make_stream -n 5 -s 4x4x5 >in.emo
    run -3 emo-augment in.emo -o out.emo
    [[ "$output" == *'record 1 "class 0/0_0.jpg": 4x4x5'* ]]
}

@test "an augmented stream is refused" {
    make_stream -n 6 | emo-augment -q -e 2 >in.emo
    run -3 emo-augment in.emo -o out.emo
    [[ "$output" == *"in.emo: already augmented"* ]]
    [ ! -e out.emo ]
}

@test "wrong options are one line and the usage, and no output" {
    for o in '-e 0' '-e 65536' '-e 1.5' '--rotate -1' '--rotate 181' '--zoom 1' '--shear 90' \
        '--shift-x 1.1' '--shift-y nan' '--flip x' '--seed x' '--memory 1X' '-j 0' '--nonsense'; do
        # shellcheck disable=SC2086
        run -2 emo-augment $o -o out.emo </dev/null
        [ "${#lines[@]}" -eq 2 ]
        [ ! -e out.emo ]
    done
}

@test "no train record leaves before the input's END: cut, aborted, foreign" {
    make_stream -n 40 --split mixed >in.emo
    for n in 64 200 2000 "$(($(stat -c %s in.emo) - 64))" "$(($(stat -c %s in.emo) - 1))"; do
        head -c "$n" in.emo >cut.emo
        run -3 bash -c 'emo-augment -q <cut.emo >out.emo'
        [ -s out.emo ] || continue
        run -3 --separate-stderr make_stream --list out.emo
        [ "$(awk -F '\t' '$3 == "train" || $3 == "none"' <<<"$output" | wc -l)" -eq 0 ]
        held=yes
    done
    [ "$held" = yes ]
    make_stream --aborted -n 5 >aborted.emo
    run -3 bash -c 'emo-augment -q <aborted.emo >out.emo'
    run -3 make_stream --list out.emo
    [[ "$output" == *"make_stream: aborted as asked"* ]]
    rm out.emo
    make_stream -k scores -n 5 >s.emo
    run -3 emo-augment s.emo -o out.emo
    [[ "$output" == *scores* ]]
    run -3 emo-augment -o out.emo </dev/null
    [ ! -e out.emo ]
}

@test "an upstream killed with -9 leaves no file" {
    mkfifo pipe
    "$BUILD/unit/make_stream" -n 100000000 --split valid >pipe & victim=$!
    (sleep 0.3; kill -9 "$victim") &
    run -3 emo-augment -q pipe -o out.emo
    [ ! -e out.emo ]
    [ -z "$(find . -name '.out*')" ]
}

@test "nothing to augment is said; an empty data set stays one" {
    make_stream -n 8 --split valid >in.emo
    run -0 --separate-stderr emo-augment in.emo -o out.emo
    # shellcheck disable=SC2154
    [[ "$stderr" == *"no train image"* ]]
    [ "$(list out.emo | wc -l)" -eq 8 ]
    make_stream -n 0 | emo-augment -q | list
}

@test "a reader that goes away ends it silently; a full disk does not" {
    make_stream -n 500 -s 16x16x3 >in.emo
    run -0 bash -c 'emo-augment -q -e 20 in.emo 2>err | head -c 100 >/dev/null; [ ! -s err ]'
    run -1 bash -c 'emo-augment -q in.emo >/dev/full'
    [[ "$output" == *"No space left"* ]]
    # A pool that cannot spill: no output either.
    run -1 bash -c 'TMPDIR=$PWD/none emo-augment -q --memory 1K in.emo -o out.emo'
    [ ! -e out.emo ]
}

@test "memory stays within --memory and a little" {
    command -v /usr/bin/time >/dev/null || skip "no /usr/bin/time"
    if grep -q __asan_init "$BIN/emo-augment"; then skip "the address sanitizer holds what was freed"; fi
    make_stream -n 2 -s 64x64x3 >small.emo
    make_stream -n 3000 -s 64x64x3 >in.emo
    /usr/bin/time -f %M emo-augment -q -e 1 --memory 8M small.emo 2>rss.small >/dev/null
    /usr/bin/time -f %M emo-augment -q -e 1 --memory 8M in.emo 2>rss >/dev/null
    [ "$(cat rss)" -le "$(($(cat rss.small) + 8 * 1024 + 2048))" ]
}

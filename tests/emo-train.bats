# shellcheck disable=SC2016 # inner shells expand for themselves
load helper

# Two classes that a network can tell apart: copies of one picture and of another.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local p=$BATS_TEST_DIRNAME/data/pictures
    mkdir -p in/Dark in/Light
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        cp "$p/gray16.png" in/Dark/$i.png
        cp "$p/alpha.png" in/Light/$i.png
    done
    export STREAM=$BATS_FILE_TMPDIR/in.emo NET=$BATS_FILE_TMPDIR/net
    "${BUILD:-$BATS_TEST_DIRNAME/../build}/bin/emo-unzip" -q -s 16x16 -o in.emo in
    printf 'conv 4 3 relu\nmaxpool 2\nflatten\ndense 8 relu\ndropout 0.2\noutput\n' >net
}

@test "the baseline is the article's, layer for layer" {
    run -0 emo-train --summary
    [[ $output == *"conv1 "*199x249x64*1792* ]]
    [[ $output == *"maxpool2 "*5x7x128* ]]
    [[ $output == *"1539393 parameters" ]]
    run -0 emo-train --show-net -n vgg
    [[ $output == "conv 64 3 stride 2 relu"* ]]
}

@test "it learns, writes a history, and any -j gives the same bytes" {
    run -0 emo-train -n "$NET" -b 5 -e 30 --lr 0.01 -j1 -o 1.model --history h.tsv "$STREAM"
    [ "$(wc -l <h.tsv)" -eq 31 ]
    [ "$(awk 'NR == 31 { print ($2 < 0.3) }' h.tsv)" = 1 ]
    for j in 2 3 4; do
        emo-train -q -n "$NET" -b 5 -e 30 --lr 0.01 -j$j -o $j.model "$STREAM"
        cmp 1.model $j.model
    done
    run -0 emo-predict --tsv 1.model "$STREAM"
    [ "$(awk -F '\t' 'NR > 1 && $4 == $5 && $7 == 1' <<<"$output" | wc -l)" -eq 24 ]
    emo-train -q -n "$NET" --seed 5 -b 5 -e 30 -o 5.model "$STREAM"
    run -1 cmp -s 1.model 5.model
}

@test "a stream that is cut, or whose writer was killed, leaves no model, and the old one stays" {
    emo-train -q -n "$NET" -e 1 -o m.model "$STREAM"
    cp m.model before
    size=$(wc -c <"$STREAM")
    for n in 1 64 500 $((size / 2)) $((size - 64)) $((size - 1)); do
        head -c $n "$STREAM" >cut.emo
        run -3 emo-train -n "$NET" -e 1 -o m.model cut.emo
        cmp m.model before
    done
    # shellcheck disable=SC2016
    run -3 sh -c 'sh -c "head -c 3000 \"\$STREAM\"; kill -9 \$\$" | emo-train -n "$NET" -o new.model'
    [ ! -e new.model ]
    [ -z "$(find . -name '.*emo-*')" ]
}

@test "wrong options and networks are refused with status 2" {
    for o in '-e 0' '-b -1' '--lr nan' '-b x' '--no-such' '-n nosuchfile'; do
        # shellcheck disable=SC2086
        run emo-train $o -o m.model "$STREAM"
        [ "$status" -eq 2 ] || { [ "$o" = '-n nosuchfile' ] && [ "$status" -eq 1 ]; }
    done
    printf 'convolve 3\n' >bad
    run -2 emo-train -n bad -o m.model "$STREAM"
    [[ $output == *"unknown layer"* ]]
    printf 'maxpool 99\nflatten\noutput\n' >bad
    run -2 emo-train -n bad -o m.model "$STREAM"
    [[ $output == *99x99*16x16x3* ]]
    [ ! -e m.model ]
}

@test "what cannot be trained on is refused with status 3" {
    emo-train -q -n "$NET" -e 1 -o m.model "$STREAM"
    run -3 emo-train -n "$NET" -o x.model m.model
    [[ $output == *model* ]]
    mkdir -p one/Only
    cp "$ROOT/tests/data/pictures/rgb.jpg" one/Only
    emo-unzip -q -s 16x16 -o one.emo one
    run -3 emo-train -n "$NET" -o x.model one.emo
    run -1 sh -c 'emo-train -q -n "$NET" -e 1 "$STREAM" >/dev/full'
    [ ! -e x.model ]
}

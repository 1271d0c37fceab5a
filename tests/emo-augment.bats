# shellcheck disable=SC2016 # inner shells expand for themselves
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local p=$BATS_TEST_DIRNAME/data/pictures bin=${BUILD:-$BATS_TEST_DIRNAME/../build}/bin
    mkdir -p in/Dark in/Light
    cp "$p"/rgb.* "$p/alpha.png" "$p/palette.png" in/Dark
    cp "$p"/gray* "$p/cmyk.jpg" in/Light
    "$bin/emo-unzip" -q -s 20x30 -o in.emo in
    export STREAM=$BATS_FILE_TMPDIR/in.emo
    printf 'flatten\noutput\n' >net
    export NET=$BATS_FILE_TMPDIR/net
}

@test "any -j, and a pool that spills, give the same bytes; a seed gives others" {
    emo-augment -q -e 3 -o 1.emo "$STREAM"
    for j in 2 3 4; do
        emo-augment -q -e 3 -j$j --memory 1K <"$STREAM" >$j.emo
        cmp 1.emo $j.emo
    done
    emo-augment -q -e 3 --seed 5 -o s.emo "$STREAM"
    run -1 cmp -s 1.emo s.emo
    run -3 emo-augment 1.emo -o x.emo
    [[ $output == *"augmented already"* ]]
}

@test "nothing drawn leaves the pixels as they are" {
    emo-augment -q --no-pg -e 1 --rotate 0 --shift-x 0 --shift-y 0 --shear 0 --zoom 0 --flip none \
        --no-shuffle -o same.emo "$STREAM"
    printf 'flatten\noutput\n' >net
    emo-train -q -n net -e 1 --no-shuffle -o a.model "$STREAM"
    emo-train -q -n net -o b.model same.emo
    emo-predict -q --tsv a.model "$STREAM" | cut -f 1-6 >a.tsv
    emo-predict -q --tsv b.model same.emo | cut -f 1-6 >b.tsv
    cmp a.tsv b.tsv
}

@test "fills and flips" {
    for f in nearest reflect wrap constant constant:255,0,127; do
        emo-augment -q -e 1 --fill $f --flip hv -o "$f.emo" "$STREAM"
    done
    run -1 cmp -s nearest.emo reflect.emo
    for o in '--fill black' '--fill constant:256,0,0' '-e 0' '--zoom 1' '--flip x' '--rotate nan'; do
        # shellcheck disable=SC2086
        run -2 emo-augment $o -o x.emo "$STREAM"
    done
}

@test "a cut stream gives status 3 here and downstream, and no train record before" {
    size=$(wc -c <"$STREAM")
    for n in 64 700 $((size / 2)) $((size - 64)); do
        head -c "$n" "$STREAM" >cut.emo
        run -3 emo-augment -o x.emo cut.emo
        [ ! -e x.emo ]
        run -3 sh -c 'emo-augment cut.emo | emo-train -n "$NET" -o x.model'
        [ ! -e x.model ]
    done
    run -1 sh -c 'emo-augment -q "$STREAM" >/dev/full'
}

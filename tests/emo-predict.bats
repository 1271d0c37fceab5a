# shellcheck disable=SC2016 # inner shells expand for themselves
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local p=$BATS_TEST_DIRNAME/data/pictures bin=${BUILD:-$BATS_TEST_DIRNAME/../build}/bin
    mkdir -p in/Dark in/Light
    cp "$p"/rgb.* "$p/alpha.png" in/Dark
    cp "$p"/gray* "$p/cmyk.jpg" in/Light
    "$bin/emo-unzip" -q -s 16x16 -o in.emo in
    printf 'conv 4 3 relu\nflatten\noutput\n' >net
    "$bin/emo-train" -q -n net -e 1 -o m.model in.emo
    export STREAM=$BATS_FILE_TMPDIR/in.emo MODEL=$BATS_FILE_TMPDIR/m.model
}

@test "scores come in order, as stream, table and objects; two streams are joined" {
    cat "$STREAM" "$STREAM" >two.emo
    run -0 emo-predict -q --tsv "$MODEL" two.emo
    [ "${#lines[@]}" -eq 13 ]
    [[ ${lines[0]} == $'id\tname\tsplit\tlabel\tpredicted\tscore\tseen\tp:Dark\tp:Light' ]]
    [[ ${lines[12]} == 11$'\t'* ]]
    run -0 emo-predict -q --json "$MODEL" "$STREAM"
    [ "${#lines[@]}" -eq 6 ]
    for j in 1 2 3; do
        emo-predict -q -j$j -o $j.emo "$MODEL" <two.emo
        cmp 1.emo $j.emo
    done
    emo-predict -q -b 1 -o b.emo "$MODEL" two.emo
    cmp 1.emo b.emo
}

@test "what does not fit is refused with status 3 and says what to do" {
    mkdir -p in/Other
    cp "$ROOT"/tests/data/pictures/rgb.* in/Other
    emo-unzip -q -s 16x18 -o wide.emo in
    run -3 emo-predict -o x.emo "$MODEL" wide.emo
    [[ $output == *"16x18x3, but the model takes 16x16x3; resize with emo-unzip -s 16x16"* ]]
    emo-unzip -q -s 16x16 -o other.emo in
    run -3 emo-predict -o x.emo "$MODEL" other.emo
    [[ $output == *'no class "Other"'* ]]
    [ ! -e x.emo ]
    run -0 emo-predict --unknown-class none -o x.emo "$MODEL" other.emo
    run -3 emo-predict "$STREAM" "$STREAM"
    run -3 emo-predict "$MODEL" "$MODEL"
    head -c 2000 "$STREAM" >cut.emo
    run -3 emo-predict -o y.emo "$MODEL" cut.emo
    [ ! -e y.emo ]
    run -3 sh -c 'head -c 2000 "$STREAM" | emo-predict "$MODEL" | emo-predict "$MODEL"'
    head -c 2000 "$MODEL" >cut.model
    run -3 emo-predict cut.model "$STREAM"
    run -2 emo-predict
}

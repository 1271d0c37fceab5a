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

@test "the stream of scores keeps what is known of an image and says what was seen" {
    "$BUILD/unit/make_stream" -n 8 -s 16x16x3 -c 2 --split mixed --payload-only -o some.emo
    printf 'conv 4 3 relu\nflatten\noutput\n' >net
    "$BUILD/unit/make_stream" -n 4 -s 16x16x3 -o four.emo
    emo-train -q -n net -e 1 -o m.model four.emo
    run -0 emo-predict -o s.emo m.model some.emo
    [[ $output == *"8 images scored, 4 of them seen in training"* ]]
    run -0 "$BUILD/unit/make_stream" --list s.emo
    [[ ${lines[4]} == $'3\tclass 1\ttest\t0\t2\t'*$'\theight,name,origin,seen,width\tclass 1/3_3.jpg' ]]
    run -0 emo-predict -q --json m.model some.emo
    [[ ${lines[0]} == '{"id":0,"name":"class 0/0_0.jpg","split":"none","label":"class 0","predicted":"class '[01]'","score":'*',"seen":1,"p:class 0":'*',"p:class 1":'*'}' ]]
    [[ ${lines[7]} == *'"seen":0,'* ]]
    run -0 emo-predict -q --tsv m.model some.emo
    # Two probabilities that add up to one; the second is the score.
    [ "$(awk -F '\t' 'NR > 1 && $8 + $9 > 0.999999 && $8 + $9 < 1.000001 && $6 == $9 &&
        ($9 >= 0.5) == ($5 == "class 1")' <<<"$output" | wc -l)" -eq 8 ]
}

@test "classes are matched by name, not by number" {
    mkdir -p less/Light
    cp "$ROOT"/tests/data/pictures/gray* less/Light
    emo-unzip -q -s 16x16 -o less.emo less
    run -0 emo-predict -q --tsv "$MODEL" less.emo
    [[ ${lines[0]} == *$'p:Dark\tp:Light' ]]
    [[ ${lines[1]} == *$'\tLight\t'* ]]
    emo-predict -q -o s.emo "$MODEL" less.emo
    run -0 "$BUILD/unit/make_stream" --head s.emo
    [[ $output == *$'@CLASS\t0\tDark\n@CLASS\t1\tLight'* ]]
}

@test "what is known is written before more images come" {
    mkfifo in out
    emo-predict -q --tsv "$MODEL" in >out 3>&- &
    exec 5<out 4>in
    size=$(wc -c <"$STREAM")
    # All but the end mark.
    head -c $((size - 64)) "$STREAM" >&4
    for _ in 1 2 3 4 5 6 7; do
        read -r -t 20 line <&5
    done
    [[ $line == 5$'\t'* ]]
    tail -c 64 "$STREAM" >&4
    exec 4>&-
    wait $!
    exec 5<&-
}

@test "output that cannot be written is an error; a file appears whole or not at all" {
    run -1 sh -c 'emo-predict -q "$MODEL" "$STREAM" >/dev/full'
    [[ $output == *"No space left"* ]]
    run -1 sh -c 'emo-predict -q --tsv "$MODEL" "$STREAM" >/dev/full'
    run -1 sh -c 'emo-predict -q --json "$MODEL" "$STREAM" >&-'
    echo before >t.tsv
    head -c 2000 "$STREAM" >cut.emo
    run -3 emo-predict -q --tsv -o t.tsv "$MODEL" cut.emo
    [ "$(cat t.tsv)" = before ]
    emo-predict -q --tsv -o t.tsv "$MODEL" "$STREAM"
    [ "$(wc -l <t.tsv)" -eq 7 ]
    [ -z "$(find . -name '.*emo-*')" ]
    run -2 emo-predict --tsv --json "$MODEL" "$STREAM"
    run -2 emo-predict -b 0 "$MODEL" "$STREAM"
    run -2 emo-predict --unknown-class maybe "$MODEL" "$STREAM"
}

@test "an upstream that is killed makes it exit 3, and what it wrote says why" {
    # shellcheck disable=SC2016
    run -3 sh -c 'sh -c "head -c 3000 \"\$STREAM\"; kill -9 \$\$" | emo-predict -q "$MODEL" >s.emo'
    run -3 emo-metrics s.emo
    [[ $output == *"aborted upstream"* ]]
}

@test "no memory to read ahead" {
    # Its allocator refuses what is over 1 MiB, and it sees what is read after it was freed.
    grep -q __asan_init "$BIN/emo-predict" || skip "not built with the address sanitizer"
    PATH=$BUILD/unit:$PATH
    make_stream -n 8 -s 1x1x3 -o dots.emo
    printf 'flatten\noutput\n' >dots
    emo-train -q -n dots -e 1 -o dots.model dots.emo
    run -1 env ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=1 \
        emo-predict -q -b 8000 --tsv -o result dots.model dots.emo
    [[ $output == *"out of memory: "*" bytes for reading ahead"* ]]
    [[ $output != *AddressSanitizer:* ]]
    [ ! -e result ]
}

@test "what makes the scores doubtful is said: another fit, no labels" {
    emo-unzip -q -s 16x16 --fit pad -o padded.emo "$BATS_FILE_TMPDIR/in"
    run -0 emo-predict -o s.emo "$MODEL" padded.emo
    [[ $output == *"the images were made with --fit pad, those that the model was trained on with --fit stretch"* ]]
    run -0 emo-predict -o s.emo "$MODEL" "$STREAM"
    [[ $output != *"--fit"* ]]
    emo-unzip -q -s 16x16 -o one.emo "$BATS_FILE_TMPDIR/in/Dark/rgb.jpg"
    run -0 emo-predict -o s.emo "$MODEL" one.emo
    [[ $output == *"1 images scored"*"1 have no label"* ]]
    run -0 emo-predict -q --tsv "$MODEL" one.emo
    [[ ${lines[1]} == *$'\tnone\tNA\t'* ]]
    run -0 emo-predict -q --json "$MODEL" one.emo
    [[ $output == *'"label":null'* ]]
}

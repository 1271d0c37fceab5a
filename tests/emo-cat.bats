# emo-cat: joins, selects, relabels, salvages.
# shellcheck shell=bash disable=SC2016
load helper

make_stream() { "$BUILD/unit/make_stream" "$@"; }
golden() { perl -ne 's/#.*//; s/\s//g; print pack "H*", $_' "$ROOT/tests/golden/$1.hex"; }
# ids [FILE]: of a stream, in one line.
ids() { emo-peek "$@" | sed 1d | cut -f 1 | paste -s -d ' ' -; }

# Pictures in folders as a stream: folders OUT SIZE FOLDER...
folders() {
    local out=$1 size=$2 f
    shift 2
    rm -rf in
    for f; do
        mkdir -p "in/$f"
        cp "$ROOT/tests/data/pictures/rgb.png" "$ROOT/tests/data/pictures/rgb.jpg" "in/$f"
    done
    emo-unzip -q -s "$size" -o "$out" in
}

@test "without options a stream passes as it is" {
    make_stream -n 40 -s 7x5x3 -c 3 --pixels noise --payload-only --split mixed -o a.emo
    emo-cat -q --no-pg a.emo | cmp - a.emo
    emo-cat -q --no-pg <a.emo | cmp - a.emo
    for kind in model scores checkpoint; do
        make_stream -k $kind -o k.emo
        emo-cat -q --no-pg -o out.emo k.emo
        cmp k.emo out.emo
    done
    golden unknown >u.emo
    emo-cat -q --no-pg u.emo | emo-peek -H | grep -q '^@NEW'
    emo-cat -q a.emo | emo-peek -H | grep -qx $'@PG\temo-cat\t1.0.0\t\tNA'
}

@test "streams of other classes: the sorted union, labels by name, ids raised" {
    folders a.emo 8x8 Happy Angry
    folders b.emo 8x8 Sad Happy
    folders c.emo 8x8 Calm
    run -3 emo-split a.emo b.emo
    [[ $output == *"join with emo-cat"* ]]
    emo-cat -q -o all.emo a.emo b.emo c.emo
    [ "$(emo-peek -c all.emo | cut -f 1,6 | sed 1d | paste -s -d ' ' -)" = $'Angry\t2 Calm\t2 Happy\t4 Sad\t2' ]
    [ "$(ids all.emo)" = "0 1 2 3 4 5 6 7 8 9" ]
    # The class of every record is the folder in its name.
    emo-peek all.emo | awk -F '\t' 'NR > 1 { n = split($7, p, "/"); if (p[n - 1] != $4) exit 1 }'
    cmp <(emo-peek --values all.emo | cut -f 5) \
        <(emo-peek --values a.emo b.emo c.emo | cut -f 5)
    # The same from pipes, and one from standard input.
    emo-cat -q -o piped.emo <(cat a.emo) - <(cat c.emo) <b.emo
    cmp all.emo piped.emo
    emo-split -q all.emo | emo-peek --verify
}

@test "what does not agree is refused, and named" {
    folders a.emo 8x8 A
    folders b.emo 8x9 A
    run -3 emo-cat -o out.emo a.emo b.emo
    [[ $output == *'b.emo: input "8x9x3", but "8x8x3"'* ]]
    make_stream --epoch 2 -c 1 -o e2.emo
    make_stream --epoch 3 -c 1 -o e3.emo
    run -3 emo-cat -o out.emo e2.emo e3.emo
    [[ $output == *"epochs"* ]]
    make_stream -k model -o m.emo
    run -3 emo-cat -o out.emo a.emo m.emo
    [[ $output == *"m.emo: a stream of kind model after one of kind images"* ]]
    run -3 emo-cat -o out.emo m.emo m.emo
    make_stream -k scores -c 2 -o s2.emo
    make_stream -k scores -c 3 -o s3.emo
    run -3 emo-cat -o out.emo s2.emo s3.emo
    emo-cat -q s2.emo s2.emo | emo-peek --verify
    run -1 emo-cat -o out.emo a.emo nosuch.emo
    run -3 emo-cat -o out.emo a.emo /dev/null
    head -c 100 a.emo >cut.emo
    run -3 emo-cat -o out.emo a.emo cut.emo
    [ ! -e out.emo ]
    # Other keys are left out where they differ; every program is kept, each once.
    emo-unzip -q -s 8x8 --fit crop -o crop.emo in
    emo-cat -q a.emo crop.emo a.emo | emo-peek -H >lines
    run ! grep fit$'\t' lines
    [ "$(grep -c ^@PG lines)" -eq 3 ]
    grep -q $'^@KEY\tinput\t8x8x3' lines
}

@test "shards: all of them, in any order, keep their ids; a missing one is an error" {
    make_stream -n 22 -o a.emo
    for i in 1 2 3; do emo-cat -q --no-pg --shard $i/3 -o s$i.emo a.emo; done
    [ "$(ids s2.emo)" = "1 4 7 10 13 16 19" ]
    emo-peek -H s2.emo | grep -qx $'shard\t2/3'
    [ "$(emo-cat -q s3.emo s1.emo s2.emo | ids | tr ' ' '\n' | sort -n | paste -s -d ' ' -)" = "$(seq -s ' ' 0 21)" ]
    run -3 emo-cat -o out.emo s1.emo s3.emo
    [[ $output == *"only 2 of 3 shards"* ]]
    run -3 emo-cat -o out.emo s1.emo s1.emo s2.emo s3.emo
    run -3 emo-cat -o out.emo s1.emo
    [ ! -e out.emo ]
    # Two whole streams and a set: ids are raised behind each.
    [ "$(emo-cat -q a.emo s1.emo s2.emo s3.emo a.emo | ids | tr ' ' '\n' | sort -n | paste -s -d ' ' -)" = "$(seq -s ' ' 0 65)" ]
}

@test "many files" {
    make_stream -n 2 -o a.emo
    for i in $(seq 1200); do ln a.emo "$i.emo"; done
    (ulimit -n 64; exec emo-cat -q {1..1200}.emo) | emo-peek | tail -n 1 >last
    [[ $(cat last) == 2399$'\t'* ]]
}

@test "--only, --class, --limit, --name" {
    make_stream -n 48 -c 3 --split mixed --unlabelled 7 -o a.emo
    emo-peek a.emo | sed 1d >list
    cmp <(emo-cat -q --only train,test a.emo | emo-peek | sed 1d) <(awk -F '\t' '$2 == "train" || $2 == "test"' list)
    cmp <(emo-cat -q --class 'class 0' --class 'class 2' a.emo | emo-peek | sed 1d) \
        <(awk -F '\t' '$4 == "class 0" || $4 == "class 2"' list)
    cmp <(emo-cat -q --limit 3 a.emo | emo-peek | sed 1d) <(awk -F '\t' 'n[$4]++ < 3' list)
    cmp <(emo-cat -q --name '*_?.jpg' --name '*/1[0-3]_*' a.emo | emo-peek | sed 1d) \
        <(grep -E '_.\.jpg$|/1[0-3]_' list)
    cmp <(emo-cat -q --only valid --limit 2 --invert a.emo | emo-peek | sed 1d) \
        <(awk -F '\t' '!($2 == "valid" && n[$4]++ < 2)' list)
    # The classes stay, so that what is selected still fits the rest.
    [ "$(emo-cat -q --class 'class 1' a.emo | emo-peek -H | grep -c ^@CLASS)" -eq 3 ]
    run -2 emo-cat --class nosuch -o out.emo a.emo
    [[ $output == *'no class is called "nosuch"'* ]]
    emo-cat -q --limit 0 a.emo | emo-peek -c | awk 'NR > 1 && $NF != 0 { exit 1 }'
}

@test "-T takes the names that awk chose; -0 takes any" {
    make_stream -n 30 -o a.emo
    emo-peek a.emo | awk -F '\t' 'NR > 1 && $1 % 7 == 3 { print $7 }' | emo-cat -q -T - a.emo >out.emo
    [ "$(ids out.emo)" = "3 10 17 24" ]
    printf 'class 1/1_1.jpg\r\nnot there\n\nclass 0/0_0.jpg' >names
    run -0 --separate-stderr emo-cat -T names -o out.emo a.emo
    [ "$(ids out.emo)" = "0 1" ]
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == *"1 names in names are those of no record"* ]]
    [ "$(emo-cat -q -T names --invert a.emo | ids | wc -w)" -eq 28 ]
    # A name with a tab and a line end, escaped in a line and as it is.
    golden images >g.emo
    [ "$(emo-peek g.emo | grep Positive/ | cut -f 7 | emo-cat -q -T - g.emo | ids)" = 1 ]
    [ "$(printf 'Positive/ä b\t\n.png\0' | emo-cat -q -0 -T - g.emo | ids)" = 1 ]
    printf 'a\\qb\n' >names
    run -3 emo-cat -T names -o out2.emo a.emo
    [[ $output == *"names: name 1"* ]]
    run -2 emo-cat -T - <a.emo
    run -2 emo-cat -0 a.emo
    run -1 emo-cat -T nosuch a.emo
    : >names
    [ -z "$(emo-cat -q -T names a.emo | ids)" ]
}

@test "--range counts from both ends, over what the rest left" {
    make_stream -n 10 -o a.emo
    while read -r range want; do
        [ "$(emo-cat -q "--range=$range" a.emo | ids)" = "$want" ]
        [ "$(emo-cat -q "--range=$range" <a.emo | ids)" = "$want" ]
    done <<'END'
0:3 0 1 2
7: 7 8 9
:2 0 1
-2: 8 9
:-8 0 1
3:-5 3 4
-4:-2 6 7
-100:2 0 1
8:100 8 9
5:5
6:2
END
    [ "$(emo-cat -q --class 'class 1' --range 1:3 a.emo | ids)" = "3 5" ]
    [ "$(emo-cat -q --class 'class 1' --range=-2: a.emo | ids)" = "7 9" ]
    [ "$(emo-cat -q --class 'class 1' --range=-2: --invert a.emo | ids)" = "0 1 2 3 4 5 6 8" ]
    for range in 3 a:b 1:2:3 ''; do
        run -2 emo-cat "--range=$range" -o out.emo a.emo
        [ ! -e out.emo ]
    done
}

@test "--sample is of the seed, of no order, and fits into little memory" {
    make_stream -n 500 -s 8x8x3 --pixels noise -o a.emo
    emo-cat -q --sample 20 a.emo >one.emo
    [ "$(ids one.emo | wc -w)" -eq 20 ]
    emo-cat -q --sample 20 -j 3 --memory 1K <a.emo | cmp - one.emo
    [ "$(emo-cat -q --sample 20 --seed 22 a.emo | ids)" != "$(ids one.emo)" ]
    emo-peek -H one.emo | grep -qx $'@PG\temo-cat\t1.0.0\t--sample 20\t21'
    # In shards that come in another order it is the same sample.
    for i in 1 2 3; do emo-cat -q --no-pg --shard $i/3 -o s$i.emo a.emo; done
    [ "$(emo-cat -q --sample 20 s3.emo s1.emo s2.emo | ids | tr ' ' '\n' | sort -n | paste -s -d ' ' -)" = "$(ids one.emo)" ]
    # A part and the rest are the whole.
    emo-cat -q --sample 20 --invert a.emo >rest.emo
    { emo-peek one.emo; emo-peek rest.emo; } | grep -v ^id | sort -n | cmp - <(emo-peek a.emo | sed 1d)
    [ "$(emo-cat -q --sample 1000 a.emo | ids)" = "$(ids a.emo)" ]
    [ -z "$(emo-cat -q --sample 0 a.emo | ids)" ]
}

@test "--map renames and merges classes" {
    make_stream -n 12 -c 4 -o a.emo
    emo-cat --map 'class 0=Bad' --map 'class 2=class 1' -o out.emo a.emo 2>said
    grep -q '6 records got another class' said
    [ "$(emo-peek -c out.emo | cut -f 1,6 | sed 1d | paste -s -d , -)" = $'Bad\t3,class 1\t6,class 3\t3' ]
    # Two that change places.
    emo-cat -q --map 'class 0=class 1' --map 'class 1=class 0' a.emo | emo-peek | sed 1d >out
    awk -F '\t' '{ split($7, p, "/"); if (($4 == p[1]) != ($1 % 4 > 1)) exit 1 }' out
    # Relabelled first, then selected.
    [ "$(emo-cat -q --map 'class 0=Bad' --class Bad a.emo | ids)" = "0 4 8" ]
    emo-peek -H out.emo | grep -q -e "--map class 0=Bad --map class 2=class 1"
    for map in 'nosuch=a' 'class 0' '=a' 'class 0='; do
        run -2 emo-cat --map "$map" a.emo
    done
    run -2 emo-cat --map 'class 0=a' --map 'class 0=b' a.emo
    make_stream -k scores -o s.emo
    run -3 emo-cat --map 'class 0=a' s.emo
    [[ $output == *scores* ]]
}

@test "--labels gives classes by name" {
    make_stream -n 6 -o a.emo
    printf 'class\tnote\tname\nclass 1\tx\tclass 0/0_0.jpg\nNew\ty\tclass 1/1_1.jpg\nNA\tz\tclass 0/2_2.jpg\nNew\t\tno such\n' >labels.tsv
    run -0 --separate-stderr emo-cat --labels labels.tsv -o out.emo a.emo
    [[ $stderr == *"3 records got another class"*"1 names in labels.tsv are those of no record"* ]]
    [ "$(emo-peek out.emo | sed 1d | cut -f 4 | paste -s -d , -)" = "class 1,New,NA,class 1,class 0,class 1" ]
    [ "$(emo-peek -H out.emo | grep ^@CLASS | cut -f 3 | paste -s -d , -)" = "New,class 0,class 1" ]
    # Truth can be put right in scores, too, but by classes that are there.
    make_stream -k scores -n 3 -o s.emo
    printf 'name\tclass\nclass 0/0_0.jpg\tclass 1\n' >some.tsv
    [ "$(emo-cat -q --labels some.tsv s.emo | emo-peek | sed -n 2p | cut -f 4)" = "class 1" ]
    run -3 emo-cat --labels labels.tsv s.emo
    printf 'name\tclass\na\tb\na\tc\n' >twice.tsv
    run -3 emo-cat --labels twice.tsv a.emo
    printf 'name\tgroup\na\tb\n' >wrong.tsv
    run -3 emo-cat --labels wrong.tsv a.emo
    [[ $output == *'"name" and "class"'* ]]
}

@test "mistakes found, relabelled, and put right" {
    folders a.emo 8x8 Happy Sad
    printf 'flatten\noutput\n' >net
    emo-train -q -n net -e 1 -o m.model a.emo
    emo-predict -q --tsv m.model a.emo |
        awk -F '\t' 'NR == 1 { print "name\tclass" } NR > 1 && $4 != $5 { print $2 "\t" $5 }' >labels.tsv
    emo-cat -q --labels labels.tsv a.emo | emo-predict -q --tsv m.model |
        awk -F '\t' 'NR > 1 && $4 != $5 { exit 1 }'
}

@test "--salvage keeps what is intact, and says so even with -q" {
    make_stream -n 20 -s 8x8x3 -o a.emo
    make_stream -n 20 -s 8x8x3 --aborted >aborted.emo
    cp a.emo flipped.emo
    printf '\1' | dd of=flipped.emo bs=1 seek=5000 conv=notrunc status=none
    head -c 5000 a.emo >cut.emo
    head -c -64 a.emo >endless.emo
    for f in flipped:12 cut:12 endless:20 aborted:20; do
        run -3 emo-cat -q -o out.emo "${f%:*}.emo"
        [ ! -e out.emo ]
        run -0 --separate-stderr emo-cat -q --salvage -o out.emo "${f%:*}.emo"
        [[ ${stderr} == *"${f%:*}.emo"*"SALVAGED"*"${f#*:} intact"* ]]
        [ "$(emo-peek out.emo | sed 1d | wc -l)" -eq "${f#*:}" ]
        emo-peek -H out.emo | grep -q -e $'emo-cat\t1.0.0\t--salvage'
        rm out.emo
    done
    run -0 --separate-stderr emo-cat -q --salvage -o out.emo a.emo
    [ -z "$stderr" ]
    # Nothing without a head; not several at once.
    head -c 100 a.emo >headless.emo
    run -3 emo-cat --salvage headless.emo
    run -2 emo-cat --salvage a.emo cut.emo
    # A shard whose others are lost.
    emo-cat -q --no-pg --shard 2/3 -o s2.emo a.emo
    [ "$(emo-cat -q --salvage s2.emo | ids | wc -w)" -eq 7 ]
}

@test "the input is read to its end whatever is selected" {
    make_stream -n 200 -s 8x8x3 -o a.emo
    head -c -64 a.emo >cut.emo
    for o in '--limit 1' '--range 0:1' '--sample 1' '--shard 1/2' '--invert'; do
        # shellcheck disable=SC2086
        run -3 emo-cat -q $o -o out.emo cut.emo
        [ ! -e out.emo ]
        # shellcheck disable=SC2086
        run -3 sh -c "emo-cat -q $o cut.emo | emo-split -q"
    done
}

@test "records pass as they come" {
    mkfifo pipe
    make_stream -n 3 -o a.emo
    (emo-cat -q pipe | emo-peek >out) 3>&- &
    exec 9>pipe
    head -c -64 a.emo >&9
    for _ in $(seq 100); do
        [ "$(wc -l <out)" -eq 4 ] && break
        sleep 0.05
    done
    [ "$(wc -l <out)" -eq 4 ]
    tail -c 64 a.emo >&9
    exec 9>&-
    wait $!
}

@test "memory does not grow with the records" {
    command -v /usr/bin/time >/dev/null || skip "no /usr/bin/time"
    if grep -q __asan_init "$BIN/emo-cat"; then skip "the address sanitizer holds what was freed"; fi
    for n in 100 20000; do
        make_stream -n $n -s 16x16x3 | /usr/bin/time -f %M -o rss.$n emo-cat -q --class 'class 0' >/dev/null
    done
    [ "$(cat rss.20000)" -le "$(($(cat rss.100) + 1000))" ]
}

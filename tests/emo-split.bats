# emo-split: the windows, folds, groups, names, and what it refuses.
# shellcheck shell=bash disable=SC2016
load helper

make_stream() { "$BUILD/unit/make_stream" "$@"; }
# One line a record: "id class split".
splits() { make_stream --list "$@" | tail -n +2 | cut -f 1-3; }

@test "a fifth of each class validates, within one record at every prefix" {
    make_stream -n 2003 -c 3 --labels random --unlabelled 11 | emo-split -q >out.emo
    splits out.emo >list
    [ "$(wc -l <list)" -eq 2003 ]
    run -0 awk -F '\t' '{ n[$2]++; v[$2] += $3 == "valid"
        d = v[$2] - n[$2] * 0.2
        if (d > 1 + 1e-9 || d < -1 - 1e-9 || ($3 != "valid" && $3 != "train")) exit 1 }
        END { if (length(n) != 4) exit 2 }' list
}

@test "valid and test shares hold at every prefix" {
    make_stream -n 3001 -c 2 --labels random | emo-split -q -r 0.15 --test 0.1 | splits >list
    run -0 awk -F '\t' '{ n[$2]++; v[$2] += $3 == "valid"; t[$2] += $3 == "test"
        held = v[$2] + t[$2] - n[$2] * 0.25; test = t[$2] - (v[$2] + t[$2]) * 0.4
        if (held > 1.000001 || held < -1.000001 || test > 1.000001 || test < -1.000001) exit 1
        all += $3 == "test" } END { if (all < 290 || all > 310) exit 2 }' list
}

@test "what follows does not change the split of what came before" {
    make_stream -n 500 --labels random | emo-split -q --test 0.1 | splits >short
    make_stream -n 900 --labels random | emo-split -q --test 0.1 | splits | head -n 500 >long
    cmp short long
    # Nor do other classes between.
    make_stream -n 400 -c 2 | emo-split -q | splits | awk -F '\t' '$2 == "class 0" { print $3 }' >a
    make_stream -n 200 -c 1 | emo-split -q | splits | cut -f 3 >b
    cmp a b
}

@test "the same seed gives the same bytes, another seed other picks" {
    make_stream -n 300 >in.emo
    emo-split -q in.emo >a
    emo-split -q -j 4 <in.emo >b
    emo-split -q --seed 21 in.emo -o c
    cmp a b
    cmp a c
    emo-split -q --seed 22 --no-pg in.emo | splits >other
    splits a >first
    run cmp first other
    [ "$status" -eq 1 ]
    [ "$(grep -c valid first)" = "$(grep -c valid other)" ]
}

@test "payload, metadata and classes pass untouched" {
    make_stream -n 40 -s 7x5x3 -c 3 --pixels noise --payload-only >in.emo
    emo-split -q in.emo >out.emo
    make_stream --list in.emo | cut -f 1,2,4- >a
    make_stream --list out.emo | cut -f 1,2,4- >b
    cmp a b
    make_stream --head in.emo >a
    make_stream --head out.emo | grep -v '^@PG' >b
    cmp a b
}

@test "provenance: the options that count and the seed; --no-pg leaves it out" {
    make_stream -n 20 | emo-split -q -r .25 --test 0.1 --only train,test --seed 5 -o out.emo
    run -0 make_stream --head out.emo
    [[ "$output" == *$'@PG\temo-split\t1.0.0\t--valid 1/4 --test 1/10 --only train,test\t5'* ]]
    run -0 bash -c "'$BUILD/unit/make_stream' -n 9 | emo-split -q --no-pg | '$BUILD/unit/make_stream' --head"
    [[ "$output" != *@PG* ]]
}

@test "folds partition the records" {
    make_stream -n 507 -c 3 --labels random >in.emo
    for i in 1 2 3 4 5; do
        emo-split -q --fold $i/5 in.emo | splits >all
        [ "$(wc -l <all)" -eq 507 ]
        [ "$(grep -c -e valid -e train all)" -eq 507 ]
        emo-split -q --fold $i/5 --only valid in.emo | splits | cut -f 1 >>folds
        n=$(grep -c valid all)
        [ "$n" -ge 99 ] && [ "$n" -le 105 ]
    done
    sort -n folds | cmp - <(seq 0 506)
}

@test "a split that is there is kept, and --again draws anew" {
    make_stream -n 80 --split mixed >in.emo
    run -0 --separate-stderr emo-split in.emo -o kept.emo
    # shellcheck disable=SC2154
    [[ "$stderr" == *"60 records kept the split they came with"* ]]
    paste <(splits in.emo | cut -f 3) <(splits kept.emo | cut -f 3) >pairs
    run -0 awk '$1 != "none" && $1 != $2 || $2 == "none" { exit 1 }' pairs
    [ "$(awk '$1 == "none" && $2 == "valid"' pairs | wc -l)" -eq 4 ]
    emo-split -q --again in.emo -o again.emo
    [ "$(splits again.emo | grep -c valid)" -eq 16 ]
    [ "$(splits again.emo | grep -c test)" -eq 0 ]
}

@test "--only keeps these splits, and reads to the end" {
    make_stream -n 100 | emo-split -q >in.emo
    [ "$(emo-split -q --only valid in.emo | splits | grep -c valid)" -eq 20 ]
    [ "$(emo-split -q --only valid in.emo | splits | wc -l)" -eq 20 ]
    [ "$(emo-split -q --only train,valid in.emo | splits | wc -l)" -eq 100 ]
    head -c -64 in.emo >cut.emo
    run -3 emo-split -q --only valid cut.emo -o out.emo
    [ ! -e out.emo ]
}

@test "--split-from takes the split from the name" {
    make_stream -n 6 >in.emo
    run -3 emo-split -q --split-from 'class (0|1)/' in.emo
    [[ "$output" == *'record 1 "class 0/0_0.jpg": --split-from captures "0"'* ]]
    run -3 emo-split -q --split-from '(train|valid)/' in.emo
    [[ "$output" == *"does not match"* ]]
    run -2 emo-split -q --split-from '(' in.emo
    [[ "$output" == *"no regular expression"* ]]
    run -2 emo-split -q --split-from x -r 0.2 in.emo
}

@test "--split-from on pictures that lie in Train/, val/ and test/" {
    [ -x "$BIN/emo-unzip" ] || skip "emo-unzip is not built"
    cp "$ROOT/tests/data/pictures/"*.png . 2>/dev/null || skip "no sample pictures"
    set -- ./*.png
    for d in a/Train/x a/val/x a/test/y; do mkdir -p $d && cp "$1" $d/p.png; done
    emo-unzip -q -s 8x8 a | emo-split -q --split-from '(Train|val|test)/' -o out.emo
    splits out.emo | cut -f 3 >list
    [ "$(sort list | tr '\n' ' ')" = "test train valid " ]
}

@test "groups never straddle, and the ratios are near" {
    make_stream -n 1200 -c 2 -g 7 --labels random >in.emo
    run -0 --separate-stderr emo-split --group '/([0-9a-f]+)_' --test 0.1 in.emo -o out.emo
    # shellcheck disable=SC2154
    [[ "$stderr" == *"172 groups, each on one side"* ]]
    make_stream --list out.emo | tail -n +2 | cut -f 2,3,8 >list
    run -0 awk -F '\t' '{ split($3, p, /[\/_]/); g = p[2]
        if (g in side && side[g] != $2) exit 1
        side[g] = $2; n[$1]++; v[$1] += $2 == "valid"; t[$1] += $2 == "test" }
        END { for (c in n) { a = v[c] - n[c] * .2; b = t[c] - n[c] * .1
            if (a > 7 || a < -7 || b > 7 || b < -7) exit 2 } }' list
    # In the order they came, and the payloads too.
    cmp <(make_stream --list in.emo | cut -f 1,2,4-) <(make_stream --list out.emo | cut -f 1,2,4-)
}

@test "a group file does what the expression does" {
    make_stream -n 200 -g 4 >in.emo
    { printf 'name\tcolour\tgroup\n'
      make_stream --list in.emo | tail -n +2 | cut -f 8 |
          sed 's,.*/\([0-9a-f]*\)_.*,&\tred\t\1,'; } >groups.tsv
    emo-split -q --no-pg --group '/([0-9a-f]+)_' in.emo >a
    emo-split -q --no-pg --group-file groups.tsv in.emo >b
    cmp a b
    sed -i '$d' groups.tsv
    run -3 emo-split --group-file groups.tsv in.emo -o c
    [[ "$output" == *"record 200 "*"is not in groups.tsv"* ]]
    [ ! -e c ]
    run -1 emo-split --group-file none.tsv in.emo -o c
    run -3 emo-split --group '/([g-z]+)_' in.emo -o c
    [[ "$output" == *"record 1 "*"does not match"* ]]
    run -2 emo-split --group x --group-file groups.tsv in.emo -o c
}

@test "a group with two splits is refused; --again draws it anew" {
    make_stream -n 40 -g 8 --split mixed >in.emo
    run -3 emo-split --group '/([0-9a-f]+)_' in.emo -o out.emo
    [[ "$output" == *'records of group "0" come with two splits'* ]]
    emo-split -q --again --group '/([0-9a-f]+)_' in.emo -o out.emo
    [ "$(splits out.emo | cut -f 3 | uniq | wc -l)" -le 5 ]
}

@test "folds of groups partition them" {
    make_stream -n 300 -g 6 >in.emo
    for i in 1 2 3; do
        emo-split -q --group '/([0-9a-f]+)_' --fold $i/3 --only valid in.emo | splits | cut -f 1
    done | sort -n | cmp - <(seq 0 299)
}

@test "groups that spill to a file give the same bytes" {
    make_stream -n 200 -s 20x20x3 -g 3 --pixels noise >in.emo
    emo-split -q --group '/([0-9a-f]+)_' in.emo >a
    emo-split -q --group '/([0-9a-f]+)_' --memory 4K in.emo >b
    cmp a b
}

@test "an augmented stream is not drawn, but can be selected from" {
    make_stream --epoch 2 >in.emo
    run -3 emo-split in.emo -o out.emo
    [[ "$output" == *"already augmented (epoch 2); split first"* ]]
    make_stream --epoch 2 --split train >in.emo
    emo-split -q --only train in.emo -o out.emo
    run -3 emo-split --again in.emo -o out.emo
    run -3 emo-split --again --group '(.)' in.emo -o out.emo
}

@test "wrong options are one line and the usage, and no output" {
    for o in '-r 2' '-r -1' '-r x' '--test 1.5' '-r 0.6 --test 0.41' '--fold 0/5' '--fold 6/5' \
        '--fold 1/1' '--fold 1/65536' '--fold 1/5 -r 0.1' '--only some' '--seed -1' '--nonsense'; do
        # shellcheck disable=SC2086
        run -2 emo-split $o -o out.emo </dev/null
        [ "${#lines[@]}" -eq 2 ]
        [ ! -e out.emo ]
    done
}

@test "truncated, aborted and foreign input: status 3 and an aborted END" {
    make_stream -n 20 >in.emo
    run -3 bash -c 'head -c 2000 in.emo | emo-split -q >out.emo'
    run -3 make_stream --list out.emo
    [[ "$output" == *"aborted upstream"* ]]
    make_stream --aborted >aborted.emo
    run -3 bash -c 'emo-split <aborted.emo >out.emo'
    run -3 make_stream --list out.emo
    [[ "$output" == *"make_stream: aborted as asked"* ]]
    make_stream -k model >m.emo
    run -3 emo-split m.emo
    [[ "$output" == *model* ]]
    run -3 emo-split </dev/null
    make_stream -n 0 | emo-split -q | make_stream --list
}

@test "an upstream killed with -9 leaves no file" {
    mkfifo pipe
    "$BUILD/unit/make_stream" -n 100000000 >pipe & victim=$!
    (sleep 0.3; kill -9 "$victim") &
    run -3 emo-split -q pipe -o out.emo
    [ ! -e out.emo ]
    [ -z "$(find . -name '.out*')" ]
}

@test "a reader that goes away ends it silently; a full disk does not" {
    make_stream -n 20000 -s 16x16x3 >in.emo
    run -0 bash -c 'emo-split -q in.emo 2>err | head -c 100 >/dev/null; [ ! -s err ]'
    run -1 bash -c 'emo-split -q in.emo >/dev/full'
    [[ "$output" == *"No space left"* ]]
}

@test "memory does not grow with the records" {
    command -v /usr/bin/time >/dev/null || skip "no /usr/bin/time"
    for n in 100 20000; do
        make_stream -n $n -s 32x32x3 | /usr/bin/time -f %M emo-split -q >/dev/null 2>rss.$n
    done
    [ "$(cat rss.20000)" -le "$(($(cat rss.100) + 500))" ]
}

@test "the examples of the manual page run" {
    [ -x "$BIN/emo-unzip" ] && [ -e "$SAMPLE" ] || skip "no emo-unzip or no sample"
    cp "$SAMPLE" photos.zip
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/s/^\.Dl //p' "$ROOT/man/emo-split.1" | sed "s/\\\\(aq/'/g" >examples
    [ "$(wc -l <examples)" -ge 5 ]
    run -0 bash -e examples
    for f in tagged test fold3 valid; do
        make_stream --list $f.emo >/dev/null
    done
    # Every drawing of one emoji on one side.
    make_stream --list tagged.emo | tail -n +2 | awk -F '\t' '{ n = $8; sub(/.*\//, "", n)
        sub(/_.*/, "", n); if (n in s && s[n] != $3) exit 1; s[n] = $3 }'
}

@test "--progress draws where no terminal is, wipes it at the end, and gives way to -q" {
    make_stream -n 30 -o in.emo
    run -0 --separate-stderr emo-split --progress -o out.emo in.emo
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == $'\r\033[Kemo-split: 1/30 images, '*'/s, '*' left'*$'\r\033[Kemo-split: class '* ]]
    # How many there will be is not known of a pipe.
    make_stream -n 30 | emo-split --progress 2>drawn >/dev/null
    grep -qE 'emo-split: 1(/30)? images, ' drawn
    run -0 emo-split -q --progress -o out.emo in.emo
    [ -z "$output" ]
}

@test "of more classes than fit on a screen the summary says how many there are" {
    make_stream -n 640 -c 64 -o in.emo
    run -0 emo-split -o out.emo in.emo
    [[ $output == *"class 59 "*"... and 4 more classes"*"(all)"* ]]
    [[ $output != *"class 60 "* ]]
    [[ $output == *"(all)"*512*128* ]]
}

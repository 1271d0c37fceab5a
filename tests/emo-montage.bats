#!/usr/bin/env bats
# emo-montage: which images are on the sheet, where, under what words; and what it refuses.
load helper

make_stream() { "$BUILD/unit/make_stream" "$@"; }
# "width height", from a PNG's header.
dimensions() { od -A n -t u1 -j 16 -N 8 "$1" | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }'; }

# scores NAME P ...: a table of what p:class 1 is.
scores() {
    printf 'name\tlabel\tscore\n'
    printf 'other 0\tclass 0\t0.1\nother 1\tclass 1\t0.1\n'
    printf '%s\tNA\t%s\n' "$@"
}

@test "each class has its columns, and the summary counts" {
    make_stream -n 30 -c 3 -s 20x30x3 >in.emo
    run -0 --separate-stderr emo-montage --columns 2 -o out.png in.emo
    # shellcheck disable=SC2154
    [ "$stderr" = "emo-montage: 30 of 30 images, in 3 classes, on 872 x 663 pixels" ]
    [ "$(dimensions out.png)" = "872 663" ]
    # More columns: wider and lower.
    emo-montage -q --columns 5 -o wide.png in.emo
    run -0 dimensions wide.png
    [ "${output% *}" -gt 1900 ] && [ "${output#* }" -lt 400 ]
}

@test "--limit shows the first of each class, and reads to the end" {
    make_stream -n 41 -c 2 -s 8x8x3 >in.emo
    run -0 --separate-stderr emo-montage --limit 4 -o out.png in.emo
    [[ "$stderr" == *": 8 of 41 images, in 2 classes"* ]]
    head -c -64 in.emo >cut.emo
    run -3 emo-montage --limit 4 -o none.png cut.emo
    [ ! -e none.png ]
    run -3 bash -c 'emo-montage --limit 4 <cut.emo | wc -c; exit ${PIPESTATUS[0]}'
    [ "${lines[-1]}" = 0 ]
}

@test "the format comes from -t, or the suffix, or is PNG; the pictures decode" {
    make_stream -n 6 -s 8x8x3 >in.emo
    emo-montage -q -o a.png in.emo
    emo-montage -q <in.emo >b
    emo-montage -q -t png -o c.jpg in.emo
    cmp a.png b
    cmp a.png c.jpg
    emo-montage -q -o d.JPG in.emo
    emo-montage -q -t jpeg in.emo >e
    cmp d.JPG e
    [ "$(head -c 3 e | od -A n -t x1)" = " ff d8 ff" ]
    for f in a.png d.JPG; do
        run -0 --separate-stderr emo-unzip --strict -s 8x8 -o f.emo $f
    done
    run -2 emo-montage -o a.gif in.emo
    [[ "$output" == *'PNG and JPEG can be written'* ]]
    run -2 emo-montage -t gif in.emo
    mkdir x.y
    emo-montage -q -o x.y/sheet in.emo
    cmp a.png x.y/sheet
}

# The payload of a stream's first record.
payload() {
    perl -0777 -ne 'my $at = index($_, "EMOR");
        my ($frame, $m) = unpack("x8 Q< L<", substr($_, $at, 64));
        my ($h, $w, $c) = unpack("x48 L< L< L<", substr($_, $at, 64));
        print substr($_, $at + 64 + int(($m + 63) / 64) * 64, $h * $w * $c)' "$1"
}

@test "a thumbnail is its image, pixel for pixel where they are of one size" {
    for channels in 3 1; do
        make_stream -n 1 -c 1 -s 128x128x$channels --pixels noise >in.emo
        emo-montage -q -o sheet.png in.emo
        [ "$(dimensions sheet.png)" = "160 222" ]
        # The sheet as a stream; its rows 42 to 169, columns 16 to 143.
        emo-unzip -q -s 222x160 -o sheet.emo sheet.png
        payload sheet.emo | perl -0777 -ne \
            'for my $y (42 .. 169) { print substr($_, ($y * 160 + 16) * 3, 384) }' >got
        payload in.emo | perl -0777 -ne 'print map { $_ x '$((4 - channels))' } split //' >want
        cmp got want
    done
}

@test "thumbnails keep their image's shape, enlarged or shrunk" {
    # A tall image makes a narrow thumbnail, a wide one a low one.
    make_stream -n 1 -c 1 -s 100x400x3 | emo-montage -q --thumb 200x200 -o wide.png
    [ "$(dimensions wide.png)" = "232 144" ]
    make_stream -n 1 -c 1 -s 400x100x1 | emo-montage -q --thumb 200x200 -o tall.png
    [ "$(dimensions tall.png)" = "128 294" ]
    make_stream -n 1 -c 1 -s 2x2x3 | emo-montage -q --thumb 200x200 -o large.png
    [ "$(dimensions large.png)" = "232 294" ]
    make_stream -n 1 -c 1 -s 900x1x3 | emo-montage -q --thumb 100x100 -o thin.png
    [ "$(dimensions thin.png)" = "128 194" ]
}

@test "the same input and options give the same bytes; what is asked changes them" {
    make_stream -n 30 --split mixed --unlabelled 7 -s 20x30x3 >in.emo
    emo-montage -q in.emo >a
    emo-montage -q -j 4 -o b.png in.emo
    cmp a b.png
    for options in '--limit 3' '--thumb 64x64' '--columns 1' '-t jpeg'; do
        # shellcheck disable=SC2086
        emo-montage -q $options in.emo >c
        run cmp -s a c
        [ "$status" -eq 1 ]
    done
    # The caption shows split and epoch.
    make_stream -n 30 --unlabelled 7 -s 20x30x3 | emo-montage -q >c
    run cmp -s a c
    [ "$status" -eq 1 ]
    make_stream -n 30 --split mixed --unlabelled 7 --epoch 3 -s 20x30x3 | emo-montage -q >c
    run cmp -s a c
    [ "$status" -eq 1 ]
}

@test "--scores: by name, stream and table alike; unscored images are counted" {
    make_stream -n 20 --split mixed -s 8x8x3 >in.emo
    make_stream -n 20 --split mixed -k scores >scores.emo
    emo-montage -q --scores scores.emo -o a.png in.emo
    { printf 'name\tlabel\tp:class 0\tp:class 1\n' && paste_scores; } >scores.tsv
    emo-montage -q --scores scores.tsv -o b.png in.emo
    cmp a.png b.png
    # In any order.
    { head -n 1 scores.tsv && tail -n +2 scores.tsv | sort -r; } >shuffled.tsv
    emo-montage -q --scores shuffled.tsv -o c.png in.emo
    cmp a.png c.png
    emo-montage -q --scores - -o d.png in.emo <scores.emo
    cmp a.png d.png
    head -n 11 scores.tsv >half.tsv
    run -0 --separate-stderr emo-montage --scores half.tsv -o e.png in.emo
    [[ "$stderr" == *"10 images have no score in half.tsv"* ]]
}

# The table of make_stream's scores: float32, but written with all their digits.
paste_scores() {
    "$BIN/emo-cat" --version >/dev/null 2>&1 || true
    make_stream --list scores.emo | tail -n +2 | cut -f 2,8 >names
    od -A n -v -t f4 -w8 <(payloads scores.emo) | paste - names |
        awk -F '\t' '{ split($1, p, " "); printf "%s\t%s\t%s\t%s\n", $3, $2, p[1], p[2] }'
}

# A scores stream's payloads: each is one block of 64 bytes before the next tag or the end.
payloads() {
    perl -0777 -ne 'my $at = index($_, "EMOR");
        while (substr($_, $at, 4) eq "EMOR") {
            my ($n, $m) = unpack("x8 Q< L<", substr($_, $at, 64));
            print substr($_, $at + 64 + int(($m + 63) / 64) * 64, 8);
            $at += $n;
        }' "$1"
}

@test "--sort mistake: the surest mistakes first, then what was nearly one, then the unscored" {
    # One class: the order on the sheet is the order of the list.
    make_stream -n 5 -c 1 -s 8x8x3 --pixels noise >in.emo
    make_stream --list in.emo | tail -n +2 | cut -f 8 >names
    mapfile -t n <names
    scores "${n[0]}" 0.4 "${n[1]}" 0.7 "${n[2]}" 0.1 "${n[4]}" 0.9 >scores.tsv
    emo-montage -q --columns 1 --scores scores.tsv --sort mistake -o sorted.png in.emo
    # The same images, as they come, in that order: mistakes .9 and .7; right .4 and .1; no score.
    for i in 4 1 0 2 3; do
        make_stream -n 1 -c 1 -s 8x8x3 --pixels noise --first $i
    done >ordered.emo
    emo-montage -q --columns 1 --scores scores.tsv -o ordered.png ordered.emo
    cmp sorted.png ordered.png
    # A limit keeps the first of that order, though they came last.
    run -0 --separate-stderr emo-montage --limit 1 --scores scores.tsv --sort mistake -o one.png in.emo
    [[ "$stderr" == *": 1 of 5 images"* ]]
    make_stream -n 1 -c 1 -s 8x8x3 --pixels noise --first 4 >last.emo
    emo-montage -q --scores scores.tsv -o last.png last.emo
    # They differ in the heading only, "(1 of 5)" and "(1)": the rows under it are the same.
    for f in one last; do
        emo-unzip -q -s 236x160 -o $f.emo $f.png
        payload $f.emo | tail -c +$((42 * 160 * 3 + 1)) >$f.rows
    done
    [ "$(dimensions one.png)" = "160 236" ]
    cmp one.rows last.rows
}

@test "scores that do not tell images apart, or have no names, are refused" {
    make_stream -n 4 -s 8x8x3 >in.emo
    scores a 0.3 b 0.4 a 0.5 >twice.tsv
    run -3 emo-montage --scores twice.tsv -o out.png in.emo
    [[ "$output" == *'two different scores for "a"'* ]]
    scores a 0.3 b 0.4 a 0.3 >same.tsv
    emo-montage -q --scores same.tsv -o out.png in.emo
    rm out.png
    scores a 0.3 | cut -f 2- >nameless.tsv
    run -3 emo-montage --scores nameless.tsv -o out.png in.emo
    [[ "$output" == *"nameless.tsv: a column name is needed"* ]]
    run -3 emo-montage --scores in.emo -o out.png in.emo
    run -1 emo-montage --scores nosuch -o out.png in.emo
    run -2 emo-montage --sort mistake -o out.png in.emo
    [[ "$output" == *"--sort mistake needs --scores"* ]]
    run -2 emo-montage --scores - -o out.png <in.emo
    [ ! -e out.png ]
}

@test "--by-group shows the groups of two or more, in the file's order" {
    make_stream -n 12 -s 8x8x3 >in.emo
    make_stream --list in.emo | tail -n +2 | cut -f 8 >names
    # Groups: b of 0 and 1, which differ in class; c of 5 alone; a of 2, 4, 6; names not in the stream.
    { printf 'group\tname\nb\t%s\nb\t%s\nc\t%s\n' "$(sed -n 1p names)" "$(sed -n 2p names)" "$(sed -n 6p names)"
      printf 'a\t%s\n' "$(sed -n 3p names)" "$(sed -n 5p names)" "$(sed -n 7p names)"
      printf 'd\tnosuch\nd\tnosuch 2\n'; } >groups.tsv
    run -0 --separate-stderr emo-montage --by-group groups.tsv -o a.png in.emo
    [[ "$stderr" == *": 5 of 12 images, in 2 groups, on "* ]]
    run -0 --separate-stderr emo-montage --by-group groups.tsv --groups 1 -o b.png in.emo
    [[ "$stderr" == *": 2 of 12 images, in 1 group, on "* ]]
    run -0 --separate-stderr emo-montage --by-group groups.tsv --limit 2 -o c.png in.emo
    [[ "$stderr" == *": 4 of 12 images, in 2 groups, on "* ]]
    # A row too narrow for both groups: two lines of blocks.
    emo-montage -q --by-group groups.tsv --columns 3 -o d.png in.emo
    # A line under the heading, of 16 pixels, says that the labels of b differ.
    [ "$(dimensions a.png)" = "720 238" ]
    [ "$(dimensions d.png)" = "432 452" ]
    sed 1d groups.tsv | grep ^a | sed '1i group\tname' >agree.tsv
    emo-montage -q --by-group agree.tsv -o agree.png in.emo
    [ "$(dimensions agree.png)" = "432 222" ]
    # Or that a group is in two splits: none is no split.
    make_stream -n 12 -s 8x8x3 --split mixed >mixed.emo
    emo-montage -q --by-group agree.tsv -o agree.png mixed.emo
    [ "$(dimensions agree.png)" = "432 222" ]
    printf 'group\tname\na\t%s\na\t%s\n' "$(sed -n 2p names)" "$(sed -n 4p names)" >leak.tsv
    emo-montage -q --by-group leak.tsv -o leak.png mixed.emo
    [ "$(dimensions leak.png)" = "296 238" ]
    printf 'name\nx\n' >bad.tsv
    run -3 emo-montage --by-group bad.tsv -o e.png in.emo
    run -2 emo-montage --groups 2 -o e.png in.emo
    [ ! -e e.png ]
}

@test "nothing to show is a sheet that says so" {
    make_stream -n 0 >in.emo
    run -0 --separate-stderr emo-montage -o out.png in.emo
    [[ "$stderr" == *": 0 of 0 images"* ]]
    emo-unzip -q -s 8x8 --strict -o back.emo out.png
    printf 'name\tgroup\n' >groups.tsv
    make_stream -n 5 | emo-montage -q --by-group groups.tsv -o none.png
    cmp out.png none.png
}

@test "sheets too large are refused with the numbers, and nothing is left" {
    make_stream -n 600 -s 40x40x3 >in.emo
    run -1 emo-montage --memory 4M -o out.png in.emo
    [[ "$output" == *"take more than 4 MiB: show fewer (--limit), smaller ones (--thumb)"* ]]
    emo-montage -q --memory 4M --limit 20 -o out.png in.emo
    rm out.png
    make_stream -n 300 -s 4x4x3 -c 1 >in.emo
    run -2 emo-montage --columns 300 -o out.png in.emo
    [[ "$output" == *"a sheet of 40824 x "*"at most 32767 x 1000000"* ]]
    make_stream -n 500 -s 4x4x3 -c 1 >in.emo
    run -2 emo-montage --columns 1 -o out.jpg in.emo
    [[ "$output" == *"at most 32767 x 65500"* ]]
    [ ! -e out.jpg ]
    run -2 emo-montage --thumb 5000x10 in.emo -o out.png
    [ -z "$(find . -name '.*emo-*')" ]
}

@test "images that are none, and a terminal, are refused" {
    make_stream -n 3 -s 4x4x2 >in.emo
    run -3 emo-montage -o out.png in.emo
    [[ "$output" == *'1 or 3 channels'* ]]
    needs_terminal
    make_stream -n 3 >in.emo
    run -2 script -qec "'$BIN/emo-montage' in.emo" /dev/null
    [[ "$output" == *terminal* ]]
}

@test "names of any script and any bytes become captions" {
    mkdir -p "in/Grüße 😀" in/日本語
    cp "$ROOT/tests/data/pictures/rgb.png" "in/Grüße 😀/naïve العربية.png"
    cp "$ROOT/tests/data/pictures/gray.jpg" in/日本語/$'tab\t東京 <&>%s.jpg'
    cp "$ROOT/tests/data/pictures/rgb.jpg" in/日本語/$'bad\xff\xfe.jpg'
    emo-unzip -q -s 20x20 -o in.emo in
    run -0 --separate-stderr emo-montage -o out.png in.emo
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    # With another name, another picture.
    mv in/日本語/$'bad\xff\xfe.jpg' in/日本語/$'bad\xff.jpg'
    emo-unzip -q -s 20x20 in | emo-montage -q -o other.png
    run cmp -s out.png other.png
    [ "$status" -eq 1 ]
}

@test "without any font it says which package has one" {
    make_stream -n 3 >in.emo
    echo '<fontconfig></fontconfig>' >empty.conf
    FONTCONFIG_FILE=$PWD/empty.conf run -1 --separate-stderr emo-montage --no-sandbox -o out.png in.emo
    [[ "$stderr" == *"no font is installed; the package fonts-dejavu-core has one"* ]]
    [ ! -e out.png ]
}

@test "a disk that is full is an error, however much was drawn" {
    "$BUILD/unit/make_stream" -n 300 -s 60x60x3 --pixels noise -o noise.emo
    for format in png jpeg; do
        for limit in 1 300; do
            # shellcheck disable=SC2016 # for that sh
            run -1 sh -c 'emo-montage -q -t "$0" --limit "$1" noise.emo >/dev/full' $format $limit
            [[ $output == "emo-montage: <stdout>: No space left on device" ]]
        done
    done
}

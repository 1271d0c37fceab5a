#!/usr/bin/env bats
# emo-similar: what is near, what contradicts, what leaks, and the groups that other programs take.
load helper

make_stream() { "$BUILD/unit/make_stream" "$@"; }
# picture FILE SEED: a photograph of sorts, 160x200, as PNG: noise blown up from 12x12.
picture() {
    make_stream -n 1 -c 1 -s 12x12x3 --pixels noise --seed "$2" |
        emo-montage -q --thumb 200x200 -t png | emo-unzip -q -s 300x200 --fit crop |
        emo-montage -q --thumb 300x200 -t "${3-png}" >"$1"
}
# column TABLE NAME: that column, without the header.
column() {
    awk -F '\t' -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next }
        { print $c }' "$1"
}

# Three scenes in two classes: a.png, its JPEG and its smaller copy in another class; b.png twice in
# one class; c alone.
scenes() {
    mkdir -p in/cat in/dog
    picture in/cat/a.png 1
    picture in/dog/again.jpg 1 jpeg
    picture in/cat/b.png 2
    cp in/cat/b.png in/cat/copy.png
    picture in/dog/c.png 3
}

@test "near-duplicates are grouped, contradictions first" {
    scenes
    emo-unzip -q -s 96x96 -o in.emo in
    run -0 --separate-stderr emo-similar -o out.tsv in.emo
    # shellcheck disable=SC2154
    [ "$stderr" = "emo-similar: 5 images, of which 4 in 2 groups of near-duplicates; labels contradict in 1, and 0 lie in more than one split" ]
    head -n 1 out.tsv | cmp - <(printf 'group\timages\tcontradiction\tleak\tid\tname\tsplit\tclass\tdistance\tphash\tdhash\n')
    [ "$(column out.tsv name | tr '\n' ' ')" = "in/cat/a.png in/dog/again.jpg in/cat/b.png in/cat/copy.png " ]
    [ "$(column out.tsv group | tr '\n' ' ')" = "1 1 2 2 " ]
    [ "$(column out.tsv images | tr '\n' ' ')" = "2 2 2 2 " ]
    [ "$(column out.tsv contradiction | tr '\n' ' ')" = "1 1 0 0 " ]
    [ "$(column out.tsv leak | tr '\n' ' ')" = "0 0 0 0 " ]
    [ "$(column out.tsv class | tr '\n' ' ')" = "cat dog cat cat " ]
    [ "$(column out.tsv distance | tail -n 2 | tr '\n' ' ')" = "0 0 " ]
    [ "$(column out.tsv phash | grep -c '^[0-9a-f]\{16\}$')" -eq 4 ]
}

@test "at another size, and as a JPEG, it is found; another picture is not" {
    scenes
    for size in 40x40 100x300 400x500; do
        emo-unzip -q -s $size in | emo-similar -q >out.tsv
        [ "$(column out.tsv name | wc -l)" -eq 4 ]
    done
    # Of two sizes in one stream.
    emo-unzip -q -s 96x96 -o in.emo in
    emo-unzip -q -s 50x60 in | emo-similar -q in.emo - >out.tsv
    [ "$(column out.tsv images | tr '\n' ' ')" = "4 4 4 4 4 4 4 4 2 2 " ]
    # Distance 0 still takes equal bytes, and whatever has no bit changed.
    emo-similar -q --distance 0 --correlation 1 in.emo >out.tsv
    [ "$(column out.tsv name | tr '\n' ' ')" = "in/cat/b.png in/cat/copy.png " ]
    # No limit at all: all is one group.
    emo-similar -q --distance 64 --correlation -1 in.emo >out.tsv
    [ "$(column out.tsv images | sort -u)" = 5 ]
}

@test "gray and colour of one picture are near-duplicates" {
    scenes
    emo-unzip -q -s 96x96 --gray -o gray.emo in
    run -0 --separate-stderr emo-similar -o out.tsv gray.emo
    [[ "$stderr" == *"4 in 2 groups"*"contradict in 1,"* ]]
}

@test "groups across splits leak, and a split by the groups does not" {
    make_stream -n 60 -s 16x16x3 --pixels noise -o a.emo
    # The same pixels under other names and with other ids: every image twice, one at another place.
    make_stream -n 60 -s 16x16x3 --pixels noise --group 2 -o b.emo
    cat a.emo b.emo | emo-split -q -r 0.5 -o both.emo
    emo-similar --write-groups groups.tsv -o out.tsv both.emo 2>summary
    grep -q '120 images, of which 120 in 60 groups' summary
    leaks=$(column out.tsv leak | grep -c 1)
    [ "$leaks" -gt 0 ]
    [ $((leaks / 2)) -eq "$(sed 's/.*, and \([0-9]*\) lie.*/\1/' summary)" ]
    # Leaks come before what does not leak.
    column out.tsv leak | sort -rnc
    cat a.emo b.emo | emo-split -q -r 0.5 --group-file groups.tsv -o apart.emo
    run -0 --separate-stderr emo-similar -o out.tsv apart.emo
    [[ "$stderr" == *"60 groups"*" and 0 lie in more than one split"* ]]
}

@test "--write-groups names every image once, those alone in groups of their own" {
    scenes
    emo-unzip -q -s 96x96 -o in.emo in
    emo-similar -q --write-groups groups.tsv -o out.tsv in.emo
    cmp groups.tsv - <<'END'
name	group
in/cat/a.png	1
in/dog/again.jpg	1
in/cat/b.png	2
in/cat/copy.png	2
in/dog/c.png	3
END
    run -0 --separate-stderr emo-montage --by-group groups.tsv -o sheet.png in.emo
    [[ "$stderr" == *"4 of 5 images, in 2 groups"* ]]
    run -0 --separate-stderr emo-split --group-file groups.tsv -o split.emo in.emo
    [[ "$stderr" == *"3 groups"* ]]
    # A name that stands for two images of different groups is refused; nothing is written.
    rm groups.tsv out.tsv
    make_stream -n 4 --pixels noise -s 16x16x3 -o a.emo
    make_stream -n 4 --pixels noise -s 16x16x3 --seed 2 -o b.emo
    run -3 emo-similar --write-groups groups.tsv -o out.tsv a.emo b.emo
    [[ "$output" == *'two images of different groups are named "class 0/0_0.jpg"'* ]]
    [ ! -e groups.tsv ] && [ ! -e out.tsv ]
    # Of one group they may be.
    emo-similar -q --write-groups groups.tsv -o out.tsv a.emo a.emo
    [ "$(wc -l <groups.tsv)" -eq 9 ]
    run -2 emo-similar --write-groups same -o same a.emo
}

@test "--json is one object a line for each group" {
    command -v python3 || skip "no python3"
    scenes
    emo-unzip -q -s 96x96 in | emo-split -q -o in.emo
    emo-similar -q -o out.tsv in.emo
    emo-similar -q --json -o out.json in.emo
    python3 - <<'END'
import csv, json
rows = list(csv.DictReader(open("out.tsv"), delimiter="\t"))
from_json = []
for line in open("out.json"):
    group = json.loads(line)
    assert group["images"] == len(group["records"])
    for record in group["records"]:
        row = {k: v for k, v in group.items() if k != "records"} | record
        from_json.append({k: str(int(v)) if isinstance(v, (bool, int)) else v for k, v in row.items()})
assert from_json == rows, (from_json, rows)
END
}

@test "flat images are near-duplicates only where their bytes are equal" {
    # One pixel is one level.
    make_stream -n 1 -s 1x1x3 --pixels noise -o 1.emo
    make_stream -n 1 -s 1x1x3 --pixels noise --seed 2 -o 2.emo
    run -0 --separate-stderr emo-similar -o out.tsv 1.emo 2.emo 1.emo
    [[ "$stderr" == *"3 images are flat: only equal bytes make them near-duplicates"* ]]
    [ "$(column out.tsv id | wc -l)" -eq 2 ]
}

@test "of an augmented stream the first epoch is compared, and that is said" {
    scenes
    emo-unzip -q -s 96x96 in | emo-augment -q -e 3 -o epochs.emo
    run -0 --separate-stderr emo-similar -o out.tsv epochs.emo
    [[ "$stderr" == "emo-similar: 5 images, of which "*"10 images of epochs after the first were left out"* ]]
}

@test "threads change nothing; no image at all is a table of none" {
    make_stream -n 500 -s 8x8x3 --split mixed --labels random -o in.emo
    emo-similar -q --correlation 0.5 --write-groups g1 -o 1.tsv in.emo
    emo-similar -q --correlation 0.5 -j 3 --write-groups g3 <in.emo >3.tsv
    cmp 1.tsv 3.tsv
    cmp g1 g3
    [ "$(wc -l <1.tsv)" -gt 50 ]
    make_stream -n 0 | emo-similar -q --write-groups none.tsv >out.tsv
    [ "$(wc -l <out.tsv)" -eq 1 ]
    [ "$(cat none.tsv)" = "$(printf 'name\tgroup')" ]
    make_stream -n 0 | emo-similar -q --json >out.json
    [ ! -s out.json ]
}

@test "a cut stream gives no table and no groups; the old ones stay" {
    make_stream -n 50 | head -c -64 >cut.emo
    echo old >out.tsv
    echo old >groups.tsv
    run -3 emo-similar --write-groups groups.tsv -o out.tsv cut.emo
    run -3 emo-similar -j 2 --write-groups groups.tsv -o out.tsv cut.emo
    [ "$(cat out.tsv groups.tsv)" = "$(printf 'old\nold')" ]
    run -3 emo-similar cut.emo
    [ "${#lines[@]}" -eq 1 ]
    make_stream -n 3 -s 4x4x2 -o two.emo
    run -3 emo-similar two.emo
    [[ "$output" == *'1 or 3 channels'* ]]
}

# shellcheck disable=SC2016 # inner shells expand for themselves
load helper

PICTURES=$ROOT/tests/data/pictures

good() {
    mkdir -p "$1"
    for f in rgb.jpg progressive.jpg gray.jpg cmyk.jpg rgb.png palette.png gray16.png alpha.png \
        webp-named.jpg turned.jpg; do
        cp "$PICTURES/$f" "$1/"
    done
}

@test "every format, from a directory, a zip, a tar, a 7z and a pipe, gives the same images" {
    good in/Happy
    good in/Sad
    bsdtar --format zip -cf a.zip in
    bsdtar -czf a.tar.gz in
    bsdtar --format 7zip -cf a.7z in
    emo-unzip --no-pg -s 24x36 -o dir.emo in
    run -0 emo-unzip --no-pg -s 24x36 -o zip.emo a.zip
    [[ $output == *"20 images, 24 high x 36 wide; Happy 10, Sad 10"* ]]
    # Archives keep the order they were made in; every image is in each.
    size=$(wc -c <dir.emo)
    emo-unzip -q --no-pg -s 24x36 -o tar.emo a.tar.gz
    emo-unzip -q --no-pg -s 24x36 -o 7z.emo a.7z
    emo-unzip -q --no-pg -s 24x36 -o pipe.emo <a.zip
    cmp zip.emo tar.emo
    cmp zip.emo pipe.emo
    [ "$(wc -c <zip.emo)" -eq "$size" ]
    [ "$(wc -c <7z.emo)" -eq "$size" ]
}

@test "the bytes do not depend on -j" {
    good in/Happy
    good in/Sad
    emo-unzip -q -s 17x13 -j1 -o 1.emo in
    for j in 2 3 4; do
        emo-unzip -q -s 17x13 -j$j -o $j.emo in
        cmp 1.emo $j.emo
    done
}

@test "bad pictures are named, counted and skipped; --strict ends the run" {
    good in/Happy
    cp "$PICTURES"/truncated.jpg "$PICTURES"/empty.jpg "$PICTURES"/text.jpg \
        "$PICTURES"/huge-header.png "$PICTURES"/picture.gif in/Happy
    mkdir in/Happy/.hidden in/Sad
    cp "$PICTURES/rgb.png" in/Sad
    cp "$PICTURES/rgb.png" in/Happy/._x.png
    echo hello >in/Happy/notes.txt
    run -0 emo-unzip -s 24x36 -o x.emo in
    [[ $output == *truncated.jpg*skipped* ]]
    [[ $output == *empty.jpg*empty*skipped* ]]
    [[ $output == *text.jpg*"not a picture"* ]]
    [[ $output == *huge-header.png*60000x60000* ]]
    [[ $output == *picture.gif*GIF* ]]
    [[ $output == *"11 images"*"5 skipped"*"3 other files ignored"* ]]
    run -3 emo-unzip --strict -s 24x36 -o y.emo in
    [ ! -e y.emo ]
}

@test "what is no archive at all is refused with status 3" {
    : >empty
    echo text >text
    good in/Happy
    bsdtar --format zip -cf a.zip in
    head -c 3000 a.zip >cut.zip
    mkdir none
    echo hello >none/notes.txt
    for f in empty text cut.zip none; do
        run -3 emo-unzip -o x.emo $f
        [ ! -e x.emo ]
    done
    run -3 emo-unzip -o x.emo <cut.zip
}

@test "class names of any bytes, --class, --limit and shards" {
    for c in 'a b:c' $'tab\there' $'new\nline' 'ünï'; do
        good "in/$c"
    done
    run -0 emo-unzip -s 8x8 -o all.emo in
    [[ $output == *"40 images"* ]]
    run -0 emo-unzip -s 8x8 --class 'a b:c' --class $'new\nline' --limit 3 -o some.emo in
    [[ $output == *"6 images"* ]]
    emo-unzip -q -s 8x8 --shard 2/4 -o shard.emo in
    [ "$(wc -c <shard.emo)" -lt "$(wc -c <all.emo)" ]
}

@test "10,000 nested empty archives are ignored and counted" {
    mkdir in
    printf 'PK\005\006\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >in/0.zip
    (cd in && for i in $(seq 9999); do ln 0.zip "$i.zip"; done)
    run -3 emo-unzip -o x.emo in
    [[ $output == *"10000 archives within"* ]]
}

@test "an unwritable or closed output fails with status 1" {
    good in/Happy
    run -1 sh -c 'emo-unzip in >/dev/full'
    run -1 sh -c 'emo-unzip in >&-'
}

@test "1,611 photographs, one of them a WebP called .jpg" {
    [ -e "$PHOTOS" ] || skip "the photographs are not here"
    run -0 emo-unzip -s 24x24 -o x.emo "$PHOTOS"
    [[ $output == *"1611 images, 24 high x 24 wide; Negative 757, Positive 854"* ]]
}

@test "-m takes size and classes from the model, and nothing that contradicts it" {
    good in/Dark
    good in/Light
    printf 'flatten\noutput\n' >tiny.net
    emo-unzip -q -s 9x7 -o in.emo in
    emo-train -q -n tiny.net -e 1 -o m.model in.emo
    emo-unzip -q -m m.model in | emo-predict -q --tsv m.model >scores.tsv
    [ "$(wc -l <scores.tsv)" -eq 21 ]
    run -2 emo-unzip -m m.model -s 8x8 -o x.emo in
    [[ $output == *"--size is what -m takes from the model"* ]]
    run -2 emo-unzip -m m.model --class Nosuch -o x.emo in
    [[ $output == *'m.model has no such class as "Nosuch"'* ]]
    [ ! -e x.emo ]
    run -0 emo-unzip -s 8x8 --class Dark --class Nosuch -o x.emo in
    [[ $output == *'no folder with pictures is called "Nosuch"'* ]]
}

@test "-T reads inputs from a list, empty lines apart" {
    good in/Dark
    good in/Light
    printf 'in/Dark\n\nin/Light' >list
    run -0 emo-unzip -s 8x8 -T list -o listed.emo
    [[ $output == *"20 images"*"Dark 10, Light 10"* ]]
    printf 'in/Dark\0in/Light\0' | emo-unzip -q -s 8x8 -T - -0 -o nul.emo
    cmp listed.emo nul.emo
    run -1 emo-unzip -s 8x8 -T nosuch -o x.emo
    [[ $output == *"nosuch: No such file"* ]]
}

#!/usr/bin/env bats
# Streams to the formats of other programs and back.
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    PATH=$BUILD/unit:$PATH
    make_stream --split mixed -o images.emo
    printf 'conv 4 3 stride 2 relu\nflatten\ndense 5 relu\ndropout 0.5\noutput\n' >tiny.net
    make_stream -s 9x8x3 -c 3 -o three.emo
    emo-train -q -n tiny.net -e 1 -o three.model three.emo
    emo-predict -q -o scores.emo three.model three.emo
}

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
    export PATH=$BUILD/unit:$PATH
}

# there_and_back FORMAT FILE: it comes back byte for byte, by file and by pipe.
there_and_back() {
    emo-convert -q --no-pg -t "$1" -o out "$2"
    emo-convert -q --no-pg -f "$1" -o back out
    cmp "$2" back
    emo-convert -q --no-pg -t "$1" <"$2" | emo-convert -q --no-pg -f "$1" | cmp - "$2"
}

@test "formats are named: what cannot be is refused, and what can be is listed" {
    run -2 emo-convert images.emo
    [[ $output == *'from emo to emo'*'emo to npy, '* ]]
    run -2 emo-convert -f npz -t npy images.emo
    run -2 emo-convert -f nosuch images.emo
    run -2 emo-convert -f npz a.npz b.npz
    [[ $output == *'one file at a time'* ]]
}

@test "npz: images, gray ones, augmented ones, scores and nothing come back as they were" {
    there_and_back npz images.emo
    make_stream -s 5x3x1 -c 0 -o gray.emo
    there_and_back npz gray.emo
    make_stream --epoch 3 --unlabelled 4 --payload-only --first 100 -o augmented.emo
    there_and_back npz augmented.emo
    there_and_back npz scores.emo
    make_stream -n 0 -o nothing.emo
    there_and_back npz nothing.emo
    # A real one, whose sizes are not multiples of anything, more than fits into memory.
    emo-unzip -q -s 21x19 "$SAMPLE" | emo-split -q -o photos.emo
    there_and_back npz photos.emo
    emo-convert -q -t npz -o ram.npz photos.emo
    emo-convert -q -t npz --memory 64K -o spilled.npz photos.emo
    cmp ram.npz spilled.npz
}

@test "npz: provenance gets a line each way" {
    emo-convert -t npz -o images.npz images.emo 2>said
    grep -q '20 images' said
    emo-convert -q -f npz images.npz | make_stream --head >head.txt
    [ "$(grep -c "^@PG.emo-convert" head.txt)" -eq 2 ]
    grep -q -- '--from npz' head.txt
}

@test "npz: names of tabs and foreign letters come back" {
    mkdir -p "in/caf"$'\xe9' in/b
    cp "$ROOT"/tests/data/pictures/rgb.png "in/caf"$'\xe9'/1.png
    cp "$ROOT"/tests/data/pictures/rgb.png in/b/$'x\ty\xff.png'
    emo-unzip -q -s 4x4 -o odd.emo in
    there_and_back npz odd.emo
}

@test "npy: pixels and shapes alone, streamed from a pipe" {
    emo-convert -q -t npy images.emo | emo-convert -q -f npy -o back.emo
    make_stream --list images.emo | cut -f 5,6 >want
    make_stream --list back.emo | cut -f 5,6 | cmp want -
    make_stream --list back.emo | cut -f 2 | sort -u | grep -q NA
    emo-convert -q -t npy -o scores.npy scores.emo
    [ "$(wc -c <scores.npy)" -eq $((128 + 20 * 3 * 4)) ]
}

@test "records of different shapes, models and checkpoints are no arrays: status 3" {
    make_stream -s 4x5x3 -o wide.emo
    run -3 emo-convert -t npz -o out images.emo wide.emo
    [[ $output == *'wide.emo: record 1'*'4x5x3, but the first is 4x4x3'* ]]
    run -3 emo-convert -t npz -o out three.model
    [ ! -e out ]
}

@test "nothing is written of a stream that is cut short, nor of a cut array" {
    head -c 3000 images.emo >cut.emo
    for format in npy npz; do
        run -3 emo-convert -t $format -o out cut.emo
        [ ! -e out ]
        run -3 sh -c "emo-convert -t $format <cut.emo 2>/dev/null >out"
        [ ! -s out ]
        emo-convert -q -t $format -o whole images.emo
        head -c 500 whole >cut.file
        run -3 emo-convert -f $format -o back cut.file
        [ ! -e back ]
        run -3 sh -c "emo-convert -q -f $format <cut.file | emo-split -q -o back"
        [ ! -e back ]
        rm -f out
    done
}

@test "what is no array file is refused by what it should have been" {
    run -3 emo-convert -f npy images.emo
    [[ $output == *'images.emo: not a NumPy array'* ]]
    run -3 emo-convert -f npz images.emo
    [[ $output == *'images.emo: not a zip'* ]]
    run -3 emo-convert -f npz "$SAMPLE"
    [[ $output == *'not an array as .npz has them'* ]]
    run -1 emo-convert -f npz nosuch
    run -1 emo-convert -f npy .
    run -3 emo-convert -f npz /dev/null
}

@test "pnm: pixels come back through a pipe of pictures, gray and in colour" {
    make_stream -s 5x3x1 -o gray.emo
    for file in images.emo gray.emo; do
        make_stream --list $file | cut -f 5,6 >want
        emo-convert -q -t pnm $file | emo-convert -q -f pnm | make_stream --list >list
        cut -f 5,6 list | cmp want -
    done
    [ "$(sed -n 3p list | cut -f 8)" = 00000002.pgm ]
    # Several streams are one sequence, and an image leaves as it comes.
    emo-convert -q -t pnm images.emo images.emo | emo-convert -q -f pnm | make_stream --list | wc -l |
        grep -qx 41
    { head -c 1024 images.emo && sleep 5; } | emo-convert -q -t pnm 2>/dev/null |
        timeout 3 head -c 11 | head -c 2 | grep -qx P6
}

@test "pnm: all of one size, whole, and binary" {
    emo-convert -q -t pnm -o a.ppm images.emo
    make_stream -s 4x5x3 | emo-convert -q -t pnm -o b.ppm
    run -3 sh -c 'cat a.ppm b.ppm | emo-convert -f pnm -o back'
    [[ $output == *'<stdin>: picture 21'*'4x5x3'*'the first is 4x4x3'* ]]
    run -3 sh -c 'head -c 100 a.ppm | emo-convert -f pnm -o back'
    [[ $output == *'picture 2, '*'cut short'* ]]
    [ ! -e back ]
    run -3 emo-convert -f pnm -o back images.emo
    run -3 sh -c 'head -c 1500 images.emo | emo-convert -t pnm -o back'
    [ ! -e back ]
}

@test "png: class folders come back with their classes, and the same pixels" {
    emo-unzip -q -s 20x30 --limit 5 "$SAMPLE" -o photos.emo
    emo-convert -q -t png -o folder photos.emo
    [ "$(find folder -name '*.png' | wc -l)" -eq 10 ]
    [ "$(cd folder && echo *)" = "Negative Positive" ]
    emo-convert -q -f png -o back.emo folder
    make_stream --list photos.emo | cut -f 2,5,6 | sort >want
    make_stream --list back.emo | cut -f 2,5,6 | sort | cmp want -
    # And as emo-unzip reads them.
    emo-unzip -q -s 20x30 folder | make_stream --list | cut -f 2,5,6 | sort | cmp want -
    emo-convert -q -t png -o again back.emo
    diff -r folder again
    make_stream -s 5x3x1 -c 3 -o gray.emo
    emo-convert -q -t png -o gray gray.emo
    make_stream --list gray.emo | cut -f 2,5,6 | sort >want
    emo-convert -q -f png gray | make_stream --list | cut -f 2,5,6 | sort | cmp want -
}

@test "png: unlabelled and augmented images, and names that are there twice" {
    make_stream -c 0 -n 3 -o plain.emo
    emo-convert -q -t png -o plain plain.emo plain.emo
    [ "$(find plain -name "*.png" | wc -l)" -eq 6 ]
    # What lies directly in the folder that is named is of its class; in the present one, of none.
    (cd plain && emo-convert -q -f png .) | make_stream --list | cut -f 2 | sort -u | grep -qx NA
    make_stream -n 3 --epoch 2 -o epochs.emo
    emo-convert -q -t png -o epochs epochs.emo
    [ -e 'epochs/class 1/1_1-e2.png' ]
}

@test "png: a folder appears whole or not at all, and never over another" {
    run -2 emo-convert -t png images.emo
    [[ $output == *'-o FOLDER'* ]]
    mkdir there && touch there/file
    run -1 emo-convert -t png -o there images.emo
    [[ $output == *'there: is there already'* ]]
    head -c 5000 images.emo >cut.emo
    run -3 emo-convert -t png -o new cut.emo
    [ ! -e new ]
    [ -e there/file ]
    [ -z "$(find . -maxdepth 1 -name '.*emo-*')" ]
}

@test "png: other pictures, sizes and damaged files are refused by name" {
    p=$ROOT/tests/data/pictures
    mkdir in
    cp "$p/rgb.png" "$p/rgb.jpg" in
    run -3 emo-convert -f png -o back in
    [[ $output == *'rgb.jpg": not a PNG; emo-unzip'* ]]
    rm in/rgb.jpg
    cp "$p/gray16.png" in
    run -3 emo-convert -f png -o back in
    [[ $output == *'rgb.png": '*'but the first is'*'emo-unzip -s'* ]]
    rm in/gray16.png
    head -c 100 "$p/rgb.png" >in/z.png
    run -3 emo-convert -f png -o back in
    [[ $output == *'z.png": damaged PNG'* ]]
    [ ! -e back ]
    mkdir nothing
    run -3 emo-convert -f png nothing
    run -1 emo-convert -f png nosuch
}

@test "safetensors: a model comes back byte for byte, in both layouts, and predicts" {
    local layout
    for layout in torch keras; do
        emo-convert -q --no-pg -t safetensors --layout $layout -o model.st three.model
        emo-convert -q --no-pg -f safetensors -o back.model model.st
        cmp three.model back.model
        emo-convert -q --no-pg -t safetensors --layout $layout <three.model |
            emo-convert -q --no-pg -f safetensors | cmp - three.model
    done
    emo-convert -q -t safetensors three.model | emo-convert -q -f safetensors -o other.model
    emo-predict -q --no-pg -o other.emo other.model three.emo
    emo-predict -q --no-pg -o scores.emo three.model three.emo
    cmp scores.emo other.emo
    # With seen images, classes and provenance.
    emo-predict --tsv other.model three.emo | cut -f 7 | sed 1d | sort -u | grep -qx 1
    make_stream --head other.model | grep -c '^@PG.emo-convert' | grep -qx 2
}

@test "safetensors: what is no model, and a file of another origin, are refused" {
    run -3 emo-convert -t safetensors -o out images.emo
    run -3 emo-convert -t safetensors -o out scores.emo
    run -2 emo-convert -t safetensors -o out three.model three.model
    run -2 emo-convert -t safetensors --layout jax -o out three.model
    head -c 2000 three.model >cut.model
    run -3 emo-convert -t safetensors -o out cut.model
    [ ! -e out ]
    run -3 emo-convert -f safetensors images.emo
    [[ $output == *'images.emo: no safetensors file'* ]]
    printf '\002\0\0\0\0\0\0\0{}' >empty.st
    run -3 emo-convert -f safetensors empty.st
    [[ $output == *'save it with the metadata'* ]]
}

# operators FILE: of an ONNX file, in order, each once where it follows itself.
operators() {
    grep -aoE 'Conv|MaxPool|AveragePool|GlobalAveragePool|Sigmoid|Relu|Softmax|Flatten|Gemm' "$1" |
        uniq | tr '\n' ' '
}

@test "onnx: every layer and activation has its operator, in order" {
    make_stream -s 16x16x3 -n 8 -o in.emo
    printf 'conv 6 3 stride 2 same relu\nmaxpool 2\nconv 5 2 sigmoid\nflatten\ndense 7 softmax\noutput\n' >a.net
    emo-train -q -n a.net -e 1 -o a.model in.emo
    emo-convert -q -t onnx -o a.onnx a.model
    [[ $(operators a.onnx) == "Conv Relu MaxPool Conv Sigmoid Flatten Gemm Softmax Gemm Sigmoid "* ]]
    printf 'conv 6 4 same softmax\navgpool 3 stride 2\ndropout 0.1\nglobalavgpool\ndense 4 none\noutput\n' >b.net
    make_stream -s 16x16x3 -c 3 -n 9 -o in3.emo
    emo-train -q -n b.net -e 1 -o b.model in3.emo
    emo-convert -q -t onnx -o b.onnx b.model
    [[ $(operators b.onnx) == "Conv Softmax AveragePool GlobalAveragePool "*"Gemm Softmax "* ]]
    # One score becomes two: that of the first class is what is left to one.
    grep -aq Concat a.onnx
    run ! grep -aq Concat b.onnx
}

@test "onnx: one file for one model, the same each time, and only out" {
    emo-convert -q -t onnx -o a.onnx three.model
    emo-convert -q -t onnx <three.model | cmp - a.onnx
    grep -aq '"class 0","class 1","class 2"' a.onnx
    run -2 emo-convert -f onnx a.onnx
    [[ $output == *'no conversion from onnx to emo'* ]]
    run -3 emo-convert -t onnx -o out images.emo
    head -c 2000 three.model >cut.model
    run -3 emo-convert -t onnx -o out cut.model
    [ ! -e out ]
}

@test "a disk that is full, at once or within an array, is an error in every format" {
    make_stream -n 300 -s 60x60x3 --pixels noise -o large.emo
    for format in npy npz pnm; do
        for from in images.emo large.emo; do
            run -1 sh -c 'emo-convert -q -t "$0" "$1" >/dev/full' $format $from
            [[ $output == "emo-convert: <stdout>: No space left on device" ]]
        done
    done
    for format in safetensors onnx; do
        run -1 sh -c 'emo-convert -q -t "$0" three.model >/dev/full' $format
        [[ $output == "emo-convert: <stdout>: No space left on device" ]]
    done
}

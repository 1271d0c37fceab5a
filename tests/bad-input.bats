#!/usr/bin/env bats
# What no program may take for good: every program, every kind of wrong input.
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    PATH=$BUILD/unit:$PATH
    make_stream --split mixed -o images.emo
    printf 'flatten\noutput\n' >tiny.net
    emo-train -q -n tiny.net -e 2 -o m.model images.emo
    emo-predict -q -o scores.emo m.model images.emo
    make_stream -k checkpoint -o c.emo
    make_stream --aborted >aborted.emo # no file appears by -o
    : >empty.emo
    printf 'faces.zip\n' >text.emo
    head -c 100000 /dev/urandom >noise.emo
    { printf '\211EMO\r\n\032\n' && head -c 100000 /dev/zero; } >magic.emo
    cat images.emo text.emo >trailing.emo
    cat images.emo m.model >mixed.emo
    mkdir -p pictures/class\ {0,1}
    cp "$ROOT"/tests/data/pictures/rgb.jpg "pictures/class 0"
    cp "$ROOT"/tests/data/pictures/rgb.png "pictures/class 1"
}

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    ln -s "$BATS_FILE_TMPDIR"/* .
    export PATH=$BUILD/unit:$PATH
}

# The programs that read a stream, and how: "file" is the operand to come.
readers() {
    cat <<'END'
emo-split -o result
emo-augment -e 2 -o result
emo-train -n tiny.net -e 2 -o result
emo-predict -o result m.model
emo-metrics -o result
emo-peek -o result
emo-convert -t npz -o result
emo-convert -t npy -o result
emo-convert -t safetensors -o result
emo-convert -t onnx -o result
emo-montage -o result
emo-convert -t pnm -o result
emo-convert -t png -o result
emo-plot roc -t svg -o result
emo-plot confusion -t png -o result
emo-cat -o result
emo-similar -o result
END
}

# refused STATUS COMMAND...: it ends so, with one line and perhaps the usage, and without result.
refused() {
    local want=$1 lines
    shift
    run --separate-stderr "$@"
    # shellcheck disable=SC2154 # stderr_lines is set by run
    lines=${#stderr_lines[@]}
    # shellcheck disable=SC2154
    if [ "$status" -ne "$want" ] || [ "$lines" -lt 1 ] || [ "$lines" -gt 2 ] ||
        [[ ${stderr_lines[0]} != emo-*:* ]] || [ -e result ]; then
        echo "$*: status $status, wanted $want; result: $(ls result 2>&1)"
        printf '%s\n' "$stderr"
        return 1
    fi
}

@test "empty, text, noise, cut, trailing, aborted, mixed kinds: status 3, the file is named" {
    local command file
    for file in empty text noise magic trailing mixed aborted c; do
        while read -r command; do
            # These take a checkpoint for what it is.
            case "$command $file" in emo-peek*' c' | emo-cat*' c') continue ;; esac
            # shellcheck disable=SC2086 # words
            refused 3 $command $file.emo
            [[ $stderr == *"$file.emo"* ]]
            # shellcheck disable=SC2086
            refused 3 $command <$file.emo
            [[ $stderr == *"<stdin>"* ]]
        done < <(readers)
    done
}

@test "streams of another kind say which kind is needed" {
    for file in m.model scores.emo; do
        refused 3 emo-split -o result $file
        [[ $stderr == *images* ]]
        refused 3 emo-augment -o result $file
        [[ $stderr == *images* ]]
        refused 3 emo-train -n tiny.net -o result $file
        [[ $stderr == *images* ]]
        refused 3 emo-predict -o result m.model $file
        [[ $stderr == *images* ]]
        refused 3 emo-montage -o result $file
        [[ $stderr == *images* ]]
        refused 3 emo-similar -o result $file
        [[ $stderr == *images* ]]
    done
    refused 3 emo-metrics -o result images.emo
    [[ $stderr == *scores* ]]
    refused 3 emo-metrics -o result m.model
    refused 3 emo-peek --net -o result images.emo
    for file in images.emo m.model; do
        refused 3 emo-plot roc -t svg -o result $file
        [[ $stderr == *scores* ]]
        refused 3 emo-plot history -t svg -o result $file
    done
    refused 3 emo-cat -o result images.emo m.model
    [[ $stderr == *m.model*kind* ]]
    for file in images.emo scores.emo; do
        refused 3 emo-convert -t safetensors -o result $file
        [[ $stderr == *model* ]]
        refused 3 emo-convert -t onnx -o result $file
        [[ $stderr == *model* ]]
    done
    for format in npz pnm png; do
        refused 3 emo-convert -t $format -o result m.model
        [[ $stderr == *images* ]]
    done
    for file in images.emo scores.emo empty.emo text.emo noise.emo c.emo; do
        refused 3 emo-predict -o result $file images.emo
        refused 3 emo-unzip -m $file -o result pictures
        refused 3 emo-train --init $file -o result images.emo
    done
    for file in m.model images.emo empty.emo text.emo noise.emo c.emo magic.emo; do
        refused 3 emo-montage --scores $file -o result images.emo
        refused 3 emo-montage --by-group $file -o result images.emo
    done
    refused 3 emo-predict -o result m.model m.model
}

@test "files that are not there, directories, and unreadable ones: status 1, named" {
    local command
    mkdir directory
    while read -r command; do
        for file in nosuch directory images.emo/x; do
            # shellcheck disable=SC2086
            refused 1 $command $file </dev/null
            [[ $stderr == *"$file"* ]]
        done
    done < <(readers)
    refused 1 emo-predict -o result nosuch images.emo
    for command in 'emo-unzip -s 8x8 pictures' 'emo-split images.emo' 'emo-predict m.model images.emo' \
        'emo-train -n tiny.net images.emo' 'emo-augment images.emo' 'emo-metrics scores.emo' \
        'emo-montage images.emo' 'emo-similar images.emo' 'emo-cat images.emo' 'emo-peek images.emo' \
        'emo-convert -t npz images.emo' 'emo-convert -t onnx m.model' 'emo-plot confusion -t svg scores.emo'; do
        # shellcheck disable=SC2086
        refused 1 ${command} -o nosuch/result
        # shellcheck disable=SC2086
        refused 1 ${command} -o directory
    done
}

@test "options out of range: status 2, one line and the usage" {
    local command
    while read -r command; do
        # shellcheck disable=SC2086
        refused 2 $command -o result </dev/null
        [ "${#stderr_lines[@]}" -eq 2 ]
        [[ ${stderr_lines[1]} == usage:* ]]
    done <<'END'
emo-split -r 2
emo-split -r -0.1
emo-split -r nan
emo-split -r 1e-1
emo-split --fold 6/5
emo-split --fold 0/5
emo-split --only training
emo-split --seed -1
emo-augment -e 0
emo-augment -e 65536
emo-augment -e 1.5
emo-augment --zoom nan
emo-augment --rotate x
emo-augment --flip up
emo-augment --fill constant:1,2
emo-augment --memory 1X
emo-train -e 0
emo-train -b -1
emo-train -b 0
emo-train --lr nan
emo-train --lr inf
emo-train --lr -1
emo-train --lr 0x1
emo-train -j 0
emo-train --epoch 3
emo-predict -b 0 m.model
emo-predict --unknown-class some m.model
emo-predict
emo-metrics --threshold 1x
emo-metrics --threshold nan
emo-metrics --only nosuch
emo-peek -H -c
emo-cat --range 1
emo-cat --sample -1
emo-cat --shard 1/2 --invert
emo-cat -0
emo-peek --headers --stats
emo-similar --distance 65
emo-similar --distance -1
emo-similar --correlation 1.1
emo-similar --correlation nan
emo-similar -j 0
emo-montage -t gif
emo-montage --limit 0
emo-montage --thumb 0x5
emo-montage --thumb 128
emo-montage --columns 0
emo-montage --sort size
emo-montage --memory -1
emo-plot
emo-plot pie
emo-plot roc -t gif
emo-plot roc --threshold nan
emo-unzip -s 0x5 pictures
emo-unzip -s 400 pictures
emo-unzip -s 400x500x3 pictures
emo-unzip -s 99999x1 pictures
emo-unzip --fit shrink pictures
emo-unzip --shard 3/2 pictures
emo-unzip --limit -1 pictures
emo-unzip --nosuch pictures
emo-convert -f nosuch
emo-convert -f emo -t emo
emo-convert -t npz --memory x
END
}

@test "networks that cannot be: status 2, with the layer and the shapes" {
    local text
    while IFS= read -r text; do
        # shellcheck disable=SC2059 # the text has the line ends
        printf "$text" >bad.net
        refused 2 emo-train -n bad.net -o result images.emo
    done <<'END'
convolution 3 3\nflatten\noutput\n
maxpool 5\nflatten\noutput\n
conv 8 5\nflatten\noutput\n
conv 0 3\nflatten\noutput\n
conv -1 3\nflatten\noutput\n
conv 8 3 stride 0\nflatten\noutput\n
flatten\ndropout 1\noutput\n
flatten\ndropout nan\noutput\n
flatten\ndense 99999999999\noutput\n
flatten\ndense 8 tanh\noutput\n
flatten\n
output\noutput\n
input 5x5x3\nflatten\noutput\n
END
    printf 'maxpool 5\nflatten\noutput\n' >bad.net
    run -2 emo-train -n bad.net -o result images.emo
    [[ $output == *maxpool* && $output == *4x4x3* ]]
    : >bad.net
    refused 2 emo-train -n bad.net -o result images.emo
    head -c 1000 /dev/urandom >bad.net
    refused 2 emo-train -n bad.net -o result images.emo
}

@test "a model and a stream that do not fit: status 3, with both shapes" {
    make_stream -s 4x5x3 -o wide.emo
    make_stream -s 4x4x1 -o gray.emo
    make_stream -c 3 -o three.emo
    make_stream -c 1 -o one.emo
    make_stream -c 0 -o none.emo
    for file in wide gray; do
        refused 3 emo-predict -o result m.model $file.emo
        [[ $stderr == *4x4x3* ]]
        refused 3 emo-train --init m.model -e 1 -o result $file.emo
    done
    refused 3 emo-predict -o result m.model three.emo
    [[ $stderr == *'class 2'* ]]
    for file in one none; do
        refused 3 emo-train -n tiny.net -e 1 -o result $file.emo
    done
    refused 3 emo-split -o result images.emo three.emo
    [[ $stderr == *three.emo*classes* ]]
    make_stream --epoch 1 -o epochs.emo
    refused 3 emo-augment -o result epochs.emo
    make_stream -n 0 -o nothing.emo
    refused 3 emo-train -n tiny.net -o result nothing.emo
    # An empty data set is a stream, all the same.
    emo-split -q nothing.emo | emo-predict -q m.model >/dev/null
}

@test "a full disk and a closed standard output: status 1, and said" {
    local command
    while read -r command; do
        # shellcheck disable=SC2086
        run --separate-stderr sh -c "exec $command </dev/null >/dev/full"
        [ "$status" -eq 1 ]
        [[ $stderr == *"No space left"* ]]
        run --separate-stderr sh -c "exec $command </dev/null >&-"
        [ "$status" -eq 1 ]
        [ -n "$stderr" ]
        run -1 sh -c "exec $command -o /dev/full </dev/null"
        # With an output of its own, a program does not need standard output.
        sh -c "exec $command -o result </dev/null >&-"
        [ -s result ]
        rm result
    done <<'END'
emo-unzip -q -s 8x8 pictures
emo-split -q images.emo
emo-augment -q -e 2 images.emo
emo-train -q -n tiny.net -e 1 images.emo
emo-predict -q m.model images.emo
emo-predict -q --tsv m.model images.emo
emo-metrics -q scores.emo
emo-metrics -q --json scores.emo
emo-cat -q images.emo
emo-cat -q --sample 5 images.emo
emo-peek images.emo
emo-peek --values images.emo
emo-peek --headers images.emo
emo-convert -q -t npz images.emo
emo-convert -q -t npy scores.emo
emo-montage -q images.emo
emo-montage -q -t jpeg images.emo
emo-convert -q -t pnm images.emo
emo-convert -q -t safetensors m.model
emo-convert -q -t onnx m.model
emo-similar -q images.emo
emo-plot confusion -q -t svg scores.emo
emo-plot confusion -q -t gnuplot scores.emo
END
    for command in 'emo-split -h' 'emo-train --summary' 'emo-train --show-net' 'emo-unzip -V'; do
        run -1 sh -c "exec $command >/dev/full"
    done
    while read -r command; do
        run -1 sh -c "exec $command <&-"
    done < <(readers)
}

@test "a disk that fills while a file is written: the old file stays, and nothing beside it" {
    [ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
    mkdir disk
    mount -t tmpfs -o size=64k none disk 2>/dev/null || skip "no tmpfs can be mounted here"
    local command failed=0
    printf 'flatten\ndense 2000 relu\noutput\n' >big.net
    make_stream -n 500 -s 16x16x3 -o many.emo
    while read -r command; do
        echo old >disk/file
        status=0
        $command -o disk/file </dev/null 2>messages || status=$?
        if [ "$status" -ne 1 ] || [ "$(cat disk/file)" != old ] || [ "$(ls -A disk)" != file ] ||
            ! grep -q 'No space left' messages; then
            echo "$command: status $status"
            cat messages
            ls -lA disk
            failed=1
        fi
        # Another name would be a new file.
        rm disk/file
    done <<'END'
emo-train -q -n big.net -e 1 images.emo
emo-split -q many.emo
emo-cat -q many.emo
emo-augment -q -e 1 many.emo
emo-unzip -q -s 400x400 pictures
emo-convert -q -t npy many.emo
emo-convert -q -t npz many.emo
emo-montage -q many.emo
emo-montage -q -t jpeg many.emo
emo-similar -q --json --correlation -1 --distance 64 many.emo
emo-peek --values many.emo
END
    umount disk
    [ "$failed" -eq 0 ]
}

@test "names of any bytes pass the whole pipeline" {
    local names=('a b' 'c:d' $'e\tf' $'g\nh' 'Grüße 😀' '-o' 'q"u\o' $'\x01\x7f') name i=0
    mkdir in
    for name in "${names[@]}"; do
        mkdir "in/$name"
        cp pictures/class\ 0/rgb.jpg "in/$name/x $name.jpg"
        cp pictures/class\ 1/rgb.png "in/$name/$i.png"
        i=$((i + 1))
    done
    (cd in && tar cf ../in.tar .)
    emo-unzip -q -s 8x8 in.tar | emo-split -q -r 0.5 -o tagged.emo
    emo-augment -q -e 2 tagged.emo | emo-train -q -n tiny.net -o names.model
    emo-predict -q -o names.emo names.model tagged.emo
    emo-predict -q --tsv names.model tagged.emo >names.tsv
    [ "$(wc -l <names.tsv)" -eq $((1 + 2 * ${#names[@]})) ]
    [ "$(awk -F '\t' '{ print NF }' names.tsv | sort -u)" -eq $((7 + ${#names[@]})) ]
    # Every name comes back from its escapes.
    cut -f 4 names.tsv | sed 1d | sort -u |
        perl -ne 'chomp; s/\\(?:x(..)|(.))/defined $1 ? chr hex $1 : {t=>"\t",n=>"\n",r=>"\r","\\"=>"\\"}->{$2}/ge; print "$_\0"' |
        sort -z >found
    printf '%s\0' "${names[@]}" | sort -z | cmp - found
    emo-metrics -q names.emo >/dev/null
    emo-metrics -q --json names.emo >names.json
    emo-metrics -q names.tsv >/dev/null
    emo-similar -q --write-groups groups.tsv -o similar.tsv tagged.emo
    emo-montage -q --by-group groups.tsv -o groups.png tagged.emo
    emo-split -q --again --group-file groups.tsv -o groups.emo tagged.emo
    emo-montage -q --scores names.emo -o names.png tagged.emo
    emo-montage -q --scores names.tsv -o table.png tagged.emo
    cmp names.png table.png
    emo-plot confusion -q -o names.svg names.emo
    emo-peek --json -o peek.json names.emo tagged.emo
    for name in "${names[@]}"; do
        [ "$(emo-cat -q --class "$name" tagged.emo | emo-peek -H | grep -c ^@CLASS)" -eq ${#names[@]} ]
        [ "$(emo-cat -q --class "$name" tagged.emo | emo-peek | wc -l)" -eq 3 ]
    done
    emo-convert -q -t png -o folder tagged.emo
    [ "$(find folder -name '*.png' | wc -l)" -eq $((2 * ${#names[@]})) ]
    emo-convert -q --no-pg -t npz -o names.npz tagged.emo
    emo-convert -q --no-pg -f npz -o back.emo names.npz
    cmp tagged.emo back.emo
    if command -v python3; then
        python3 -c 'import json, sys; [json.loads(l) for l in open("peek.json", encoding="utf-8")]'
        python3 -c 'import json, sys; [json.loads(l) for l in open("names.json", encoding="utf-8")]'
    fi
    # And in messages they are escaped: each is one line.
    head -c 3000 names.emo >cut.emo
    refused 3 emo-metrics -o result cut.emo
}

@test "a pipe that closes early ends every program silently" {
    local command
    make_stream -n 5000 -o many.emo
    mkfifo pipe
    while read -r command; do
        # A pipe whose reader is gone before the program starts, so that nothing depends on who is
        # faster.
        run --separate-stderr bash -c "exec 3<>pipe 4>pipe 3<&-; exec $command </dev/null >&4 4>&-"
        [ "$status" -eq 141 ]
        [ -z "$stderr" ]
    done <<'END'
emo-unzip -q -s 2000x2000 pictures
emo-split -q many.emo
emo-augment -q -e 2 many.emo
emo-predict -q m.model many.emo
emo-predict -q --tsv m.model many.emo
emo-cat -q many.emo
emo-peek many.emo
emo-peek --values many.emo
emo-convert -q -t npz many.emo
emo-montage -q --thumb 16x16 many.emo
emo-convert -q -t pnm many.emo
emo-similar -q --json --correlation -1 --distance 64 many.emo
emo-plot confusion -q -t svg scores.emo
END
}

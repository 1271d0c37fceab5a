# shellcheck disable=SC2016 # inner shells expand for themselves
load helper

# Two classes that a network can tell apart: copies of one picture and of another.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local p=$BATS_TEST_DIRNAME/data/pictures
    mkdir -p in/Dark in/Light
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        cp "$p/gray16.png" in/Dark/$i.png
        cp "$p/alpha.png" in/Light/$i.png
    done
    export STREAM=$BATS_FILE_TMPDIR/in.emo NET=$BATS_FILE_TMPDIR/net
    "${BUILD:-$BATS_TEST_DIRNAME/../build}/bin/emo-unzip" -q -s 16x16 -o in.emo in
    printf 'conv 4 3 relu\nmaxpool 2\nflatten\ndense 8 relu\ndropout 0.2\noutput\n' >net
}

@test "the baseline is the article's, layer for layer" {
    run -0 emo-train --summary
    [[ $output == *"conv1 "*199x249x64*1792* ]]
    [[ $output == *"maxpool2 "*5x7x128* ]]
    [[ $output == *"1539393 parameters"* ]]
    [[ $output == *"conv1 and conv2 are computed as one convolution of 7x7"* ]]
    [[ $output == *"reaches: conv2 86x118, maxpool1 43x59, conv3 21x29, conv4 10x14" ]]
    run -0 emo-train --summary --no-fold
    [[ $output != *"as one"* ]]
    [[ $output == *"reaches: conv1 173x237, conv2 86x118, maxpool1 43x59, "* ]]
    run -0 emo-train --summary -s 347x475
    [[ $output != *reaches* ]]
    run -0 emo-train --show-net -n vgg
    [[ $output == "conv 64 3 stride 2 relu"* ]]
}

@test "it learns, writes a history, and any -j gives the same bytes" {
    run -0 emo-train -n "$NET" -b 5 -e 30 --lr 0.01 -j1 -o 1.model --history h.tsv "$STREAM"
    [ "$(wc -l <h.tsv)" -eq 31 ]
    # The mean of the last five, dropout on, against the first.
    [ "$(awk 'NR == 2 { a = $2 } NR > 26 { b += $2 / 5 } END { print (b < a / 2) }' h.tsv)" = 1 ]
    for j in 2 3 4; do
        emo-train -q -n "$NET" -b 5 -e 30 --lr 0.01 -j$j -o $j.model "$STREAM"
        cmp 1.model $j.model
    done
    run -0 emo-predict --tsv 1.model "$STREAM"
    [ "$(awk -F '\t' 'NR > 1 && $4 == $5 && $7 == 1' <<<"$output" | wc -l)" -eq 24 ]
    emo-train -q -n "$NET" --seed 5 -b 5 -e 30 -o 5.model "$STREAM"
    run -1 cmp -s 1.model 5.model
}

@test "a stream that is cut, or whose writer was killed, leaves no model, and the old one stays" {
    emo-train -q -n "$NET" -e 1 -o m.model "$STREAM"
    cp m.model before
    size=$(wc -c <"$STREAM")
    for n in 1 64 500 $((size / 2)) $((size - 64)) $((size - 1)); do
        head -c $n "$STREAM" >cut.emo
        run -3 emo-train -n "$NET" -e 1 -o m.model cut.emo
        cmp m.model before
    done
    # shellcheck disable=SC2016
    run -3 sh -c 'sh -c "head -c 3000 \"\$STREAM\"; kill -9 \$\$" | emo-train -n "$NET" -o new.model'
    [ ! -e new.model ]
    [ -z "$(find . -name '.*emo-*')" ]
}

@test "wrong options and networks are refused with status 2" {
    for o in '-e 0' '-b -1' '--lr nan' '-b x' '--no-such' '-n nosuchfile'; do
        # shellcheck disable=SC2086
        run emo-train $o -o m.model "$STREAM"
        [ "$status" -eq 2 ] || { [ "$o" = '-n nosuchfile' ] && [ "$status" -eq 1 ]; }
    done
    printf 'convolve 3\n' >bad
    run -2 emo-train -n bad -o m.model "$STREAM"
    [[ $output == *"unknown layer"* ]]
    printf 'maxpool 99\nflatten\noutput\n' >bad
    run -2 emo-train -n bad -o m.model "$STREAM"
    [[ $output == *99x99*16x16x3* ]]
    [ ! -e m.model ]
}

@test "what cannot be trained on is refused with status 3" {
    emo-train -q -n "$NET" -e 1 -o m.model "$STREAM"
    run -3 emo-train -n "$NET" -o x.model m.model
    [[ $output == *model* ]]
    mkdir -p one/Only
    cp "$ROOT/tests/data/pictures/rgb.jpg" one/Only
    emo-unzip -q -s 16x16 -o one.emo one
    run -3 emo-train -n "$NET" -o x.model one.emo
    run -1 sh -c 'emo-train -q -n "$NET" -e 1 "$STREAM" >/dev/full'
    [ ! -e x.model ]
}

small_net() {
    printf 'conv 4 3 stride 2 relu\nmaxpool 2\nflatten\ndense 8 relu\ndropout 0.2\noutput\n' >net
}

# make_stream's boxes are of the class's colour.
boxes() {
    "$BUILD/unit/make_stream" -n 60 -s 16x16x3 --split train -o train.emo "$@"
    "$BUILD/unit/make_stream" -n 20 -s 16x16x3 --split valid --first 100 -o valid.emo "$@"
}

column() {
    awk -F '\t' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next }
        { print $at }' h.tsv
}

@test "three classes are learnt, and validation images are told apart" {
    small_net
    boxes -c 3
    run -0 emo-train -n net -b 8 -e 40 --lr 0.01 --history h.tsv -o m.model train.emo valid.emo
    [[ $output == *"60 images to train on, 20 to validate with"* ]]
    [ "$(column loss | awk 'NR == 1 { a = $1 } END { print ($1 < a / 4) }')" = 1 ]
    [ "$(column val_auc | awk 'END { print ($1 > 0.9) }')" = 1 ]
    [ "$(column val_acc | awk 'END { print ($1 > 0.8) }')" = 1 ]
    [ "$(head -n 1 h.tsv)" = "$(printf 'epoch\tloss\tacc\tval_loss\tval_acc\tval_auc\tseconds\timages_per_second')" ]
    # The last line is what the model does.
    emo-predict -q --tsv m.model valid.emo >scores
    [ "$(awk -F '\t' 'NR > 1 && $4 == $5' scores | wc -l)" -eq "$(column val_acc | awk 'END { print $1 * 20 }')" ]
    run -0 "$BUILD/unit/make_stream" --head m.model
    [[ $output == *$'@KEY\ttrain_images\t60'* ]]
    [[ $output == *$'@NET\tconv 4 3 stride 2 relu'* ]]
    [[ $output == *$'@PG\temo-train\t1.0.0\t--batch 8 --lr'* ]]
}

@test "a pool smaller than its images, and another number of threads, give the same bytes" {
    small_net
    boxes
    emo-train -q -n net -e 3 -b 7 -j 1 -o a.model train.emo valid.emo
    emo-train -q -n net -e 3 -b 7 -j 3 --memory 0 -o b.model train.emo valid.emo
    cmp a.model b.model
    emo-train -q -n net -e 3 -b 7 --memory 4G <train.emo >c.model
    emo-train -q -n net -e 3 -b 7 --memory 4G train.emo valid.emo >d.model
    cmp a.model d.model
    run -1 cmp -s a.model c.model
    run -1 env TMPDIR=/nowhere emo-train -q -n net -e 3 --memory 0 -o e.model train.emo
    [[ $output == *"/nowhere"* ]]
}

@test "an augmented stream is trained on as it comes, whatever -j, and its epochs are counted" {
    small_net
    boxes
    cat train.emo valid.emo | emo-augment -q -e 3 -o a.emo
    for j in 1 2 3 4; do
        emo-train -q -n net -b 8 -j $j -o $j.model --history h.tsv a.emo
        cmp 1.model $j.model
    done
    [ "$(column epoch | tr '\n' ' ')" = "1 2 3 " ]
    emo-train -q -n net -b 8 -e 3 -o e.model a.emo
    run -3 emo-train -n net -e 4 -o x.model a.emo
    [[ $output == *"3 epochs, but -e says 4"* ]]
    # The end of the second epoch is a clean place to cut, but not a clean end.
    run -3 emo-train -n net -o x.model a.emo a.emo
    [[ $output == *"emo-augment"* ]]
    "$BUILD/unit/make_stream" -n 20 -s 16x16x3 --epoch 2 --split train -o two.emo
    run -3 emo-train -n net -o x.model two.emo
    [[ $output == *"of epoch 2 after epoch 0"* ]]
    [ ! -e x.model ]
}

@test "--steps stops, reads the input to its end, and the history says what it ran" {
    small_net
    boxes
    emo-train -q -n net -b 8 --steps 10 -o m.model --history h.tsv train.emo
    [ "$(column epoch | tr '\n' ' ')" = "1 2 " ]
    [ "$(column val_loss | tail -n 1)" = NA ]
    run -0 emo-train -v -n net -b 8 --steps 30 -o m.model train.emo
    [ "$(grep -c 'step [0-9]* loss' <<<"$output")" -eq 30 ]
    emo-augment -q -e 4 -o a.emo train.emo
    emo-train -q -n net -b 8 --steps 2 -o m.model a.emo
    head -c $(($(wc -c <a.emo) - 64)) a.emo >cut.emo
    run -3 emo-train -q -n net -b 8 --steps 2 -o x.model cut.emo
    [ ! -e x.model ]
}

@test "--init goes on from a model and remembers what that one saw" {
    small_net
    boxes
    emo-train -q -n net -e 2 -o a.model train.emo
    "$BUILD/unit/make_stream" -n 30 -s 16x16x3 --first 200 -o more.emo
    emo-train -q --init a.model -e 1 -o b.model more.emo
    run -0 emo-predict --tsv b.model train.emo
    [[ $output == *"60 images scored, 60 of them seen in training"* ]]
    # A step too small to change anything.
    emo-train -q --init a.model --lr 1e-30 --steps 1 -o c.model more.emo
    emo-predict -q --tsv a.model valid.emo >a.tsv
    emo-predict -q --tsv c.model valid.emo >c.tsv
    cmp a.tsv c.tsv
    run -0 emo-train --init a.model -e 1 -o d.model more.emo --history h.tsv
    "$BUILD/unit/make_stream" -n 20 -s 16x16x3 --split valid -o seen.emo
    run -0 emo-train --init a.model -e 1 -o d.model more.emo seen.emo
    [[ $output == *"20 validation images were trained on as well"* ]]
    printf 'conv 4 3 stride 2 relu\nflatten\noutput\n' >other
    run -3 emo-train -n other --init a.model -o x.model more.emo
    [[ $output == *"its network is another"* ]]
    "$BUILD/unit/make_stream" -n 20 -s 16x18x3 -o wide.emo
    run -3 emo-train --init a.model -o x.model wide.emo
    [[ $output == *"takes 16x16x3, but the images are 16x18x3"* ]]
    "$BUILD/unit/make_stream" -n 20 -c 3 -s 16x16x3 -o three.emo
    run -3 emo-train --init a.model -o x.model three.emo
    [ ! -e x.model ]
}

@test "images that differ in size, belong to one class or to no split that trains are refused" {
    small_net
    boxes
    "$BUILD/unit/make_stream" -n 20 -s 16x18x3 -o wide.emo
    run -3 emo-train -n net -o x.model train.emo wide.emo
    [[ $output == *'wide.emo: record 1 "class 0/0_0.jpg": 16x18x3, but those before it are 16x16x3'* ]]
    "$BUILD/unit/make_stream" -n 20 -s 16x16x3 --split test -o test.emo
    run -3 emo-train -n net -o x.model test.emo
    [[ $output == *"no image to train on: 0 valid, 20 test"* ]]
    "$BUILD/unit/make_stream" -n 1 -s 16x16x3 -o one.emo
    run -3 emo-train -n net -o x.model one.emo valid.emo
    [[ $output == *'every training image is of the class "class 0"'* ]]
    "$BUILD/unit/make_stream" -n 0 -o none.emo
    run -3 emo-train -n net -o x.model none.emo
    "$BUILD/unit/make_stream" -k scores -o scores.emo
    run -3 emo-train -n net -o x.model scores.emo
    [[ $output == *"scores, but images"* ]]
    "$BUILD/unit/make_stream" -n 30 -s 16x16x3 --unlabelled 3 -o some.emo
    run -0 emo-train -n net -e 1 -o m.model some.emo test.emo
    [[ $output == *"20 images to train on"*"20 test images left out"*"10 images without a label"* ]]
    [ ! -e x.model ]
}

@test "a signal stops it with 128 + n, without model or temporary files, even while it waits" {
    small_net
    boxes
    echo before >m.model
    for signal in TERM HUP; do
        mkfifo pipe
        # A signal that whoever runs the tests ignores would stay ignored.
        env --default-signal=$signal emo-train -q -n net -o m.model --history h.tsv <pipe \
            2>message 3>&- &
        pid=$!
        exec 4>pipe
        head -c 5000 train.emo >&4
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            ! ls .h.tsv.emo-* >/dev/null 2>&1 || break
            sleep 0.1
        done
        kill -$signal $pid
        status=0
        wait $pid || status=$?
        [ "$status" -eq $((128 + $(kill -l $signal))) ]
        exec 4>&-
        rm pipe
        [ "$(cat m.model)" = before ]
        [ ! -e h.tsv ]
        [ -z "$(find . -name '.*emo-*')" ]
        grep -q "stopped by signal" message
    done
}

@test "a training that diverges says so and writes nothing" {
    boxes
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
        echo 'conv 8 3 same'
    done >net
    printf 'flatten\noutput\n' >>net
    run -1 emo-train -n net --lr 1000 -e 50 -o x.model train.emo
    [[ $output == *"a lower --lr than 1000 may help"* ]]
    [ ! -e x.model ]
}

@test "options that make no sense together are refused" {
    small_net
    boxes
    run -2 emo-train -n net train.emo --history -
    [[ $output == *"cannot both go to standard output"* ]]
    run -2 emo-train -n net -o a --history a train.emo
    run -2 emo-train -n net -s 16x16 -o x.model train.emo
    run -2 emo-train --lr 0 -o x.model train.emo
    run -2 emo-train --summary --class one
    run -0 emo-train --summary -n net -s 16x16 --class a --class b --class c
    [[ $output == *"dense2"*"softmax"*" 3 "* ]]
    emo-train -q -n net -e 2 -o m.model --history - train.emo >h.tsv
    [ "$(column epoch | tr '\n' ' ')" = "1 2 " ]
    run -1 emo-train -q -n net -e 1 -o /nowhere/m.model train.emo
    run -1 emo-train -q -n net -e 1 -o x.model --history /nowhere/h train.emo
    [ ! -e x.model ]
}

# Labels that are noise: what is learnt is learnt by heart, and validation soon gets worse.
noisy() {
    small_net
    "$BUILD/unit/make_stream" -n 60 -s 16x16x3 --split train --labels random --pixels noise -o t.emo
    "$BUILD/unit/make_stream" -n 30 -s 16x16x3 --split valid --labels random --pixels noise \
        --first 100 -o v.emo
}

# best COLUMN HOW: the first epoch with the greatest or the least figure.
best() {
    paste <(column epoch) <(column "$1") | sort -k "2,2$2" -k 1,1n | head -n 1 | cut -f 1
}

@test "--keep-best gives the parameters of the best epoch, and says which that is" {
    noisy
    emo-train -q -n net -b 8 -e 12 --lr 0.01 --history h.tsv -o last.model t.emo v.emo
    for how in 'val_loss g' 'val_auc gr'; do
        # shellcheck disable=SC2086 # words
        set -- $how
        epoch=$(best "$1" "$2")
        [ "$epoch" -lt 12 ]
        run -0 emo-train -n net -b 8 -e 12 --lr 0.01 --keep-best "$1" --history same.tsv \
            -o best.model t.emo v.emo
        [[ $output == *"the model is that of epoch $epoch of 12, by $1 "* ]]
        [[ $(grep "epoch $epoch/12" <<<"$output") == *best ]]
        cmp <(cut -f 1-6 h.tsv) <(cut -f 1-6 same.tsv)
        run -0 "$BUILD/unit/make_stream" --head best.model
        [[ $output == *$'@KEY\tbest_epoch\t'"$epoch"$'\n'* ]]
        [[ $output == *$'@KEY\tbest_by\t'"$1 "* ]]
        # They are what a training of so many epochs gives.
        emo-train -q -n net -b 8 -e "$epoch" --lr 0.01 -o short.model t.emo v.emo
        cmp <(emo-predict -q --tsv best.model v.emo) <(emo-predict -q --tsv short.model v.emo)
        run ! cmp -s <(emo-predict -q --tsv best.model v.emo) <(emo-predict -q --tsv last.model v.emo)
    done
}

@test "--patience stops some epochs after the best, and the input is still read to its end" {
    noisy
    emo-train -q -n net -b 8 -e 30 --lr 0.01 --history h.tsv -o last.model t.emo v.emo
    run -0 emo-train -n net -b 8 -e 30 --lr 0.01 --patience 3 --history h.tsv -o m.model t.emo v.emo
    epochs=$(column epoch | tail -n 1)
    [ "$epochs" -lt 30 ]
    [ "$(best val_loss g)" -eq $((epochs - 3)) ]
    [[ $output == *"the model is that of epoch $((epochs - 3)) of $epochs, by val_loss"* ]]
    cat t.emo v.emo | emo-augment -q -e 30 -o a.emo
    emo-train -q -n net -b 8 --lr 0.01 --patience 2 --keep-best val_auc -o m.model a.emo
    head -c -64 a.emo >cut.emo
    run -3 emo-train -q -n net -b 8 --lr 0.01 --patience 2 --keep-best val_auc -o x.model cut.emo
    [ ! -e x.model ]
}

@test "without validation images of every class there is no best" {
    noisy
    run -3 emo-train -n net -e 2 --keep-best val_loss -o x.model t.emo
    [[ $output == *"no validation images"* ]]
    run -2 emo-train -n net -e 2 --patience 1 --keep-best last -o x.model t.emo v.emo
    "$BUILD/unit/make_stream" -n 1 -s 16x16x3 --split valid -o one.emo
    run -3 emo-train -n net -e 2 --keep-best val_auc -o x.model t.emo one.emo
    [[ $output == *"not of every class"* ]]
    emo-train -q -n net -e 2 --keep-best val_loss -o m.model t.emo one.emo
    [ ! -e x.model ]
}

@test "the examples of the page" {
    cp "$SAMPLE" photos.zip
    printf 'conv 8 3 stride 2 relu\nmaxpool 2\nflatten\ndense 16 relu\noutput\n' >small.net
    emo-train --summary
    emo-unzip -s 48x48 photos.zip | emo-split | emo-augment -e 3 |
        emo-train -n small.net --history history.tsv -o small.model
    [ "$(wc -l <history.tsv)" -eq 4 ]
    emo-unzip -m small.model photos.zip | emo-predict --tsv small.model >scores.tsv
    [ "$(wc -l <scores.tsv)" -eq 632 ]
}

@test "--precision bf16 is recorded, and says when it brings nothing" {
    emo-train --version | grep -q 'without onednn' && skip "built without oneDNN"
    run -0 env EMO_ISA=avx2 emo-train -n "$NET" -e 1 --precision bf16 -o b.model "$STREAM"
    [[ $output == *"does not multiply bfloat16"* ]]
    grep -aq -- '--precision bf16' b.model
    grep -aq 'bf16 as fp32' b.model
    run -0 env EMO_ISA=avx2 emo-predict --tsv --precision bf16 -o scores.tsv b.model "$STREAM"
    [[ $output == *"does not multiply bfloat16"* ]]
    run -2 emo-train -n "$NET" --backend reference --precision bf16 -o x.model "$STREAM"
    [[ $output == *"oneDNN only"* ]]
    run -2 env EMO_ISA=mmx emo-train -n "$NET" -e 1 -o x.model "$STREAM"
    [[ $output == *"plain, avx2, avx512 or amx"* ]]
}

@test "an augmented stream that lost or gained images on the way is refused" {
    make_stream=$BUILD/unit/make_stream
    printf 'flatten\noutput\n' >tiny.net
    "$make_stream" -n 12 --split train -o in.emo
    emo-augment -q -e 2 -o two.emo in.emo
    emo-cat -q --limit 10 -o fewer.emo two.emo
    run -3 emo-train -n tiny.net -o x.model fewer.emo
    [[ $output == *"epoch 2 has "*" training images, but the first has 12"* ]]
    [ ! -e x.model ]
}

@test "a class that no training image belongs to is named" {
    make_stream=$BUILD/unit/make_stream
    printf 'flatten\noutput\n' >tiny.net
    "$make_stream" -n 12 -c 3 --split train -o in.emo
    printf 'name\tclass\n' >labels
    "$make_stream" --list in.emo | awk -F '\t' '$2 == "class 2" { print $8 "\tclass 0" }' >>labels
    emo-cat -q --labels labels -o two.emo in.emo
    run -0 emo-train -n tiny.net -e 1 -o m.model two.emo
    [[ $output == *'no training image is of the class "class 2"'* ]]
}

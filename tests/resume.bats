#!/usr/bin/env bats
# A training that was stopped, killed or starved goes on, and ends with the same bytes.
# shellcheck disable=SC2016 # inner shells expand for themselves
load helper
load resume

# cut_and_resume STREAM BYTES OPTION...: the input ends after so many bytes; then it is all there.
cut_and_resume() {
    local stream=$1 bytes=$2
    shift 2
    rm -f c x.model
    run -3 sh -c 'n=$1; s=$2; shift 2; head -c $n $s | emo-train -q --checkpoint c -o x.model "$@"' \
        sh "$bytes" "$stream" "$@"
    [ ! -e x.model ]
    emo-train -q --checkpoint c --resume --history x.tsv -o x.model "$@" "$stream"
    cmp whole.model x.model
    cmp <(figures whole.tsv) <(figures x.tsv)
}

@test "an augmented stream that breaks off, at any place, and any -j" {
    images
    emo-train -q -n net -b 8 --history whole.tsv -o whole.model epochs.emo
    size=$(wc -c <epochs.emo)
    for part in 1 3 4 6 7 9; do
        cut_and_resume epochs.emo $((size * part / 10)) -n net -b 8 -j $((part % 3 + 1))
    done
    # Once more, when all is done: the same model.
    emo-train -q --checkpoint c --resume -o again.model epochs.emo
    cmp whole.model again.model
}

@test "with --keep-best, --patience and --steps" {
    images
    size=$(wc -c <epochs.emo)
    for options in '--keep-best val_auc' '--patience 2 --lr 0.02' '--steps 21' '--no-dropout --no-pg'; do
        # shellcheck disable=SC2086 # words
        set -- -n net -b 8 $options
        emo-train -q --history whole.tsv -o whole.model "$@" epochs.emo
        for part in 2 5 8; do
            cut_and_resume epochs.emo $((size * part / 10)) "$@"
        done
    done
}

@test "in bfloat16" {
    emo-train --version | grep -q 'without onednn' && skip "built without oneDNN"
    images
    size=$(wc -c <epochs.emo)
    emo-train -q -n net -b 8 -o fp32.model epochs.emo
    emo-train -q -n net -b 8 --precision bf16 --history whole.tsv -o whole.model epochs.emo
    # It did round, where the processor multiplies it; elsewhere it is fp32.
    if ! grep -aq 'bf16 as fp32' whole.model; then
        run ! cmp -s <(emo-peek -q --values fp32.model) <(emo-peek -q --values whole.model)
    fi
    for part in 1 4 6 9; do
        cut_and_resume epochs.emo $((size * part / 10)) -n net -b 8 --precision bf16 -j $((part % 3 + 1))
    done
    # What began in one precision does not go on in the other.
    run -3 sh -c "head -c $((size / 2)) epochs.emo | emo-train -q -n net -b 8 --precision bf16 --checkpoint d -o x.model"
    cp d before
    run -2 emo-train -q --precision fp32 --checkpoint d --resume -o x.model epochs.emo
    [[ $output == *"in the run that is to go on"* ]]
    cmp d before
}

@test "epochs that are finished need not be made again" {
    images
    emo-train -q -n net -b 8 -o whole.model epochs.emo
    size=$(wc -c <epochs.emo)
    [ "$(emo-train --next-epoch --checkpoint c)" = 1 ]
    for part in 1 4 6 8; do
        rm -f c
        run -3 sh -c "head -c $((size * part / 10)) epochs.emo | emo-train -q -n net -b 8 --checkpoint c -o x.model"
        next=$(emo-train --next-epoch --checkpoint c)
        emo-augment -q -e 6 --first-epoch "$next" plain.emo |
            emo-train -q --checkpoint c --resume -o x.model
        cmp whole.model x.model
    done
    [ "$next" -gt 3 ]
    # All was learnt, but the end did not come.
    rm -f c
    run -3 sh -c 'head -c $(($(wc -c <epochs.emo) - 64)) epochs.emo | emo-train -q -n net -b 8 --checkpoint c -o x.model'
    [ "$(emo-train --next-epoch --checkpoint c)" = 6 ]
    emo-augment -q -e 6 --first-epoch 6 plain.emo | emo-train -q --checkpoint c --resume -o x.model
    cmp whole.model x.model
}

@test "a stream that lacks epochs is not believed" {
    images
    size=$(wc -c <epochs.emo)
    run -3 sh -c "head -c $((size / 2)) epochs.emo | emo-train -q -n net -b 8 --checkpoint c -o x.model"
    next=$(emo-train --next-epoch --checkpoint c)
    cp c before
    # refused WORDS AUGMENT...
    refused() {
        local words=$1
        shift
        run -3 sh -c '"$@" | emo-train -q --checkpoint c --resume -o x.model' sh "$@"
        [[ $output == *"$words"* ]] || { echo "$output"; return 1; }
        cmp c before
    }
    refused "goes on with epoch $next" emo-augment -q -e 6 --first-epoch $((next + 1)) plain.emo
    # Other warps, another seed, another number of epochs: the head says so.
    refused "began with another input" emo-augment -q -e 6 --first-epoch "$next" --rotate 10 plain.emo
    refused "began with another input" emo-augment -q -e 6 --first-epoch "$next" --seed 2 plain.emo
    refused "began with another input" emo-augment -q -e 7 --first-epoch "$next" plain.emo
    # Other pictures.
    make_stream -n 60 -s 16x16x3 --split train --pixels noise --seed 2 -o other.emo
    cat other.emo valid.emo >others.emo
    refused "not the images that the checkpoint's training saw" \
        emo-augment -q -e 6 --first-epoch "$next" others.emo
    refused "not the images that the checkpoint's training saw" \
        emo-augment -q -e 6 --first-epoch "$next" train.emo
    [ ! -e x.model ]
}

@test "other pictures at the boundary of epochs are noticed by what they are" {
    images
    # The checkpoint of the first epoch, kept while the training goes on.
    mkfifo pipe
    emo-train -q -n net -b 8 --checkpoint c -o x.model <pipe 2>/dev/null 3>&- &
    pid=$!
    exec 4>pipe
    # 20 and 60 records, and no more than the header of the next.
    n=$(emo-peek epochs.emo | awk 'END { print NR - 1 }')
    [ "$n" -eq 380 ]
    size=$(wc -c <epochs.emo)
    frame=$(((size - 64) / 381))
    head -c $((frame * 84)) epochs.emo >&4
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ ! -e c ] || break
        sleep 0.1
    done
    kill -9 $pid
    wait $pid || :
    exec 4>&-
    [ "$(emo-train --next-epoch --checkpoint c)" = 2 ]
    make_stream -n 60 -s 16x16x3 --split train --pixels noise -g 2 -o named.emo
    cat named.emo valid.emo | emo-augment -q -e 6 --first-epoch 2 -o named.epochs
    run -3 emo-train -q --checkpoint c --resume -o x.model named.epochs
    [[ $output == *"training images of epoch 2 are not"* ]]
    [ ! -e x.model ]
}

@test "what it goes on with must be the same: input, options, network" {
    images
    size=$(wc -c <epochs.emo)
    run -3 sh -c "head -c $((size / 2)) epochs.emo | emo-train -q -n net -b 8 --lr 0.01 --checkpoint c -o x.model"
    cp c before
    for o in '-b 16' '--lr 0.02' '--seed 3' '--no-dropout' '-e 6' '--steps 4' '--keep-best val_loss' \
        '--backend reference' '--init y.model'; do
        # shellcheck disable=SC2086 # words
        run -2 emo-train -q $o --checkpoint c --resume -o x.model epochs.emo
        [[ $output == *"in the run that is to go on"* ]]
    done
    printf 'flatten\noutput\n' >other
    run -2 emo-train -q -n other --checkpoint c --resume -o x.model epochs.emo
    [[ $output == *"the network in c is another"* ]]
    # The same, given again or not, is fine.
    printf '# the same\nconv 4 3\nconv 6 3 stride 2\nmaxpool 2\nflatten\ndense 8 relu\ndropout 0.2\noutput\n' >same
    emo-train -q -n same -b 8 --lr 1e-2 --checkpoint c --resume -o a.model epochs.emo
    emo-train -q -n net -b 8 --lr 0.01 -o b.model epochs.emo
    cmp a.model b.model
    cp before c
    emo-augment -q -e 6 train.emo -o short.emo
    run -3 emo-train -q --checkpoint c --resume -o x.model short.emo
    [[ $output == *"not the images"* ]]
    run -3 emo-train -q --checkpoint c --resume -o x.model plain.emo
    [[ $output == *"another input"* ]]
    # One pixel of an image that was consumed is enough.
    make_stream -n 59 -s 16x16x3 --split train --pixels noise -o most.emo
    make_stream -n 1 -s 16x16x3 --split train --pixels noise --seed 5 --first 59 -o last.emo
    cat most.emo last.emo valid.emo | emo-augment -q -e 6 -o near.emo
    run -3 emo-train -q --checkpoint c --resume -o x.model near.emo
    [[ $output == *"not the images"* ]]
    cmp c before
    [ ! -e x.model ]
}

@test "a checkpoint is not overwritten by a new training, nor taken for a model" {
    images
    emo-train -q -n net -e 2 --checkpoint c -o m.model plain.emo
    cp c before
    run -2 emo-train -q -n net -e 2 --checkpoint c -o m.model plain.emo
    [[ $output == *"--resume goes on from it"* ]]
    run -3 emo-predict c plain.emo
    run -3 emo-train --init c -o x.model plain.emo
    run -3 emo-train --checkpoint m.model --resume -o x.model plain.emo
    [[ $output == *checkpoint* ]]
    run -2 emo-train --resume -o x.model plain.emo
    run -2 emo-train --next-epoch
    run -2 emo-train -n net --checkpoint x -o x plain.emo
    run -1 emo-train -n net -e 1 --checkpoint /nowhere/c -o x.model plain.emo
    emo-peek c | grep -q 'conv1.weight.m'
    cmp c before
    cat c c >twice
    run -3 emo-train --checkpoint twice --resume -o x.model plain.emo
    [ ! -e x.model ]
}

@test "without a file --resume begins, and the same line goes on" {
    images
    emo-train -q -n net -b 8 -e 3 -o whole.model plain.emo
    for _ in 1 2 3; do
        emo-train -q -n net -b 8 -e 3 --checkpoint c --resume -o m.model plain.emo
        cmp whole.model m.model
    done
}

@test "a model to start from is not needed again, and what it saw is remembered" {
    images
    emo-train -q -n net -e 1 -o first.model valid.emo train.emo
    make_stream -n 40 -s 16x16x3 --split train --pixels noise --first 300 -o more.emo
    cat more.emo valid.emo | emo-augment -q -e 4 -o more.epochs
    emo-train -q --init first.model -b 8 --history whole.tsv -o whole.model more.epochs
    size=$(wc -c <more.epochs)
    run -3 sh -c "head -c $((size / 2)) more.epochs | emo-train -q --init first.model -b 8 --checkpoint c -o x.model"
    rm first.model
    emo-train -q --init first.model --checkpoint c --resume -o x.model more.epochs
    cmp whole.model x.model
    run -0 emo-predict --tsv x.model train.emo
    [[ $output == *"60 images scored, 60 of them seen in training"* ]]
}

# until_saved: waits until the checkpoint c is there.
until_saved() {
    for _ in $(seq 100); do
        [ ! -e c ] || return 0
        sleep 0.05
    done
    return 1
}

@test "a signal lets the batch end, keeps it, and exits with 128 + n; what follows is the same" {
    images
    make_stream -n 3000 -s 16x16x3 --split train --pixels noise -o plain.emo
    emo-train -q -n net -b 8 -e 30 --seed 5 -o whole.model plain.emo
    for signal in TERM HUP; do
        rm -f c
        echo old >m.model
        emo-train -q -n net -b 8 -e 30 --seed 5 --checkpoint c -o m.model plain.emo \
            --history h.tsv 2>message 3>&- &
        pid=$!
        until_saved
        kill -$signal $pid
        status=0
        wait $pid || status=$?
        [ "$status" -eq $((128 + $(kill -l $signal))) ]
        grep -q 'c goes on from step' message
        [ "$(cat m.model)" = old ]
        [ ! -e h.tsv ]
        [ -z "$(find . -name '.*emo-*')" ]
    done
    emo-train -q --checkpoint c --resume -o m.model plain.emo
    cmp whole.model m.model
}

@test "a signal while it waits for input, and one that ends upstream as well" {
    images
    emo-train -q -n net -b 8 -o whole.model epochs.emo
    mkfifo pipe
    emo-train -q -n net -b 8 --checkpoint c -o m.model <pipe 2>message 3>&- &
    pid=$!
    exec 4>pipe
    head -c 150000 epochs.emo >&4
    until_saved
    sleep 0.3
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    exec 4>&-
    [ "$status" -eq 143 ]
    # All that had come was learnt: more than the epochs that were whole.
    [ "$(make_stream --head c | awk '$2 == "whole" { print $3 }')" = 0 ]
    emo-train -q --checkpoint c --resume -o m.model epochs.emo
    cmp whole.model m.model

    # As Ctrl-C does it: the whole group at once.
    rm -f c m.model
    make_stream -n 2000 -s 32x32x3 --split train -o many.emo
    cat >job <<'END'
trap 'exit 130' INT
emo-augment -q -e 50 many.emo | emo-train -q -n net -b 8 --checkpoint c -o m.model 2>message
echo $? >status
END
    python3 - <<'END'
import os, signal, subprocess, time
p = subprocess.Popen(["bash", "job"], start_new_session=True,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
for _ in range(200):
    if os.path.exists("c"):
        break
    time.sleep(0.05)
os.killpg(p.pid, signal.SIGINT)
p.wait()
for _ in range(100):
    if os.path.exists("message") and "stopped" in open("message").read():
        break
    time.sleep(0.05)
END
    grep -q "stopped by signal 2; c goes on from step" message
    [ ! -e m.model ]
    [ "$(emo-train --next-epoch --checkpoint c)" -ge 1 ]
}

@test "a second signal ends it at once, without the end of the batch" {
    PATH=$BUILD/unit:$PATH
    # A batch of many seconds.
    make_stream -n 64 -s 96x96x3 --split train --pixels noise -o large.emo
    printf 'conv 64 3\nconv 64 3\nflatten\noutput\n' >slow
    echo old >m.model
    for signals in 'INT INT' 'TERM INT'; do
        # In the background INT would be ignored.
        env --default-signal=INT emo-train --backend reference -j 1 -n slow -b 64 -e 1 \
            --checkpoint c --history h.tsv -o m.model large.emo 2>message 3>&- &
        pid=$!
        for _ in $(seq 200); do
            ! grep -q 'no validation images' message || break
            sleep 0.05
        done
        sleep 0.3
        kill -"${signals% *}" $pid
        sleep 0.5
        kill -0 $pid
        kill -"${signals#* }" $pid
        status=0
        wait $pid || status=$?
        [ "$status" -eq 130 ]
        grep -q 'stopped by signal 2; no model was written' message
        # The first signal alone would have kept the batch.
        [ ! -e c ]
        [ "$(cat m.model)" = old ]
        [ ! -e h.tsv ]
        [ -z "$(find . -name '.*emo-*')" ]
    done
}

@test "killed at random moments: the old model or the whole new one, and it goes on" {
    images
    make_stream -n 3000 -s 16x16x3 --split train --pixels noise -o train.emo
    cat train.emo valid.emo | emo-augment -q -e 15 -o epochs.emo
    kills=0
    emo-train -q -n net -b 8 -e 30 -o whole.model train.emo valid.emo
    echo old >m.model
    killed 6 emo-train -q -n net -b 8 -e 30 --checkpoint c --resume -o m.model train.emo valid.emo
    rm c
    emo-train -q -n net -b 8 --keep-best val_loss -o whole.model epochs.emo
    echo old >m.model
    killed 6 emo-train -q -n net -b 8 --keep-best val_loss --checkpoint c --resume -o m.model epochs.emo
    echo "# killed $kills times" >&3
    [ "$kills" -gt 0 ]
}

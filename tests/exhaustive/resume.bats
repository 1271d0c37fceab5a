#!/usr/bin/env bats
# 200 kills of trainings with a checkpoint, at random moments.
load ../helper
load ../resume

@test "killed 200 times: the old model or the whole new one, and it goes on" {
    images
    make_stream -n 3000 -s 16x16x3 --split train --pixels noise -o train.emo
    cat train.emo valid.emo | emo-augment -q -e 15 -o epochs.emo
    kills=0
    emo-train -q -n net -b 8 -e 30 -o whole.model train.emo valid.emo
    cp whole.model plain.model
    emo-train -q -n net -b 8 --keep-best val_loss -o augmented.model epochs.emo
    while [ "$kills" -lt 200 ]; do
        for kind in plain augmented; do
            cp $kind.model whole.model
            echo old >m.model
            rm -f c
            case $kind in
            plain) killed 20 emo-train -q -n net -b 8 -e 30 --checkpoint c --resume -o m.model \
                train.emo valid.emo ;;
            augmented) killed 20 emo-train -q -n net -b 8 --keep-best val_loss --checkpoint c \
                --resume -o m.model epochs.emo ;;
            esac
        done
    done
    echo "# killed $kills times" >&3
}

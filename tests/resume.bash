# Loaded by the suites that stop trainings and let them go on.
# shellcheck shell=bash

# 60 training and 20 validation images, as they are and for 6 epochs, and a small network.
images() {
    PATH=$BUILD/unit:$PATH
    printf 'conv 4 3\nconv 6 3 stride 2\nmaxpool 2\nflatten\ndense 8 relu\ndropout 0.2\noutput\n' >net
    make_stream -n 60 -s 16x16x3 --split train --pixels noise -o train.emo
    make_stream -n 20 -s 16x16x3 --split valid --pixels noise --first 100 -o valid.emo
    cat train.emo valid.emo >plain.emo
    emo-augment -q -e 6 -o epochs.emo plain.emo
}

# What of a history does not depend on the clock.
figures() {
    cut -f 1-6 "$1"
}

# killed TIMES COMMAND...: kills it after a random time up to 0.4 s, again and again, until
# it ends by itself or was killed so often, then lets it end. At every moment m.model is the old one
# or the new one, which is whole.model.
killed() {
    local times=$1 pid status=137
    shift
    while [ "$times" -gt 0 ] && [ "$status" -ne 0 ]; do
        "$@" 2>messages &
        pid=$!
        sleep "0.$(printf %03d $((RANDOM % 400)))"
        kill -9 $pid 2>/dev/null || :
        status=0
        wait $pid 2>/dev/null || status=$?
        if [ "$status" -ne 0 ] && [ "$status" -ne 137 ]; then
            echo "status $status: $(cat messages)"
            return 1
        fi
        [ "$(cat m.model)" = old ] || cmp m.model whole.model
        kills=$((kills + (status == 137)))
        times=$((times - 1))
    done
    "$@"
    cmp m.model whole.model
    [ -z "$(find . -name '.*emo-*')" ]
}

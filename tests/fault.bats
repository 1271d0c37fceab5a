#!/usr/bin/env bats
# Faults made to happen: a sample of what tests/exhaustive/fault.bats goes through. Numbers of faults
# are printed.
load helper
load fault

setup_file() {
    cd "$BATS_FILE_TMPDIR" && small_inputs
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cp -r "$BATS_FILE_TMPDIR"/* .
}

@test "memory, files, threads: a sample of all calls fail, one after the other" {
    injectable
    sweep -s 47 -m 2
}

@test "a fault anywhere in a pipeline" {
    injectable
    "$BUILD/fault/sweep" -p -s 23 -m 2 "$BUILD/fault/inject.so" result sh -c "${baseline:?}"
}

@test "kills at random moments in each stage: the old model, or a new one" {
    injectable
    "$BUILD/fault/sweep" -p -k 3 "$BUILD/fault/inject.so" result sh -c "${baseline:?}"
}

# Commands whose result, for lack of what is limited, may be missing, but not wrong.
limited() {
    local limit=$1 command failed=0 status
    shift
    for amount; do
        while read -r command; do
            rm -f result
            status=0
            # shellcheck disable=SC2016,SC2086 # for that sh; words
            sh -c 'ulimit "$0" "$1" && shift && exec "$@"' "$limit" "$amount" $command \
                </dev/null 2>messages 3>&- || status=$?
            if [ "$status" -eq 0 ]; then
                cmp result "$BATS_TEST_TMPDIR/wanted.${command%% *}" && continue
            elif [ ! -e result ] && [ -s messages ]; then
                # Not even its libraries could be loaded, or a library ended the process.
                grep -qE '^emo-|error while loading|libgomp|terminate called|libarchive' messages &&
                    continue
            fi
            echo "ulimit $limit $amount: $command: status $status"
            cat messages
            failed=1
        done <<'END'
emo-unzip -q -s 8x8 -o result pictures.zip
emo-split -q -o result images.emo
emo-augment -q -e 2 --memory 0 -o result images.emo
emo-train -q -j 1 -n tiny.net -b 4 -e 1 -o result images.emo
emo-predict -q -o result m.model images.emo
emo-metrics -q -o result scores.emo
END
    done
    return $failed
}

wanted_results() {
    emo-unzip -q -s 8x8 -o wanted.emo-unzip pictures.zip
    emo-split -q -o wanted.emo-split images.emo
    emo-augment -q -e 2 --memory 0 -o wanted.emo-augment images.emo
    emo-train -q -j 1 -n tiny.net -b 4 -e 1 -o wanted.emo-train images.emo
    emo-predict -q -o wanted.emo-predict m.model images.emo
    emo-metrics -q -o wanted.emo-metrics scores.emo
}

@test "too few descriptors" {
    wanted_results
    limited -n 3 4 5 6 7 8 12
}

@test "too little memory" {
    injectable
    wanted_results
    limited -v 8000 20000 40000 60000 80000 100000 150000 300000
}

@test "lists and tables that cannot be read are errors, not ends" {
    injectable
    [ -e /proc/self/mem ] || skip "no /proc"
    # Reading at address 0 fails.
    run -1 emo-unzip -T /proc/self/mem
    [[ $output == *"Input/output error"* ]]
    run -1 emo-split --group-file /proc/self/mem images.emo
    run -1 emo-train -n /proc/self/mem images.emo
    run -1 emo-metrics /proc/self/mem
    run -1 emo-split /proc/self/mem
    run -1 emo-predict /proc/self/mem images.emo
}

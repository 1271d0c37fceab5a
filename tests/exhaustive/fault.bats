#!/usr/bin/env bats
# Every fault that can be made to happen in our code, and up to 200 of each kind in the libraries of
# others; 200 kills of each stage. Numbers are printed.
load ../helper
load ../fault

setup() {
    cd "$BATS_TEST_TMPDIR" && small_inputs
}

@test "memory, files, threads: every call fails, one after the other" {
    injectable
    sweep -m 200
}

@test "a fault anywhere in a pipeline" {
    injectable
    "$BUILD/fault/sweep" -p -s 2 -m 50 "$BUILD/fault/inject.so" result sh -c "${baseline:?}" >report ||
        { cat report && false; }
    sed 's/^/# /' report >&3
}

@test "200 kills of each stage at random moments: the old model, or a new one" {
    injectable
    "$BUILD/fault/sweep" -p -k 200 "$BUILD/fault/inject.so" result sh -c "${baseline:?}" >report ||
        { cat report && false; }
    sed 's/^/# /' report >&3
    "$BUILD/fault/sweep" -p -k 200 "$BUILD/fault/inject.so" result \
        sh -c 'emo-unzip -q -m m.model pictures.zip | emo-predict -q -o result m.model' >report ||
        { cat report && false; }
    sed 's/^/# /' report >&3
}

#!/usr/bin/env bats
# What the fuzzers learnt, once through every target; every find, which must stay refused; and what
# the targets would do if a promise were broken.
load helper

FUZZ=$ROOT/tests/fuzz

@test "every stored file passes through its target" {
    local target name
    for target in "$FUZZ"/*.c; do
        name=$(basename "$target" .c)
        [ -d "$FUZZ/corpus/$name" ]
        "$BUILD/fuzz/$name" "$FUZZ/corpus/$name"
    done
}

@test "every target has a dictionary" {
    local target name
    for target in "$FUZZ"/*.c; do
        name=$(basename "$target" .c)
        [ -s "$FUZZ/dictionaries/$name.dict" ]
    done
}

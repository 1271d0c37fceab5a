#!/usr/bin/env bats
# emo-stream(5): the golden files, and the example filter that the page prints.
load helper

# golden NAME: the stream of tests/golden/NAME.hex.
golden() {
    perl -ne 's/#.*//; s/\s//g; print pack "H*", $_' "$ROOT/tests/golden/$1.hex"
}

# The filter, as a reader of the page would copy it.
example() {
    mandoc -T ascii "$ROOT/man/emo-stream.5" | sed 's/.\x08//g' |
        awk '/^ *\/\* emo-invert:/ { on = 1 } /^ *Compiled, it/ { on = 0 } on' >emo-invert.c
    [ "$(wc -l <emo-invert.c)" -gt 100 ]
    cc -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -o emo-invert emo-invert.c
}

@test "the golden files are what the specification gives" {
    command -v python3 || skip "no python3"
    python3 "$ROOT/tests/golden/make.py" --check
}

@test "every golden file is decoded, and written again to the same bytes" {
    run -0 "$BUILD/unit/golden"
    [ "$(grep -c 'written the same' <<<"$output")" -ge 8 ]
}

@test "emo-stream(5) holds a complete filter that compiles without a warning" {
    command -v mandoc || skip "no mandoc"
    example
}

@test "the example makes every image its negative, and drops what was true of the old payload" {
    command -v mandoc || skip "no mandoc"
    example
    golden images | ./emo-invert >out.emo
    golden negative >want.emo
    cmp out.emo want.emo
    ./emo-invert <out.emo >back.emo
    ./emo-invert <back.emo | cmp - out.emo
    golden empty | ./emo-invert >empty.emo
    golden empty | cmp - empty.emo
}

@test "the example refuses what is cut short, flipped, aborted or not images" {
    command -v mandoc || skip "no mandoc"
    example
    golden images >in.emo
    size=$(wc -c <in.emo)
    for ((n = 0; n < size; n += 33)); do
        run -3 --separate-stderr ./emo-invert < <(head -c "$n" in.emo)
        [ -n "$stderr" ]
    done
    for ((n = 0; n < size; n += 13)); do
        run -3 ./emo-invert < <(perl -0777 -pe "substr(\$_, $n, 1) ^= chr(1 << $n % 8)" in.emo)
    done
    for kind in model scores aborted segments shards; do
        run -3 ./emo-invert < <(golden "$kind")
    done
    golden aborted | ./emo-invert >out.emo || [ $? -eq 3 ]
    grep -aq 'emo-unzip: faces.zip' out.emo
}

# emo-peek: what it prints of streams of every kind, and what it verifies.
# shellcheck shell=bash disable=SC2016
load helper

make_stream() { "$BUILD/unit/make_stream" "$@"; }

# golden NAME...: the streams of tests/golden/NAME.hex, as NAME.emo.
golden() {
    local name
    for name; do
        perl -ne 's/#.*//; s/\s//g; print pack "H*", $_' "$ROOT/tests/golden/$name.hex" >"$name.emo"
    done
}

# A model of 8x8 images as m.model, the images as i.emo, their scores as s.emo.
job() {
    printf 'conv 4 3 stride 2 relu\nflatten\noutput\n' >tiny.net
    make_stream -n 20 --split mixed -s 8x8x3 -o i.emo
    emo-train -q -n tiny.net -e 2 -o m.model i.emo
    emo-predict -q -o s.emo m.model i.emo
}

# parses FILE: every line is an object of JSON.
parses() {
    python3 -c 'import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    assert isinstance(json.loads(line), dict)' "$1"
}

@test "a record a line" {
    golden images scores checkpoint
    run -0 emo-peek images.emo
    [ "${#lines[@]}" -eq 4 ]
    [ "${lines[0]}" = $'id\tsplit\tepoch\tclass\tdtype\tshape\tname' ]
    [ "${lines[1]}" = $'0\ttrain\tNA\tNegative\tu8\t4x4x3\tNegative/1.jpg' ]
    [ "${lines[2]}" = $'1\tvalid\t2\tPositive\tu8\t4x4x3\tPositive/ä b\\t\\n.png' ]
    [ "${lines[3]}" = $'1099511627776\ttest\tNA\tNA\tu8\t4x4x3\tNA' ]
    run -0 emo-peek scores.emo
    [ "${lines[1]}" = $'7\tvalid\tNA\té\\\\\\t\\n\\r\\x01\\x7F\tf32\t3\tp/q' ]
    run -0 emo-peek checkpoint.emo
    [ "${lines[1]}" = $'0\tnone\tNA\tNA\tu64\t3x2\ttrail' ]
    [ "${lines[2]}" = $'1\tnone\tNA\tNA\tf64\t1x8\thistory' ]
    run -0 emo-peek <images.emo
    [ "${#lines[@]}" -eq 4 ]
    golden empty
    run -0 emo-peek - <empty.emo
    [ "${#lines[@]}" -eq 1 ]
}

@test "several files, each a stream of its own, with a column that names it" {
    golden images model segments
    run -0 emo-peek images.emo model.emo segments.emo images.emo
    [ "${#lines[@]}" -eq 17 ]
    [ "${lines[0]}" = $'id\tsplit\tepoch\tclass\tdtype\tshape\tname\tfile' ]
    [[ ${lines[1]} == *$'\timages.emo' ]]
    [[ ${lines[4]} == *$'\tmodel.emo' ]]
    # Segments of one file are one stream; those of another file begin anew.
    [ "$(awk -F '\t' '$8 == "segments.emo" { print $1 }' <<<"$output" | tr '\n' ' ')" = "3 1 4 4 7 " ]
    [[ ${lines[14]} == $'0\ttrain\t'*$'\timages.emo' ]]
}

@test "-H: kind, classes, provenance; one shard is enough" {
    golden images shards
    run -0 emo-peek -H images.emo
    [ "${lines[0]}" = $'kind\timages' ]
    [ "${lines[1]}" = $'records_expected\t3' ]
    [ "${lines[2]}" = $'shard\t1/1' ]
    [ "${lines[3]}" = $'@CLASS\t0\tNegative' ]
    [ "${lines[6]}" = $'@PG\temo-split\t1.0.0\t--valid 1/5\t21' ]
    emo-peek --head-only shards.emo | grep -q $'^shard\t2/2$'
    # The first segment alone, up to its END.
    perl -0777 -ne 'print substr($_, 0, index($_, "EMOE") + 64)' shards.emo >lone.emo
    run -0 emo-peek lone.emo
    [ "${#lines[@]}" -gt 1 ] && [ "${#lines[@]}" -lt 5 ]
    # Whoever needs all of them is refused.
    run -3 emo-split lone.emo
    run -3 sh -c 'head -c 900 images.emo | emo-peek -H'
}

@test "-c counts by class and split" {
    make_stream -n 22 --split mixed --unlabelled 5 -c 3 -o a.emo
    emo-peek -c a.emo >table
    [ "$(sed -n 1p table)" = $'class\tnone\ttrain\tvalid\ttest\tall' ]
    [ "$(wc -l <table)" -eq 5 ]
    [ "$(sed -n 5p table | cut -f 1,6)" = $'NA\t4' ]
    # The same by awk from the list.
    emo-peek a.emo | awk -F '\t' 'NR > 1 { n[$4 "\t" $2]++ } END { for (k in n) print k "\t" n[k] }' |
        sort >want
    awk -F '\t' 'NR == 1 { split($0, s, "\t"); next }
        { for (i = 2; i < 6; i++) if ($i) print $1 "\t" s[i] "\t" $i }' table | sort | cmp - want
    run -0 emo-peek --count --json a.emo
    [ "${lines[0]}" = '{"class":"class 0","none":2,"train":1,"valid":2,"test":2,"all":7}' ]
    [ "${#lines[@]}" -eq 4 ]
    [[ ${lines[3]} == '{"class":null,'* ]]
}

@test "--net shows the network that was trained, and its table" {
    job
    run -0 emo-peek --net m.model
    [ "${lines[0]}" = "conv 4 3 stride 2 relu" ]
    [[ $output == *"149 parameters"* ]]
    # The table is the one that emo-train would show.
    emo-train --summary -n tiny.net -s 8x8 >summary
    emo-peek --net m.model | sed '1,/^$/d' | cmp - summary
    run -3 emo-peek --net i.emo
    [[ $output == *"i.emo: of kind images"* ]]
}

@test "--stats agree with sums by hand, per record and per channel" {
    make_stream -n 3 -s 5x4x3 --pixels noise -o a.emo
    emo-peek --stats a.emo >stats
    emo-peek --values a.emo >values
    [ "$(sed -n 1p stats)" = $'id\tepoch\tchannel\tcount\tnot_finite\tmin\tmax\tmean\tstd\tname' ]
    [ "$(wc -l <stats)" -eq 8 ]
    awk -F '\t' '
        function note(k, v) { n[k]++; s[k] += v; q[k] += v * v
            if (!(k in lo) || v < lo[k]) lo[k] = v; if (!(k in hi) || v > hi[k]) hi[k] = v }
        NR == FNR { if (FNR > 1) { split($4, at, ","); note($1 "/NA", $5); note("NA/NA", $5)
            note("NA/" at[3], $5) } next }
        FNR > 1 { k = $1 "/" $3; m = s[k] / n[k]; d = sqrt(q[k] / n[k] - m * m)
            if ($4 != n[k] || $5 != 0 || $6 != lo[k] || $7 != hi[k] || ($8 - m) ^ 2 > 1e-10 ||
                ($9 - d) ^ 2 > 1e-10) { print; bad = 1 } seen++ }
        END { exit bad || seen != 7 }' values stats
    golden model
    # Infinity is counted, and no part of the rest; origins are no part of the whole.
    run -0 emo-peek --stats model.emo
    [ "${lines[1]}" = $'0\tNA\tNA\t5\t1\t-1\t2\t0.3\t0.979795897\tconv1.weight' ]
    [[ ${lines[6]} == $'NA\tNA\tNA\t12\t1\t-1\t4\t'* ]]
    golden empty
    run -0 emo-peek --stats empty.emo
    [ "${lines[1]}" = $'NA\tNA\tNA\t0\t0\tNA\tNA\tNA\tNA\tNA' ]
}

@test "--values: every type, exactly" {
    golden model checkpoint scores
    emo-peek --values model.emo | cut -f 3-5 >values
    [ "$(wc -l <values)" -eq 17 ]
    grep -qx $'conv1.weight\t0,0,1,1\t-0' values
    grep -qx $'conv1.weight\t0,0,2,0\tinf' values
    grep -qx $'conv1.weight\t0,0,2,1\t1.40129846e-45' values
    grep -qx $'output.bias\t0\t1' values
    grep -qx $'origins\t2\t9223372036854775807' values
    emo-peek --values checkpoint.emo | cut -f 3-5 >values
    grep -qx $'trail\t0,1\t4275878552' values
    grep -qx $'history\t0,2\t0.3333333333333333' values
    grep -qx $'history\t0,5\tNA' values
    grep -qx $'history\t0,7\t1e+300' values
    emo-peek --values scores.emo | tail -n 1 >values
    [ "$(cut -f 1,2,5 values)" = $'9\t65535\t0.3333333333333333' ]
}

@test "--json: objects that parse, with all metadata" {
    command -v python3 >/dev/null || skip "no python3"
    golden images model scores checkpoint unknown shards
    for option in '' -c -H --stats --values; do
        # shellcheck disable=SC2086 # none or one
        emo-peek -q --json $option images.emo model.emo scores.emo checkpoint.emo unknown.emo shards.emo >out
        parses out
    done
    emo-peek --json images.emo >out
    python3 - <<'END'
import json
a, b, c = [json.loads(line) for line in open("out", encoding="utf-8")]
assert a["split"] == "train" and a["epoch"] is None and a["class"] == "Negative"
assert a["shape"] == [4, 4, 3] and a["order"] == "HWC" and "file" not in a
assert a["metadata"] == {"fit": "stretch", "height": 480, "name": "Negative/1.jpg",
                         "origin": -1311768467463790320, "width": 640}
assert b["epoch"] == 2 and b["metadata"]["blur"] == 0.25 and b["name"] == "Positive/ä b\t\n.png"
assert c["name"] is None and c["metadata"] == {}
END
    emo-peek --json -H model.emo >out
    python3 - <<'END'
import json
h = json.load(open("out", encoding="utf-8"))
assert h["kind"] == "model" and h["records_expected"] is None and h["classes"] == ["a", "b"]
assert h["programs"] == [{"program": "emo-train", "version": "1.0.0", "options": "--epochs 1",
                          "seed": "18446744073709551615"}]
assert h["keys"]["input"] == "1x2x3" and h["net"] == "conv 2 1\nflatten\noutput\n"
END
    emo-peek --json --values model.emo | head -n 1 >out
    grep -q '"values":\[0.5,-1,2,-0,null,1.40129846e-45\]}' out
}

@test "everything is verified; what came before the damage is shown" {
    make_stream -n 20 -s 8x8x3 -o a.emo
    for option in '' -H -c --stats --values --verify --json; do
        head -c -64 a.emo >cut.emo
        # shellcheck disable=SC2086 # none or one
        run -3 emo-peek $option cut.emo
        # shellcheck disable=SC2086
        run -3 emo-peek $option -o out cut.emo
        [ ! -e out ]
        cp a.emo flipped.emo
        printf '\1' | dd of=flipped.emo bs=1 seek=5000 conv=notrunc status=none
        # shellcheck disable=SC2086
        run -3 --separate-stderr emo-peek $option flipped.emo
        # shellcheck disable=SC2154 # set by run
        [[ $stderr == "emo-peek: flipped.emo: record 13 "*"CRC mismatch"* ]]
    done
    run -3 --separate-stderr emo-peek flipped.emo
    [ "${#lines[@]}" -eq 13 ]
}

@test "--verify is silent, names the bad files and goes on" {
    make_stream -n 5 -o a.emo
    make_stream -k model -o m.emo
    golden shards aborted
    head -c -1 a.emo >cut.emo
    run -0 emo-peek --verify a.emo m.emo shards.emo
    [ -z "$output" ]
    run -3 --separate-stderr emo-peek --verify cut.emo a.emo aborted.emo m.emo nosuch.emo
    [ -z "$output" ]
    # shellcheck disable=SC2154 # set by run
    [ "${#stderr_lines[@]}" -eq 4 ]
    [[ ${stderr_lines[0]} == *cut.emo* && ${stderr_lines[1]} == *aborted.emo*cut\ short* ]]
    [[ ${stderr_lines[2]} == *nosuch.emo* && ${stderr_lines[3]} == *"3 of 5 files"* ]]
    run -1 emo-peek --verify a.emo nosuch.emo
    run -3 --separate-stderr emo-peek --verify cut.emo
    [ "${#stderr_lines[@]}" -eq 1 ]
    run -0 emo-peek --verify <a.emo
}

@test "--headers passes payloads over, says so, and still finds a cut" {
    make_stream -n 40 -s 96x96x3 -o a.emo
    run -0 --separate-stderr emo-peek --headers a.emo
    [ "$stderr" = "emo-peek: payloads not verified" ]
    cmp <(emo-peek a.emo) <(emo-peek --headers a.emo)
    cmp <(emo-peek -c a.emo) <(emo-peek -c --headers <a.emo)
    # A payload is not looked at: its damage does not show here, that of a header does.
    cp a.emo b.emo
    printf '\1\2' | dd of=b.emo bs=1 seek=500000 conv=notrunc status=none
    run -3 emo-peek b.emo
    run -0 emo-peek --headers b.emo
    for cut in 1 64 65 20000 500000; do
        head -c -$cut a.emo >c.emo
        run -3 emo-peek --headers c.emo
    done
    # A pipe brings the payloads anyway.
    run -0 --separate-stderr bash -c 'cat a.emo | emo-peek --headers'
    [ -z "$stderr" ]
    run -3 bash -c 'cat b.emo | emo-peek --headers'
    run -0 emo-peek -q --headers a.emo
}

@test "records show as they come" {
    mkfifo pipe
    emo-peek pipe >out 3>&- &
    make_stream -n 3 -o a.emo
    exec 9>pipe
    head -c -64 a.emo >&9
    for _ in $(seq 100); do
        [ "$(wc -l <out)" -eq 4 ] && break
        sleep 0.05
    done
    [ "$(wc -l <out)" -eq 4 ]
    tail -c 64 a.emo >&9
    exec 9>&-
    wait $!
}

@test "wrong options are one line and the usage" {
    for o in '-H -c' '-c --stats' '--verify --json' '--net --json' '--stats --headers' \
        '--values --headers' '--verify --headers' '-j 0' '--nonsense'; do
        # shellcheck disable=SC2086
        run -2 emo-peek $o </dev/null
        [ "${#lines[@]}" -eq 2 ]
    done
    run -3 emo-peek </dev/null
    run -1 emo-peek nosuch
    run -1 sh -c 'exec emo-peek -o nosuch/out "$1"' - "$ROOT/Makefile"
}

@test "memory does not grow with the records, nor with a payload that nobody reads" {
    command -v /usr/bin/time >/dev/null || skip "no /usr/bin/time"
    if grep -q __asan_init "$BIN/emo-peek"; then skip "the address sanitizer holds what was freed"; fi
    for n in 100 20000; do
        make_stream -n $n -s 16x16x3 | /usr/bin/time -f %M -o rss.$n emo-peek >/dev/null
    done
    [ "$(cat rss.20000)" -le "$(($(cat rss.100) + 1000))" ]
    make_stream -n 1 -s 4000x4000x3 | /usr/bin/time -f %M -o rss emo-peek >/dev/null
    [ "$(tail -n 1 rss)" -le "$(($(cat rss.100) + 1000))" ]
}

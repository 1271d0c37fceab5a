# pipelines/baseline on the sample, and what it leaves when a stage fails; pipelines/explore; the page
# that pipelines/report makes, in a browser where there is one.
load helper

baseline() {
    "$ROOT/pipelines/baseline" -s 96x96 -e 1 --group '([0-9a-f-]+)_' "$@"
}

# The results, made once for the tests that look at the page.
results() {
    [ -d "$BATS_FILE_TMPDIR/out" ] || baseline "$SAMPLE" "$BATS_FILE_TMPDIR/out"
    cp -r "$BATS_FILE_TMPDIR/out" out
}

# Puts programs of our own before the real ones: all of them, but $1 replaced by standard input.
replace() {
    mkdir -p fake/bin
    ln -sf "$BIN"/emo-* fake/bin
    rm "fake/bin/$1"
    { echo '#!/bin/sh'; cat; } >"fake/bin/$1"
    chmod +x "fake/bin/$1"
    export BUILD=$T/fake REAL=$BIN/$1
}

nothing_left() {
    for f in out out.part*; do
        [ ! -e "$f" ] || return 1
    done
}

RESULTS="commands data.tsv similar.tsv samples.jpg similar.jpg mistakes.jpg report.html baseline.model
history.tsv scores.emo metrics.txt metrics.json roc.tsv"

@test "the job gives all its results, and the same bytes again" {
    baseline "$SAMPLE" out
    for f in $RESULTS; do
        [ -s "out/$f" ]
    done
    [ "$(find out -type f | wc -l)" -eq "$(wc -w <<<"$RESULTS")" ]
    cp -r out first
    # Results are replaced only when asked for, and nothing else is ever removed.
    run -2 baseline "$SAMPLE" out
    cmp out/scores.emo first/scores.emo
    baseline -f -j 1 "$SAMPLE" out
    cmp out/baseline.model first/baseline.model
    cmp out/metrics.json first/metrics.json
    # The commands that are kept are those that were run.
    mkdir again
    (cd again && sh -e ../first/commands)
    for f in baseline.model scores.emo similar.tsv mistakes.jpg; do
        cmp again/$f first/$f
    done
    echo mine >out/notes
    run -2 baseline -f "$SAMPLE" out
    [ "$(cat out/notes)" = mine ]
}

@test "without a report the network and its metrics are the same" {
    results
    baseline -f --no-report "$SAMPLE" out
    [ "$(cd out && echo *)" = "baseline.model commands data.tsv history.tsv metrics.json metrics.txt roc.tsv scores.emo" ]
    for f in baseline.model scores.emo metrics.json roc.tsv; do
        cmp "out/$f" "$BATS_FILE_TMPDIR/out/$f"
    done
}

@test "no drawing of a validation emoji was trained on" {
    emo-unzip -q -s 8x8 "$SAMPLE" | emo-split -q --group '([0-9a-f-]+)_' -o photos.emo
    for part in train valid; do
        emo-split -q --only $part -o $part.emo photos.emo
        grep -aEo '[0-9a-f-]+_[a-z0-9-]+\.jpg' $part.emo | sed 's/_.*//' | sort -u >$part.txt
    done
    [ "$(cat train.txt valid.txt | wc -l)" -eq 107 ]
    [ -z "$(comm -12 train.txt valid.txt)" ]
}

@test "a stage that fails, or is killed halfway, leaves nothing" {
    for stage in unzip split peek similar montage augment train predict metrics plot; do
        # Its output cut off, and the program killed.
        replace emo-$stage <<'END'
"$REAL" "$@" | head -c 100000
kill -9 $$
END
        run baseline "$SAMPLE" out
        [ "$status" -ne 0 ]
        nothing_left
        # A failure before anything was written.
        replace emo-$stage <<<'exit 1'
        run baseline "$SAMPLE" out
        [ "$status" -ne 0 ]
        nothing_left
    done
}

@test "a signal ends the job and leaves nothing" {
    replace emo-predict <<'END'
kill -TERM $PPID
sleep 1
END
    run -143 baseline "$SAMPLE" out
    nothing_left
}

@test "wrong use says so" {
    for args in "" "one" "a b c" "-x a b" "-s"; do
        # shellcheck disable=SC2086 # words
        run -2 "$ROOT/pipelines/baseline" $args
        [[ $output == *usage:* ]]
    done
    run "$ROOT/pipelines/baseline" -s 96x96 missing.zip out
    [ "$status" -ne 0 ]
    nothing_left
}

@test "the page holds itself together: no scripts, nothing from elsewhere, text for every picture" {
    baseline "$SAMPLE" "it's <b> & out"
    page="it's <b> & out/report.html"
    grep -q '<title>emoji-5050.zip: report</title>' "$page"
    run ! grep -qiE '<script|<link|@import|url\(|(src|href)="?(https?:|//|/|\.)' "$page"
    [ "$(grep -o '<img ' "$page" | wc -l)" -eq 8 ]
    [ "$(grep -o '<img alt="[^"]\{30,\}" src="data:image/' "$page" | wc -l)" -eq 8 ]
    [ "$(grep -c '<h1>' "$page")" -eq 1 ]
    [ "$(grep -c '<h2>' "$page")" -eq 4 ]
    grep -q '<html lang="en">' "$page"
    # The figures are those of the report, and the commands those that were run.
    auc=$(sed -n '/^valid/,$s/^ROC AUC *\([0-9.]*\)  \([0-9.]*\) to \([0-9.]*\) .*/\1 (\2 to \3)/p' "it's <b> & out/metrics.txt")
    [ -n "$auc" ]
    grep -qF "<th scope=\"row\">valid</th><td>124</td><td>$auc</td>" "$page"
    grep -qF "emo-split --seed 21 --group '([0-9a-f-]+)_' -o photos.emo" "$page"
    if command -v python3; then
        python3 - "$page" <<'END'
import html.parser, sys
class Checker(html.parser.HTMLParser):
    open = []
    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
checker = Checker()
checker.feed(open(sys.argv[1], encoding="utf-8").read())
assert not checker.open, checker.open
END
    fi
}

# The least contrast, as WCAG 2 defines it, of text on its ground: of each "TEXT GROUND" that is read,
# for the colours that the page's style gives these names, in light and in dark.
contrasts() {
    awk '
        function part(hex, i,  v) {
            v = (index("0123456789abcdef", substr(hex, i, 1)) - 1) * 16 + index("0123456789abcdef", substr(hex, i + 1, 1)) - 1
            v /= 255
            return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ^ 2.4
        }
        function luminance(hex) { return 0.2126 * part(hex, 2) + 0.7152 * part(hex, 4) + 0.0722 * part(hex, 6) }
        NR == FNR && /:root/ { scheme = /prefers-color-scheme: dark/ ? "dark" : "light" }
        NR == FNR {
            for (rest = $0; match(rest, /--[a-z]+: #[0-9a-f]+/); rest = substr(rest, RSTART + RLENGTH)) {
                split(substr(rest, RSTART, RLENGTH), pair, ": ")
                colour[scheme, pair[1]] = pair[2]
            }
            next
        }
        {
            split("light dark", schemes)
            for (i = 1; i <= 2; i++) {
                a = luminance(colour[schemes[i], $1]) + 0.05
                b = luminance(colour[schemes[i], $2]) + 0.05
                printf "%.2f %s %s %s\n", (a > b ? a / b : b / a), $0, schemes[i], colour[schemes[i], $1]
            }
        }' "$1" - | sort -n
}

@test "the page is for everyone, seen without a browser: headings, captions, contrast" {
    results
    page=out/report.html
    # From the first heading on, none leaves out a level.
    grep -o '<h[1-6]>' $page | tr -dc '1-6\n' | awk '$1 > last + 1 { exit 1 } { last = $1 } END { exit NR < 5 }'
    # Tables have captions, their headings a scope; what scrolls has a name, and keys reach it.
    [ "$(grep -c '<table>' $page)" -eq "$(grep -c '<caption>' $page)" ]
    run ! grep -q '<th>' $page
    [ "$(grep -o 'role="region"' $page | wc -l)" -gt 5 ]
    [ "$(grep -o 'role="region"' $page | wc -l)" -eq "$(grep -oE 'role="region" tabindex="0" aria-label="[^"]{5,}"' $page | wc -l)" ]
    [ "$(grep -c '<pre' $page)" -eq "$(grep -c '<pre tabindex="0">' $page)" ]
    # Colours have names, so that these are all the pairs.
    sed -n '/<style>/,/<\/style>/p' $page >style
    grep -oE '[^-]color: [^;]*|background: [^;]*' style >colours
    run ! grep -vE 'var\(--|#ffffff|light dark' colours
    printf '%s\n' '--ink --paper' '--ink --soft' '--quiet --paper' '--mark --paper' >pairs
    contrasts style <pairs >ratios
    cat ratios
    [ "$(wc -l <ratios)" -eq 8 ]
    awk '!($1 >= 4.5 && $1 <= 21) || $5 !~ /^#/ { exit 1 }' ratios
}

# looked_at PAGE OPTION...: what tests/page.js says of it in a browser.
looked_at() {
    local page=$1
    shift
    { sed '/<\/body>/,$d' "$page" && echo '<script>' && cat "$ROOT/tests/page.js" && echo '</script></body></html>'; } >page.html
    "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=20000 "$@" \
        --dump-dom "file://$T/page.html" 2>/dev/null | sed -n 's/^.*<title>\([^<]*\).*/\1/p'
}

@test "the page in a browser, 390 and 1280 pixels wide, light and dark: shown, and for everyone" {
    browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
        skip "no Chromium"
    results
    looked_at out/report.html >light
    looked_at out/report.html --force-dark-mode >dark
    cat light dark
    grep -qE '^at 390, 1280 light: 8 images, [1-9][0-9]+ texts, [1-9][0-9]+ in charts; wrong: nothing$' light
    grep -qE '^at 390, 1280 dark: 8 images, [1-9][0-9]+ texts, [1-9][0-9]+ in charts; wrong: nothing$' dark
    # It would be seen if it were otherwise.
    pale=$(echo '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><text x="9" y="20" fill="#999">pale</text></svg>' | base64 -w 0)
    sed -e 's/--quiet: #4c5560/--quiet: #8c95a0/; s/ lang="en"//; 0,/<h2>/s/<h2>/<h4>/; s/ tabindex="0"//' \
        -e '0,/<caption>.*<\/caption>/s///; 0,/ scope="col"/s///; s/<img alt="Contact/<img alt="" title="/' \
        -e 's/<main>/<main><p style="width: 400px">wide<\/p>/' \
        -e "s|</main>|<img alt='pale' src='data:image/svg+xml;base64,$pale'></main>|" out/report.html >bad.html
    looked_at bad.html >bad
    cat bad
    for what in '416 pixels wide' 'no language' "a picture's text" 'h4 after an h1' 'without a caption' \
        'without a scope' 'scrolls, but not by key' '3.03 of "train"' '"pale" in a chart'; do
        grep -qF "$what" bad
    done
}

@test "explore: counts, sizes, near-duplicates in a page; other than results are left alone" {
    "$ROOT/pipelines/explore" -j 1 "$SAMPLE" out
    for f in commands data.tsv sizes.tsv samples.jpg similar.tsv similar.jpg groups.tsv report.html; do
        [ -s "out/$f" ]
    done
    [ "$(find out -type f | wc -l)" -eq 8 ]
    [ "$(cut -f 1,2,3 out/sizes.tsv | tail -n 2 | tr '\t\n' ' ,')" = "Negative 301 96,Positive 330 96," ]
    # The groups keep near-duplicates on one side.
    emo-unzip -q -s 96x96 "$SAMPLE" | emo-split -q --group-file out/groups.tsv -o /dev/null
    run -2 "$ROOT/pipelines/explore" "$SAMPLE" out
    "$ROOT/pipelines/explore" -f "$SAMPLE" out
    run -2 "$ROOT/pipelines/explore" "$SAMPLE"
    run "$ROOT/pipelines/explore" missing.zip none
    [ "$status" -ne 0 ]
    [ ! -e none ]
    # Sizes are those of the pictures, whatever they are decoded to.
    mkdir -p "in/a<b" in/c
    cp "$ROOT"/tests/data/pictures/rgb.jpg "in/a<b"
    cp "$ROOT"/tests/data/pictures/rgb.png in/c
    "$ROOT/pipelines/explore" in tiny
    grep -qF '<th scope="row">a&lt;b</th>' tiny/report.html
    [ "$(cut -f 1 tiny/sizes.tsv | tr '\n' ' ')" = "class a<b c " ]
    grep -qF '<th scope="col">class</th><th scope="col">all</th></tr>' tiny/report.html
    # Where there are no splits, nothing is said of them.
    grep -q '<p>[0-9]* groups of images .* Labels contradict each other in [0-9]*\.</p>' out/report.html
    # Near-duplicates are those of the whole images, not those that bars make alike.
    emo-unzip -q -s 128x128 "$SAMPLE" | emo-similar -q | cmp - out/similar.tsv
}

@test "a report of what is there; of nothing, none" {
    mkdir out
    run -2 "$ROOT/pipelines/report" out
    [[ $output == *"has no results"* ]]
    run -2 "$ROOT/pipelines/report"
    printf 'epoch\tloss\n1\t0.5\n2\t0.25\n' >out/history.tsv
    "$ROOT/pipelines/report" --title 'A & B' out
    grep -q '<h1>A &amp; B</h1>' out/report.html
    [ "$(grep -c '<h2>' out/report.html)" -eq 2 ]
    # One class only: what cannot be drawn is said in the page.
    printf 'label\tp:a\tp:b\na\t0.5\t0.5\na\t0.75\t0.25\n' >out/scores.emo
    "$ROOT/pipelines/report" out
    grep -q '<p>emo-plot: no curve can be drawn' out/report.html
    # A failure leaves the old page.
    cp out/report.html old
    head -c 10 old >out/scores.emo
    run "$ROOT/pipelines/report" out
    [ "$status" -ne 0 ]
    cmp old out/report.html
    [ "$(find out -type f | wc -l)" -eq 3 ]
}

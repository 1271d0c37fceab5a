#!/usr/bin/env bats
# emo-plot: what is drawn is what emo-metrics says; names that gnuplot must not interpret; pictures
# that appear whole or not at all.
load helper

PATH=$PATH:$BUILD/unit

# Eight images: 3 train seen; 4 valid, of which one seen; one valid without a label.
eight() {
    tr ' ' '\t' <<'END'
id name split label predicted score seen p:Negative p:Positive
0 a.jpg train Negative Negative 0.25 1 0.75 0.25
1 b.jpg train Positive Positive 0.75 1 0.25 0.75
2 c.jpg train Positive Negative 0.125 1 0.875 0.125
3 d.jpg valid Negative Negative 0.25 0 0.75 0.25
4 e.jpg valid Negative Positive 0.5 0 0.5 0.5
5 f.jpg valid Positive Positive 0.75 0 0.25 0.75
6 g.jpg valid Positive Positive 1 1 0 1
7 h.jpg valid NA Positive 1 0 0 1
END
}

# many N: N valid images, unseen, classes a and b in turn, scores that rank nearly right.
many() {
    awk -v n="$1" 'BEGIN {
        OFS = "\t"
        print "label", "split", "seen", "p:a", "p:b"
        for (i = 0; i < n; i++) {
            p = (i * 37 % 64) / 64
            print (i * 37 % 64 + i % 3 * 9 > 40 ? "b" : "a"), "valid", 0, 1 - p, p
        }
    }'
}

history() {
    tr ' ' '\t' <<'END'
epoch loss acc val_loss val_acc val_auc seconds images_per_second
1 0.7 0.5 0.69 0.5 0.55 1 100
2 0.6 0.6 0.61 0.625 0.7 1 100
3 0.5 0.7 0.65 0.75 0.68 1 100
END
}

drawn() {
    command -v gnuplot >/dev/null || skip "no gnuplot"
}

# The texts of an SVG, one a line.
texts() {
    sed -n 's/^\t*<text>\(<tspan[^>]*>\)\{0,1\} *\([^<]*\(<[^/][^<]*\)*\).*/\2/p' "$1"
}

# block NAME: the data of that name in the program on standard input.
block() {
    awk -v name="\$$1" '$1 == "EOD" { on = 0 } on { print } $1 == name && $2 == "<<" { on = 1 }'
}

# The fake gnuplot that standard input says.
fake() {
    mkdir -p fake
    { echo '#!/bin/sh'; cat; } >fake/gnuplot
    chmod +x fake/gnuplot
}

@test "a ROC curve has the points and the AUC that emo-metrics gives" {
    many 200 >many.tsv
    emo-metrics -q --roc roc.tsv -o report many.tsv
    emo-plot roc -q -t gnuplot many.tsv >program
    cut -f 4,5 roc.tsv | sed 1d | awk '{ printf "%.6f %.6f\n", $1, $2 }' >want
    block line0 <program | awk '{ printf "%.6f %.6f\n", $1, $2 }' | diff want -
    auc=$(sed -n 's/^ROC AUC *\([0-9.]*\)  \([0-9.]*\) to \([0-9.]*\) .*/AUC \1 (\2 to \3)/p' report)
    [ "${#auc}" -eq 26 ]
    grep -qF "title 'valid: $auc, 200 images'" program
    # The threshold is where the confusion matrix says.
    emo-metrics -q --json many.tsv | grep -oE '"confusion_normalised":\[\[[^]]*\],\[[^]]*\]' |
        tr -c '0-9.\n' ' ' | awk '{ printf "%.6f %.6f\n", $2, $4 }' >want
    block threshold0 <program | awk '{ printf "%.6f %.6f\n", $1, $2 }' | diff want -
}

@test "a precision-recall curve has the points of emo-metrics, as steps" {
    many 200 >many.tsv
    emo-metrics -q --pr pr.tsv -o report many.tsv
    emo-plot pr -q -t gnuplot many.tsv >program
    # The last point, recall 0 at precision 1, is no measurement: the step before it is drawn out.
    cut -f 4,5 pr.tsv | sed '1d; $d' | awk '{ printf "%.6f %.6f\n", $1, $2 } END { printf "0.000000 %.6f\n", $2 }' >want
    block line0 <program | awk '{ printf "%.6f %.6f\n", $1, $2 }' | diff want -
    grep -q 'with steps' program
    ap=$(sed -n 's/^average precision *\([0-9.]*\)  \([0-9.]*\) by chance/\1 (chance \2)/p' report)
    grep -qF "title 'valid: average precision $ap, 200 images'" program
}

@test "a confusion matrix: real classes across, predicted down, shares of the real class, counts" {
    many 200 >many.tsv
    emo-plot confusion -q -t gnuplot many.tsv >program
    emo-metrics -q --json many.tsv | grep -oE '"confusion":\[\[[^]]*\],\[[^]]*\]' | tr -c '0-9\n' ' ' >counts
    read -r aa ab ba bb <counts
    # Real a is the left column, predicted b the lower row.
    grep -q "set label '$ab of $((aa + ab))' at 0.5,1.5" program
    grep -q "set label '$ba of $((ba + bb))' at 1.5,0.5" program
    grep -q "set label '$(awk '{ printf "%.2f", $2 / ($1 + $2) }' counts)' at 0.5,1.5" program
    grep -q "set label '$(awk '{ printf "%.2f", $4 / ($3 + $4) }' counts)' at 1.5,1.5" program
    grep -q "set yrange \[2:0\]" program
    grep -q "xtics .*('a' 0.5, 'b' 1.5)" program
    grep -q "ytics .*('a' 0.5, 'b' 1.5)" program
    grep -q "xlabel 'Real'" program
    grep -q "ylabel 'Predicted'" program
}

@test "a histogram and a calibration count every labelled image once" {
    many 200 >many.tsv
    emo-plot scores -q -t gnuplot many.tsv >program
    [ "$(block first0 <program | awk '{ n += $2 } END { print n }')" -eq "$(grep -c '^a' many.tsv)" ]
    # Each bin is two corners of the outline.
    [ "$(block second0 <program | awk '{ n += $2 } END { print n / 2 }')" -eq "$(grep -c '^b' many.tsv)" ]
    emo-plot calibration -q -t gnuplot many.tsv >program
    [ "$(block counts0 <program | awk '{ n += $2 } END { print n / 2 }')" -eq 200 ]
    emo-metrics -q --json many.tsv | grep -oE '"mean_probability":[0-9.]+,"share":[0-9.]+' |
        tr -c '0-9.\n' ' ' | awk '{ printf "%.6f %.6f\n", $1, $2 }' >want
    block bins0 <program | awk '{ printf "%.6f %.6f\n", $1, $2 }' | diff want -
    error=$(emo-metrics -q --json many.tsv | grep -oE '"calibration_error":[0-9.]+' | cut -d: -f2)
    grep -q "calibration error $(printf %.3f "$error")" program
}

@test "a history: the best epoch in the legend, missing columns left out, several files named" {
    history >h.tsv
    emo-plot history -t gnuplot h.tsv >program
    for title in 'valid: lowest 0.610 (epoch 2)' 'valid: highest 0.750 (epoch 3)' 'valid: highest 0.700 (epoch 2)'; do
        grep -qF "title '$title'" program
    done
    [ "$(block run0 <program | wc -l)" -eq 3 ]
    [ "$(grep -c '^plot' program)" -eq 3 ]
    # No validation: two panels. Columns in another order, unknown ones.
    awk 'BEGIN { FS = OFS = "\t" } { print "x", $2, $3, $1 }' h.tsv | sed '1s/^x/y/' >train.tsv
    emo-plot history -t gnuplot <train.tsv >program
    [ "$(grep -c '^plot' program)" -eq 2 ]
    run ! grep -q valid program
    emo-plot history -t gnuplot h.tsv train.tsv >program
    grep -qF "title 'train.tsv, train, as it was trained on'" program
    # A loss that left the numbers.
    printf 'epoch\tloss\tval_loss\n1\tinf\tNA\n2\t0.5\t0.25\n' | emo-plot history -t gnuplot >program
    [ "$(block run0 <program | head -n 1)" = "1 NA NA NA NA NA" ]
}

@test "what the model was not trained on is drawn, unless asked otherwise" {
    eight >eight.tsv
    make_scores eight.tsv eight.emo
    emo-plot confusion -t gnuplot eight.emo >program
    grep -qF "'valid: 3 images'" program
    run ! grep -qE 'train|seen' program
    emo-plot confusion -t gnuplot --only train,valid eight.emo >program
    for title in 'train (fit): 3 images' 'valid: 3 images' 'valid seen in training: 1 image'; do
        grep -qF "'$title'" program
    done
    # Only the train split is there: it is drawn, and says what it is.
    grep -vw valid eight.tsv >train.tsv
    emo-plot confusion -q -t gnuplot train.tsv >program
    grep -qF "'train (fit): 3 images'" program
    # A table says that nobody checked whether it is whole.
    run -0 --separate-stderr emo-plot confusion -t gnuplot train.tsv
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == *"was not checked"* ]]
}

@test "--positive and --threshold are those of emo-metrics" {
    many 200 >many.tsv
    emo-plot roc -q -t gnuplot --positive a many.tsv | grep -q "xlabel 'False positive rate (b taken for a)'"
    emo-plot roc -q -t gnuplot --threshold 2 many.tsv >program
    [ "$(block threshold0 <program)" = "0 0" ]
    grep -q "title 'at threshold 2'" program
    run -2 emo-plot roc -q --positive c many.tsv
    [[ $output == *'no class is called "c"'* ]]
}

@test "SVG, PNG and PDF: axes named, figures in the picture, the same bytes again" {
    drawn
    many 200 >many.tsv
    history >h.tsv
    for kind in confusion roc pr scores calibration history; do
        input=many.tsv
        [ $kind != history ] || input=h.tsv
        for format in svg png pdf; do
            emo-plot $kind -q -o $kind.$format $input
            [ $kind = roc ] || continue
            emo-plot $kind -q -t $format $input >again
            cmp $kind.$format again
        done
        [ "$(head -c 8 $kind.png | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
        [ "$(head -c 5 $kind.pdf)" = %PDF- ]
        # Twice the pixels of the SVG.
        [ "$(od -An -tu1 -j16 -N8 $kind.png | awk '{ print ($3 * 256 + $4) / 2 "x" ($7 * 256 + $8) / 2 }')" = \
            "$(sed -n 's/^ width="\([0-9]*\)" height="\([0-9]*\)"/\1x\2/p' $kind.svg)" ]
        if command -v python3; then
            python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' $kind.svg
        fi
    done
    grep -aq 'CreationDate (D:19700101000000Z)' roc.pdf
    auc=$(emo-metrics -q many.tsv | sed -n 's/^ROC AUC *\([0-9.]*\)  \([0-9.]*\) to \([0-9.]*\) .*/AUC \1 (\2 to \3)/p')
    texts roc.svg | grep -qF "$auc"
    texts roc.svg | grep -q '^False positive rate'
    texts roc.svg | grep -q '^True positive rate'
    texts pr.svg | grep -q '^Recall'
    texts history.svg | grep -q '^Epoch'
    texts confusion.svg | grep -q '^accuracy 0.* (0.* to 0.*), majority 0'
}

@test "names are text, whatever is in them" {
    drawn
    # shellcheck disable=SC2016 # for gnuplot to leave alone
    names=('`touch hacked`' "b' ; system('touch hacked') ; 'x" '$(touch hacked)' '@x {/Bold y}_z^2 50%d <&> \\n' 'Grüße 😀')
    for a in "${names[@]}"; do
        for b in "${names[@]:1:2}"; do
            [[ $a < $b ]] || continue
            printf 'label\tsplit\tp:%s\tp:%s\n%s\tvalid\t0.75\t0.25\n%s\tvalid\t0.5\t0.5\n%s\tvalid\t0.75\t0.25\n%s\tvalid\t0.75\t0.25\n' \
                "${a//\\/\\\\}" "${b//\\/\\\\}" "${a//\\/\\\\}" "${b//\\/\\\\}" "${a//\\/\\\\}" "${b//\\/\\\\}" >names.tsv
            for kind in confusion roc pr scores calibration; do
                run -0 emo-plot $kind -q -o names.svg names.tsv
                [ -z "$output" ]
            done
        done
    done
    printf 'label\tp:Grüße 😀\tp:z\nz\t0.5\t0.5\nGrüße 😀\t0.5\t0.5\nGrüße 😀\t1\t0\n' >names.tsv
    emo-plot scores -q --title "it's {50%} \`x\`" -o names.svg names.tsv
    for text in "it's {50%} \`x\`" "Grüße 😀, 2 images"; do
        texts names.svg | grep -qF "$text"
    done
    # File names, and bytes that are no text at all.
    rm names.tsv
    many 200 >"it's \`id>hacked\` %d.tsv"
    printf 'label\tp:a\tp:b\na\t1\t0\nb\t0\t1\na\t1\t0\n' >$'\xff\n.tsv'
    emo-plot roc -q -o files.svg ./*.tsv
    texts files.svg | grep -qF "…it's \`id>hacked\` %d.tsv, valid: AUC"
    texts files.svg | grep -qF $'./\xef\xbf\xbd\\n.tsv: AUC 1.000, 3 images'
    [ ! -e hacked ]
}

@test "three classes: a curve each against the rest; a matrix with names that need turning" {
    tr ' ' '\t' >three.tsv <<'END'
label p:sad p:angry p:happy
angry 0.25 0.5 0.25
angry 0.5 0.25 0.25
happy 0.125 0.25 0.625
sad 0.75 0.125 0.125
sad 0.375 0.375 0.25
END
    emo-plot roc -q -t gnuplot three.tsv >program
    # angry: 4.5 of 6 pairs; happy: 4 of 4; sad: 5 of 6.
    for title in 'angry, AUC 0.750 ' 'happy, AUC 1.000, 5 images' 'sad, AUC 0.833 '; do
        grep -qF "title '$title" program
    done
    run -2 emo-plot roc --threshold 0.4 three.tsv
    for kind in confusion pr scores calibration; do
        emo-plot $kind -q -t gnuplot three.tsv >program
    done
}

@test "a curve of many images is no bigger than its picture" {
    awk 'BEGIN { OFS = "\t"; print "label", "score"
        for (i = 0; i < 100000; i++) { p = i / 100000; print (i * 7919 % 100003 / 100003 < p ? "b" : "a"), p } }' >t.tsv
    emo-plot roc -q -t gnuplot t.tsv >roc.gnuplot
    [ "$(wc -c <roc.gnuplot)" -lt 100000 ]
    emo-plot pr -q -t gnuplot t.tsv >pr.gnuplot
    [ "$(wc -c <pr.gnuplot)" -lt 100000 ]
    # And it still ends where it must.
    [ "$(block line0 <roc.gnuplot | tail -n 1)" = "1 1" ]
}

@test "what cannot be drawn is said: status 3" {
    many 20 >many.tsv
    history >h.tsv
    grep -v '^a' many.tsv >one.tsv
    run -3 emo-plot roc -q one.tsv
    [[ $output == *"both sides"* ]]
    emo-plot confusion -q -t gnuplot one.tsv >/dev/null
    run -3 emo-plot roc --only test -q many.tsv
    [[ $output == *"no scores of labelled images in the splits asked for"* ]]
    sed '2s/$/7/' many.tsv >big.tsv
    run -3 emo-plot calibration -q big.tsv
    [[ $output == *"no probabilities"* ]]
    emo-plot roc -q -t gnuplot big.tsv >/dev/null
    emo-plot scores -q -t gnuplot big.tsv >/dev/null
    awk 'BEGIN { FS = OFS = "\t" } NR == 2 { $5 = "nan" } { print }' many.tsv >nan.tsv
    for kind in roc pr confusion scores calibration; do
        run -3 emo-plot $kind -q nan.tsv
    done
    run -3 emo-plot history many.tsv
    [[ $output == *"no history of a training"* ]]
    run -3 emo-plot roc h.tsv
    while IFS= read -r table; do
        # shellcheck disable=SC2059 # the text has the tabs and line ends
        printf "$table" >bad.tsv
        run -3 emo-plot history bad.tsv
        [[ $output == "emo-plot: "* ]]
    done <<'END'

epoch\tloss\n
epoch\tloss\n1\tx\n
epoch\tloss\n1\t0.5
epoch\tloss\nNA\t0.5\n
epoch\tloss\n1\tNA\n
epoch\tloss\n1\n
epoch\n1\n
loss\n1\n
END
    many 64 >a.tsv
    files=()
    for _ in $(seq 25); do files+=(a.tsv); done
    run -3 emo-plot roc -q "${files[@]}"
    [[ $output == *"over 24 curves"* ]]
}

@test "wrong use: status 2" {
    many 20 >many.tsv
    for args in "" "pie many.tsv" "roc -t gif many.tsv" "roc -o x.gif many.tsv" "roc -o x many.tsv" "roc --only some many.tsv"; do
        # shellcheck disable=SC2086 # words
        run -2 emo-plot $args
        [[ $output == *"usage: emo-plot [options] history|confusion|roc|pr|scores|calibration [file ...]"* ]]
    done
    [ ! -e x.gif ]
    drawn
    emo-plot roc -q -t png -o x many.tsv
    [ "$(head -c 4 x | tail -c 3)" = PNG ]
    needs_terminal
    run script -qec 'emo-plot roc -q -t png many.tsv' /dev/null
    [ "$status" -eq 2 ]
    [[ $output == *"binary is not written to a terminal"* ]]
}

@test "the numbers at the axes of a history have the same decimals" {
    printf 'epoch\tloss\tval_loss\tval_auc\n1\t0.8\t0.75\t0.6\n2\t0.64\t0.7\t0.6\n' >history.tsv
    emo-plot history -q -o history.svg history.tsv
    # Of the AUC, which stays as it is, each number has what it needs.
    sed -n 's/^.*<text>\([0-9.]*\)<\/text>.*/\1/p' history.svg >numbers
    grep -qx '0.80' numbers
    grep -qx '0.6' numbers
    run ! grep -qx '0.[78]' numbers
}

@test "titles and the shares in a matrix are as large beside other text in every format" {
    many 20 >many.tsv
    PATH=$T/fake:$PATH
    fake <<<"cat >'$T/program'"
    for format in svg png pdf; do
        run -1 emo-plot confusion -q --title t -t $format -o picture many.tsv
        # The first is that of all text, then the title's and those of the cells.
        grep -o "font '[^']*'" program | tr -dc '0-9.\n' | awk '
            NR == 1 { letters = $1; next }
            { size = $1 / letters * 14; near = 0
              for (want = 14; want <= 21; want++) near += size > want - 0.1 && size < want + 0.1
              bad += !near; if (size > 20) shares++; if (size > 16 && size < 18) titles++ }
            END { exit bad || shares != 4 || titles != 1 }'
    done
}

@test "without gnuplot the package is named; one that fails, dies or stops early leaves no picture" {
    many 20 >many.tsv
    echo old >old.svg
    mkdir empty
    run -1 env PATH="$T/empty" "$BIN/emo-plot" roc -q -o old.svg many.tsv
    [[ $output == "emo-plot: gnuplot, which draws, is not there; on Debian it is in the package gnuplot-nox" ]]
    PATH=$T/fake:$PATH
    fake <<<'echo "line 1: no such terminal" >&2; exit 7'
    run -1 emo-plot roc -q -o old.svg many.tsv
    [[ $output == *'gnuplot failed with status 7 and said "line 1: no such terminal\n"' ]]
    fake <<<'kill -9 $$'
    run -1 emo-plot roc -q -o old.svg many.tsv
    [[ $output == *"gnuplot was killed by signal 9"* ]]
    fake <<<'cat >/dev/null; echo "<svg>"'
    run -1 emo-plot roc -q -o old.svg many.tsv
    [[ $output == *"no whole svg"* ]]
    fake <<<'exec <&-; sleep 0.1; echo "<svg></svg>"'
    emo-plot roc -q -o new.svg many.tsv
    fake <<<'head -c 1000000 /dev/zero | tr "\0" x >&2; cat >/dev/null; echo "<svg></svg>"'
    emo-plot roc -q -o new.svg many.tsv
    fake <<<'head -c 300000000 /dev/zero'
    run -1 emo-plot roc -q -o old.svg many.tsv
    [[ $output == *"more than 268435456 bytes"* ]]
    [ "$(cat old.svg)" = old ]
    [ -z "$(find . -name '.*emo-*')" ]
}

@test "a full disk and a closed output" {
    drawn
    many 20 >many.tsv
    run -1 emo-plot roc -q -o /dev/full -t svg many.tsv
    [[ $output == *"No space left"* ]]
    run -1 sh -c 'emo-plot roc -q many.tsv >&-'
    emo-plot roc -q -o ok.svg many.tsv >&-
    [ -s ok.svg ]
}

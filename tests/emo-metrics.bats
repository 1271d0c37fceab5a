#!/usr/bin/env bats
# emo-metrics: from streams and tables, by split, seen apart; what it refuses and what it will not say.
load helper

PATH=$PATH:$BUILD/unit

# Eight images: 3 train seen; 4 valid, of which one seen; one valid without a label. All scores are
# exact in float32.
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

# No line of standard input is over 80 columns.
fits() {
    [ "$(LC_ALL=C.UTF-8 grep -cE '.{81}')" -eq 0 ]
}

# value KEY: of the JSON object on standard input.
value() {
    grep -oE "\"$1\":(\"[^\"]*\"|[^,}]*)" | head -n 1 | cut -d: -f2
}

@test "a report of each split, seen images apart" {
    eight >eight.tsv
    make_scores eight.tsv eight.emo
    run -0 --separate-stderr emo-metrics eight.emo
    [[ ${lines[0]} == "train: 3 images: fit, not performance" ]]
    [[ $output == *"valid: 4 images, not in the training set"* ]]
    [[ $output == *"1 without a label, left out: the figures are of 3"* ]]
    [[ $output == *"valid: 1 of 5 images were in the training set: fit, not performance"* ]]
    [[ $output == *"All are of one class, Positive: what needs two is NA."* ]]
    [[ $stderr == "emo-metrics: valid: 1 of 5 images were in the training set; they are reported apart" ]]
    fits <<<"$output"
}

@test "the figures, by hand" {
    eight >eight.tsv
    make_scores eight.tsv eight.emo
    emo-metrics -q --only valid --json eight.emo >out
    [ "$(wc -l <out)" -eq 2 ]
    head -n 1 out >valid
    [ "$(value split <valid)" = '"valid"' ]
    [ "$(value seen <valid)" = false ]
    [ "$(value images <valid)" = 3 ]
    [ "$(value unlabelled <valid)" = 1 ]
    [ "$(value positive <valid)" = '"Positive"' ]
    grep -q '"confusion":\[\[1,1\],\[0,1\]\]' valid
    grep -q '"confusion_normalised":\[\[0.5,0.5\],\[0,1\]\]' valid
    [ "$(value accuracy <valid)" = 0.6666666666666666 ]
    [ "$(value majority_class <valid)" = '"Negative"' ]
    [ "$(value majority_accuracy <valid)" = 0.6666666666666666 ]
    [ "$(value majority_verdict <valid)" = '"within noise"' ]
    # 0.75 is above 0.25 and 0.5; squares of .25, .5, .25; logarithms of .75, .5, .75.
    grep -q '"majority_verdict":"within noise","auc":1,"auc_low":null,"auc_high":null' valid
    [ "$(value brier <valid)" = 0.125 ]
    [[ $(value log_loss <valid) == 0.422837* ]]
    # The seen one alone: one class, no AUC, but a log loss.
    tail -n 1 out >apart
    [ "$(value seen <apart)" = true ]
    [ "$(value images <apart)" = 1 ]
    grep -q '"majority_verdict":"within noise","auc":null' apart
    [[ $(value log_loss <apart) == 1.19209* ]]
}

@test "a table gives what the stream gives, and says that completeness was not checked" {
    many 200 >many.tsv
    make_scores many.tsv many.emo
    emo-metrics -o stream.txt --roc stream.roc --pr stream.pr many.emo
    run -0 --separate-stderr emo-metrics -o table.txt --roc table.roc --pr table.pr many.tsv
    [[ $stderr == *"that it is complete was not checked"* ]]
    [[ $(head -n 1 table.txt) == "Read from text: that it is complete was not checked." ]]
    tail -n +3 table.txt | diff - stream.txt
    cmp stream.roc table.roc
    cmp stream.pr table.pr
    emo-metrics --json many.emo | sed 's/"completeness_checked":true/"completeness_checked":false/' >stream.json
    emo-metrics -q --json <many.tsv | cmp - stream.json
    # From a pipe, and as two files that make one.
    # shellcheck disable=SC2002 # a pipe is what is tested
    cat many.emo | emo-metrics | cmp - stream.txt
    head -n 101 many.tsv >first.tsv
    { head -n 1 many.tsv; tail -n +102 many.tsv; } >second.tsv
    emo-metrics -q first.tsv second.tsv | cmp - table.txt
    make_scores first.tsv first.emo
    make_scores second.tsv second.emo
    cat first.emo second.emo | emo-metrics | cmp - stream.txt
    emo-metrics first.emo - <second.emo | cmp - stream.txt
}

@test "columns in any order, CRLF, score alone, 9 columns of someone else's" {
    many 64 >many.tsv
    emo-metrics -q --json many.tsv >want
    awk 'BEGIN { FS = OFS = "\t"; ORS = "\r\n" } { print "x", $5, $4, "y\\ty", $1, $3, $2 }' many.tsv | emo-metrics -q --json | cmp - want
    awk 'BEGIN { FS = OFS = "\t" } { sub("p:b", "score"); print $1, $2, $3, $5 }' many.tsv >score.tsv
    emo-metrics -q --json score.tsv | cmp - want
}

@test "--positive, --threshold, --only" {
    many 200 >many.tsv
    emo-metrics -q --json many.tsv >b
    emo-metrics -q --json --positive a many.tsv >of_a
    [ "$(value positive <of_a)" = '"a"' ]
    # The other way round the same pairs are won.
    [ "$(grep -oE '"majority_verdict":"[a-z ]*","auc":[0-9.]*' of_a)" = "$(grep -oE '"majority_verdict":"[a-z ]*","auc":[0-9.]*' b)" ]
    emo-metrics -q --json --threshold 2 many.tsv >all_a
    grep -q '"confusion":\[\[[0-9]*,0\],\[[0-9]*,0\]\]' all_a
    grep -q '"predicted":0,"precision":null,"recall":0,"f1":0' all_a
    [[ $(emo-metrics -q --threshold 2 many.tsv) == *"predicted from 2 up."* ]]
    run -0 --separate-stderr emo-metrics -q --only test many.tsv
    [ -z "$output" ]
    [[ $stderr == *"no scores in the splits asked for"* ]]
    run -2 emo-metrics -q --positive c many.tsv
    [[ $output == *'no class is called "c"; there are "a" and "b"'* ]]
    run -2 emo-metrics -q --only dev many.tsv
    run -2 emo-metrics -q --threshold nan many.tsv
    run -2 emo-metrics -q --roc x --pr x many.tsv
    run -2 emo-metrics -q --roc - many.tsv
    [ ! -e x ]
}

@test "better and worse than the majority class, and chance, are told from noise" {
    awk 'BEGIN { OFS = "\t"; print "label", "score"
        for (i = 0; i < 200; i++) print i % 2 ? "b" : "a", i % 4 < 2 ? 0.75 : 0.25 }' >t
    [[ $(emo-metrics -q t) == *"0.500  a; accuracy is within noise of it (p 1)"*"not told from chance"* ]]
    awk 'BEGIN { OFS = "\t"; print "label", "score"
        for (i = 0; i < 200; i++) { b = i % 2; print b ? "b" : "a", b == (i % 10 != 0 && i % 10 != 1) ? 0.75 : 0.25 } }' >good
    [[ $(emo-metrics -q good) == *"accuracy is better (p "*"above chance, 0.5"* ]]
    awk 'BEGIN { OFS = "\t"; print "label", "score"
        for (i = 0; i < 200; i++) { b = i % 2; print b ? "b" : "a", b != (i % 10 != 0 && i % 10 != 1) ? 0.75 : 0.25 } }' >bad
    [[ $(emo-metrics -q bad) == *"accuracy is WORSE (p "*"BELOW chance, 0.5"* ]]
    [ "$(emo-metrics -q --json good | value majority_verdict)" = '"better"' ]
    [ "$(emo-metrics -q --json bad | value majority_verdict)" = '"worse"' ]
}

@test "three classes: one against the rest, the macro average" {
    tr ' ' '\t' >three.tsv <<'END'
label p:sad p:angry p:happy
angry 0.25 0.5 0.25
angry 0.5 0.25 0.25
happy 0.125 0.25 0.625
sad 0.75 0.125 0.125
sad 0.375 0.375 0.25
END
    make_scores three.tsv three.emo
    run -0 emo-metrics -q --roc roc --pr pr three.emo
    # Of the tie of angry and sad the first is taken.
    [[ $output == *"angry                 1      0      1"* ]]
    [[ $output == *"sad                   1      0      1"* ]]
    [[ $output == *"against rest    ROC AUC"* ]]
    [[ $output == *"mean ROC AUC"*"one class against the rest, plain mean"* ]]
    [ "$(cut -f3 roc | sort -u | tr '\n' ' ')" = "angry class happy sad " ]
    emo-metrics --json three.emo >json
    # angry: 4.5 of 6 pairs; happy: 4 of 4; sad: 5 of 6.
    grep -q '"class":"angry","support":2,"predicted":2,"precision":0.5,"recall":0.5,"f1":0.5,"auc":0.75' json
    grep -q '"positive":null,"threshold":null' json
    grep -q '"macro":{"precision":0.66666666666666[0-9]*,"recall":0.66666666666666[0-9]*,"f1":0.66666666666666[0-9]*,"auc":0.861111111111111' json
    run -2 emo-metrics --threshold 0.4 three.emo
    [[ $output == *"--threshold is for two classes, but there are 3"* ]]
    run -2 emo-metrics --positive sad three.emo
    # Without one of the classes there is no mean.
    grep -v ^happy three.tsv | emo-metrics -q | grep -q '^mean ROC AUC *NA  not every class occurs'
}

@test "the curves are scikit-learn's documented example" {
    tr ' ' '\t' >doc.tsv <<'END'
label split seen score
1 test 0 0.1
1 test 0 0.4
2 test 0 0.35
2 test 0 0.8
END
    emo-metrics -q --roc roc --pr pr -o report doc.tsv
    tr ' ' '\t' >want <<'END'
split seen class fpr tpr threshold
test 0 2 0 0 inf
test 0 2 0 0.5 0.8
test 0 2 0.5 0.5 0.4
test 0 2 0.5 1 0.35
test 0 2 1 1 0.1
END
    diff want roc
    tr ' ' '\t' >want <<'END'
split seen class recall precision threshold
test 0 2 1 0.5 0.1
test 0 2 1 0.6666666666666666 0.35
test 0 2 0.5 0.5 0.4
test 0 2 0.5 1 0.8
test 0 2 0 1 NA
END
    diff want pr
}

@test "no labels, one class, scores that are no numbers or no probabilities: said, not guessed" {
    eight | awk 'BEGIN { FS = OFS = "\t" } NR > 1 { $4 = "NA" } 1' >none.tsv
    [[ $(emo-metrics -q none.tsv) == *"No image has a label: there is nothing to compare the scores with."* ]]
    emo-metrics -q --json none.tsv | grep -q '"images":0,"unlabelled":3,.*"accuracy":null.*"auc":null'
    eight | awk 'NR == 1 || /Positive\tPositive/' | emo-metrics -q >one
    grep -q "All are of one class, Positive" one
    grep -q "^ROC AUC *NA  only one class occurs" one
    for word in nan -inf NA ""; do
        eight | awk -v w="$word" 'BEGIN { FS = OFS = "\t" } NR == 6 { $9 = w } 1' >nan.tsv
        emo-metrics -q --roc roc nan.tsv >nan
        grep -q "1 of 3 images have a score that is not a number: no figure can be given" nan
        [ "$(grep -c '^valid.0' roc)" -eq 0 ]
        emo-metrics -q --only valid --json nan.tsv | head -n 1 | grep -q '"not_finite":1,.*"confusion":null.*"accuracy":null'
        make_scores nan.tsv nan.emo
        emo-metrics -q nan.emo | grep -q "1 of 3 images have a score that is not a number"
    done
    many 64 | awk 'BEGIN { FS = OFS = "\t" } NR > 1 { $4 = -3 * $5; $5 = 5 * $5 - 2 } 1' >votes.tsv
    emo-metrics -q --threshold 0 votes.tsv >votes
    grep -q "The scores are not probabilities: no log loss, Brier score or calibration." votes
    grep -q "^ROC AUC *0.9" votes
    emo-metrics -q --json votes.tsv | grep -q '"probabilities":false.*"log_loss":null'
    run -0 --separate-stderr emo-metrics --json < <(many 0)
    [ -z "$output" ]
    [[ $stderr == *"no scores at all"* ]]
}

@test "a stream that is cut short, aborted or of another kind: status 3 and no report" {
    many 200 >many.tsv
    make_scores many.tsv many.emo
    size=$(wc -c <many.emo)
    for n in 1 63 64 "$((size / 2))" "$((size - 64))" "$((size - 1))"; do
        run -3 --separate-stderr emo-metrics < <(head -c "$n" many.emo)
        [ -z "$output" ]
        [ -n "$stderr" ]
    done
    head -c "$((size - 64))" many.emo >cut.emo
    echo old >roc
    echo old >report
    run -3 emo-metrics --json --roc roc --pr pr -o report cut.emo
    [[ $output == *"cut short"* ]]
    [ "$(cat roc report)" = "old
old" ]
    [ ! -e pr ]
    run -3 emo-metrics many.emo cut.emo
    make_stream --kind scores --aborted -o - >aborted.emo || true
    make_stream --kind scores --aborted | cat >aborted.emo
    run -3 --separate-stderr emo-metrics aborted.emo
    [ -z "$output" ]
    [[ $stderr == *"aborted as asked"* ]]
    make_stream -o images.emo
    run -3 emo-metrics images.emo
    [[ $output == *"a stream of kind images, but scores is needed"* ]]
    run -3 emo-metrics < <(make_stream --kind scores -c 1)
    [[ $output == *"metrics need 2 to"* ]]
    run -3 emo-metrics </dev/null
    [[ $output == *"empty"* ]]
    run -1 emo-metrics no-such-file
}

@test "what wrote the scores is killed: status 3 and no report, in plain sh" {
    many 3000 >many.tsv
    make_scores many.tsv many.emo
    cat >slow <<'END'
#!/bin/sh
head -c 200000 many.emo
kill -9 $$
END
    chmod +x slow
    run -3 --separate-stderr sh -c './slow | emo-metrics --json'
    [ -z "$output" ]
    [[ $stderr == *"cut short"* ]]
}

@test "tables that are none are refused, naming file and line" {
    refused() {
        run -3 --separate-stderr emo-metrics "$1"
        [ -z "$output" ]
        [[ $stderr == *"$2"* ]]
    }
    many 20 >many.tsv
    head -c 300 many.tsv >cut.tsv
    refused cut.tsv "cut.tsv: line 21: cut short here: its last line has no newline" || refused cut.tsv "has no newline"
    printf 'hello\n' >words.txt
    refused words.txt "its first line must name the columns label and p:CLASS... or score"
    sed '5s/\tvalid//' many.tsv >fields.tsv
    refused fields.tsv "fields.tsv: line 5: 4 fields, but the header has 5"
    sed '5s/^[ab]/c/' many.tsv >class.tsv
    refused class.tsv 'class.tsv: line 5: label "c" is none of the classes'
    sed '7s/valid/dev/' many.tsv >split.tsv
    refused split.tsv 'line 7: split "dev" is none of none, train, valid and test'
    sed '3s/\t0\t/\tyes\t/' many.tsv >seen.tsv
    refused seen.tsv 'line 3: seen "yes" is neither 0 nor 1'
    sed '4s/[0-9.]*$/0.5x/' many.tsv >number.tsv
    refused number.tsv 'line 4: score "0.5x" is not a number'
    sed '4s/valid/\\q/' many.tsv >escape.tsv
    refused escape.tsv 'line 4: a backslash that begins no escape'
    sed '1s/p:a/p:b/' many.tsv >twice.tsv
    refused twice.tsv 'class "b" has two columns'
    sed '1s/seen/split/' many.tsv >columns.tsv
    refused columns.tsv 'column "split" is there twice'
    sed '1s/p:a/p:NA/' many.tsv >na.tsv
    refused na.tsv "cannot be told from a missing label"
    cut -f1-4 many.tsv >alone.tsv
    refused alone.tsv "scores of 1 class; metrics need 2"
    printf 'label\tscore\na\t0.5\n' >one.tsv
    refused one.tsv "one class only among the labels"
    printf 'label\tscore\na\t0.5\nb\t0.5\nc\t0.5\n' >third.tsv
    refused third.tsv 'line 4: label "c" is a third class'
    printf 'label\tscore\na\t0.5\nb\t0.\0005\n' >nul.tsv
    refused nul.tsv "line 3: a NUL"
    head -c 2000000 /dev/zero | tr '\0' x >long.tsv
    refused long.tsv "longer than a mebibyte"
    run -3 emo-metrics many.tsv third.tsv
    [[ $output == *"its columns are not those of the table before it"* ]]
    sed '1s/p:a/p:0/; s/^a/0/' many.tsv >other.tsv
    run -3 emo-metrics many.tsv other.tsv
    [[ $output == *"its classes are not those of the table before it"* ]]
}

@test "class names with tabs, newlines, UTF-8, quotes and great length" {
    long=$(printf 'x%.0s' {1..100})
    printf 'label\tp:%s\tp:é\\t"\\n\n%s\t0.25\t0.75\né\\t"\\n\t0.5\t0.5\n' "$long" "$long" >odd.tsv
    run -0 --separate-stderr emo-metrics -q --roc roc odd.tsv
    fits <<<"$output"
    [[ $output == *'é\t"\n'* ]]
    grep -qF 'é\t"\n' roc
    [ "$(awk -F'\t' 'NF != 6' roc | wc -l)" -eq 0 ]
    emo-metrics -q --json odd.tsv | grep -qF '"positive":"é\u0009\"\u000a"'
}

@test "more classes than fit: the largest confusions" {
    awk 'BEGIN { OFS = "\t"; printf "label"; for (k = 0; k < 30; k++) printf "\tp:c%02d", k; print ""
        for (i = 0; i < 90; i++) { printf "c%02d", i % 30
            for (k = 0; k < 30; k++) printf "\t%s", k == (i % 30 < 5 ? 29 : i % 30) ? 1 : 0; print "" } }' >wide.tsv
    run -0 emo-metrics -q wide.tsv
    [[ $output == *"The largest confusions; --json has the whole matrix"* ]]
    [ "$(grep -cE ' c0[0-4]  c29 +3 +1.00$' <<<"$output")" -eq 5 ]
    fits <<<"$output"
}

@test "full disk, closed output, help" {
    many 20 >many.tsv
    run -1 emo-metrics -q many.tsv -o /dev/full
    run -1 --separate-stderr sh -c 'emo-metrics -q many.tsv >&-'
    run -0 sh -c 'emo-metrics -q many.tsv | true'
    run -0 emo-metrics -h
    [[ $output == *"--threshold P"* ]]
    run -2 emo-metrics --nonsense
    [[ $output == *"usage: emo-metrics [options] [file ...]"* ]]
}

@test "a model's own split is reported right; one drawn with another seed is called out as seen" {
    make_stream -n 64 -o images.emo
    emo-split -q -r 0.25 -o own.emo images.emo
    printf 'flatten\noutput\n' >tiny.net
    emo-train -q -n tiny.net -e 2 -b 8 -o m.model own.emo
    run -0 --separate-stderr emo-metrics < <(emo-predict -q m.model own.emo)
    [[ $output == *"train: "*" images: fit, not performance"* ]]
    [[ $output == *"valid: "*" images, not in the training set"* ]]
    [[ $output != *"were in the training set"* ]]
    [ -z "$stderr" ]
    trained=$(sed -n 's/^train: \([0-9]*\) images: fit.*/\1/p' <<<"$output")
    valid=$(sed -n 's/^valid: \([0-9]*\) images, not.*/\1/p' <<<"$output")
    [ "$trained" -gt 0 ]
    [ $((trained + valid)) -eq 64 ]
    emo-split -q -r 0.25 --seed 99 -o other.emo images.emo
    run -0 --separate-stderr emo-metrics < <(emo-predict -q m.model other.emo)
    [[ $output == *"valid: "*" of $valid images were in the training set: fit, not performance"* ]]
    [[ $stderr == *"valid: "*" of $valid images were in the training set; they are reported apart"* ]]
    # What both have in common is all that was not seen.
    seen=$(emo-predict -q m.model other.emo | emo-metrics -q --json | grep '"seen":true' | grep -oE '"images":[0-9]+,"unl' | grep -oE '[0-9]+' | awk '{ n += $1 } END { print n }')
    [ "$seen" -eq "$trained" ]
}

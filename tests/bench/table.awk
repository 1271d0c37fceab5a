# The bench's measurements as a table: awk -v form=tsv|markdown -f table.awk measurements.tsv
#
# A line of input is one measurement: row, unit, amount, limit, who, round, seconds, note. amount is
# what was done in these seconds, in the row's unit (of unit s, nothing); limit is the seconds that
# it must take at least, or NA. seconds is NA where nothing was measured, and note says why.
#
# A line of output is one row and one peer: medians, the least and the greatest in brackets. The
# ratio is the peer's seconds by ours of the same round, so more than 1 is faster.

BEGIN {
    FS = "\t"
    nobody = form == "tsv" ? "NA" : "–"
}

# Sorts the numbers list[1..n]; their median.
function median(list, n, i, k, x) {
    for (i = 2; i <= n; i++) {
        x = list[i]
        for (k = i - 1; k >= 1 && list[k] > x; k--)
            list[k + 1] = list[k]
        list[k + 1] = x
    }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# Three digits or more.
function number(x) {
    return sprintf(x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : "%.3f", x)
}

# What seconds are in the row's unit.
function value(row, seconds) {
    return unit[row] == "s" ? seconds : amount[row] / seconds
}

# Sets middle, least and greatest of one side of a row, or of the ratio of two; false if none.
function summarise(row, who, by, r, n, list) {
    n = 0
    for (r = 1; r <= rounds; r++) {
        if (!((row, who, r) in seconds) || (by != "" && !((row, by, r) in seconds)))
            continue
        if (by == "")
            list[++n] = value(row, seconds[row, who, r])
        else
            list[++n] = seconds[row, who, r] / seconds[row, by, r]
    }
    if (n == 0)
        return 0
    middle = number(median(list, n))
    least = number(list[1])
    greatest = number(list[n])
    return 1
}

function cell(suffix) {
    if (form == "tsv")
        return middle "\t" least "\t" greatest
    return middle suffix (rounds > 1 ? " (" least "–" greatest ")" : "")
}

function nothing() {
    return form == "tsv" ? "NA\tNA\tNA" : "–"
}

{
    if (!($1 in unit)) {
        order[++rows] = $1
        unit[$1] = $2
        amount[$1] = $3
        limit[$1] = $4
    }
    if (!(($1, $5) in known)) {
        known[$1, $5] = 1
        if ($5 != "emo")
            peers[$1] = peers[$1] (peers[$1] == "" ? "" : FS) $5
    }
    if ($7 != "NA")
        seconds[$1, $5, $6] = $7
    note[$1, $5] = $8
    if ($6 > rounds)
        rounds = $6
}

END {
    if (form == "tsv") {
        print "row\tunit\temo\temo_least\temo_greatest\tpeer\tpeer_value\tpeer_least\t" \
            "peer_greatest\tratio\tratio_least\tratio_greatest\tlimit\tof_limit\tnotes"
    } else {
        print "| | unit | emo | peer | its figure | ratio | limit | of limit | notes |"
        print "|---|---|---|---|---|---|---|---|---|"
    }
    for (i = 1; i <= rows; i++) {
        row = order[i]
        count = split(peers[row] == "" ? nobody : peers[row], peer, FS)
        for (p = 1; p <= count; p++)
            print line(row, peer[p])
    }
}

function line(row, peer, ours, theirs, ratio, least_time, part, bar, notes) {
    bar = form == "tsv" ? "\t" : " | "
    ours = summarise(row, "emo") ? cell() : nothing()
    theirs = summarise(row, peer) ? cell() : nothing()
    ratio = summarise(row, peer, "emo") ? cell(form == "tsv" ? "" : "×") : nothing()
    least_time = part = form == "tsv" ? "NA" : "–"
    if (limit[row] != "NA") {
        least_time = number(value(row, limit[row]))
        if (summarise(row, "emo"))
            part = reached(unit[row] == "s" ? least_time / middle : middle / least_time)
    }
    notes = note[row, "emo"]
    if (notes != "" && peer != nobody)
        notes = "emo " notes
    if (note[row, peer] != "")
        notes = notes (notes == "" ? "" : ", ") peer " " note[row, peer]
    if (form == "tsv")
        return row bar unit[row] bar ours bar peer bar theirs bar ratio bar least_time bar part \
            bar (notes == "" ? "NA" : notes)
    return "| " row bar unit[row] bar ours bar peer bar theirs bar ratio bar least_time bar part \
        bar notes " |"
}

function reached(part) {
    return form == "tsv" ? sprintf("%.3f", part) : sprintf("%.0f %%", 100 * part)
}

"""Compares emo-metrics with scikit-learn on random score sets with ties.

usage: sklearn_metrics.py EMO-METRICS DIRECTORY [SETS]

Every set goes through the program itself: a scores stream in float64 in, --json, --roc and --pr
out. The scores are computed by scikit-learn where it has them, and written out here where it has
not (DeLong, calibration error, Wilson) or where versions before 1.3 differ: the first threshold of
a ROC curve, which is inf since 1.3, and the multi-class Brier score, which is new in 1.7.
Prints the largest difference of each figure; exits 1 where one is over 1e-12.
"""
import collections
import json
import os
import subprocess
import sys
import warnings

import numpy as np
from sklearn import metrics

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emo_stream

TOLERANCE = 1e-12
Z = 1.959963984540054
worst = collections.defaultdict(float)


def differ(name, got, want):
    got = np.asarray(np.nan if got is None else got, float)
    want = np.asarray(np.nan if want is None else want, float)
    if got.shape != want.shape or not np.array_equal(np.isnan(got), np.isnan(want)):
        worst[name] = np.inf
        return
    with np.errstate(invalid="ignore"):
        off = np.where((got == want) | np.isnan(want), 0, np.abs(got - want))
    worst[name] = max(worst[name], float(off.max(initial=0)))


def draw(rng, number):
    """Labels and probabilities: ties by rounding, from useless to perfect, even or lopsided."""
    classes = 2 if number % 4 else int(rng.integers(3, 8))
    n = int(rng.choice([8, 30, 200, 1000]))
    weights = rng.dirichlet(np.full(classes, rng.choice([0.5, 3, 50])))
    y = rng.choice(classes, n, p=weights)
    y[:classes] = np.arange(classes)
    strength, digits = rng.choice([0, 0.5, 2, 30]), int(rng.choice([1, 2, 17]))
    raw = rng.normal(size=(n, classes)) + strength * (np.arange(classes) == y[:, None])
    p = np.exp(raw - raw.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    if digits < 17:
        p = np.round(p, digits)
    if classes == 2:
        p[:, 0] = 1 - p[:, 1]
    elif digits < 17:
        p[:, -1] = np.maximum(0, 1 - p[:, :-1].sum(axis=1))
        p /= p.sum(axis=1, keepdims=True)
    return y, p


def delong(y, s):
    """By the definition: every positive against every negative."""
    pos, neg = s[y], s[~y]
    wins = (pos[:, None] > neg) + 0.5 * (pos[:, None] == neg)
    auc = wins.mean()
    if len(pos) < 2 or len(neg) < 2 or auc in (0, 1):
        return np.nan, np.nan
    variance = wins.mean(1).var(ddof=1) / len(pos) + wins.mean(0).var(ddof=1) / len(neg)
    if not variance > 0:
        return np.nan, np.nan
    centre, half = np.log(auc / (1 - auc)), Z * np.sqrt(variance) / (auc * (1 - auc))
    return tuple(1 / (1 + np.exp(-(centre + sign * half))) for sign in (-1, 1))


def wilson(k, n):
    p = k / n
    half = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    centre = p + Z**2 / (2 * n)
    return (centre - half) / (1 + Z**2 / n), (centre + half) / (1 + Z**2 / n)


def calibration_error(p, hit):
    bins = np.minimum(14, np.floor(15 * p))
    return sum((bins == b).mean() * abs(p[bins == b].mean() - hit[bins == b].mean())
               for b in np.unique(bins))


def compare_counts(got, y, predicted, classes):
    labels = list(range(classes))
    want = metrics.confusion_matrix(y, predicted, labels=labels)
    differ("confusion", got["confusion"], want)
    differ("confusion normalised", got["confusion_normalised"],
           metrics.confusion_matrix(y, predicted, labels=labels, normalize="true"))
    figures = metrics.precision_recall_fscore_support(y, predicted, labels=labels,
                                                      zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), figures):
        mine = [c[name] for c in got["per_class"]]
        if name == "precision":  # of a class never predicted: null here, 0 with a warning there
            never = [c["predicted"] == 0 for c in got["per_class"]]
            differ("precision undefined", [float(m is None) for m in mine], np.float64(never))
            mine = [0 if m is None else m for m in mine]
        differ(name, mine, values)
    for average in ("macro", "weighted"):
        figures = metrics.precision_recall_fscore_support(y, predicted, average=average,
                                                          zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), figures):
            differ(average + " " + name, got[average][name], value)
    differ("accuracy", got["accuracy"], metrics.accuracy_score(y, predicted))
    differ("accuracy interval", [got["accuracy_low"], got["accuracy_high"]],
           wilson((y == predicted).sum(), len(y)))
    differ("majority accuracy", got["majority_accuracy"], np.bincount(y).max() / len(y))


def compare_curves(roc, pr, name, y, s):
    fpr, tpr, threshold = metrics.roc_curve(y, s, drop_intermediate=True)
    threshold[0] = np.inf
    differ("ROC curve", roc[name], np.stack([fpr, tpr, threshold], 1))
    precision, recall, threshold = metrics.precision_recall_curve(y, s)
    differ("PR curve", pr[name], np.stack([recall, precision, np.append(threshold, np.nan)], 1))


def compare_ranks(got, name, y, s):
    differ(name + " AUC", got["auc"], metrics.roc_auc_score(y, s))
    differ(name + " average precision", got["average_precision"],
           metrics.average_precision_score(y, s))
    differ(name + " DeLong", [got["auc_low"], got["auc_high"]], delong(y, s))


def compare(got, roc, pr, y, p, names):
    classes = len(names)
    one_hot = y[:, None] == np.arange(classes)
    predicted = (p[:, 1] >= 0.5).astype(int) if classes == 2 else p.argmax(axis=1)
    compare_counts(got, y, predicted, classes)
    differ("log loss", got["log_loss"], metrics.log_loss(y, p, labels=list(range(classes))))
    for k in range(classes):
        score = p[:, k] if classes > 2 else (p[:, 1] if k == 1 else -p[:, 1])
        compare_ranks(got["per_class"][k], "class", one_hot[:, k], score)
        if classes > 2 or k == 1:
            compare_curves(roc, pr, names[k], one_hot[:, k], score)
    if classes == 2:
        compare_ranks(got, "positive", one_hot[:, 1], p[:, 1])
        differ("Brier", got["brier"], metrics.brier_score_loss(y, p[:, 1]))
        differ("calibration", got["calibration_error"], calibration_error(p[:, 1], y == 1))
        return
    for average in ("macro", "weighted"):
        differ("multi-class AUC", got[average]["auc"],
               metrics.roc_auc_score(y, p, multi_class="ovr", average=average))
        differ("multi-class average precision", got[average]["average_precision"],
               metrics.average_precision_score(one_hot, p, average=average))
    differ("multi-class Brier", got["brier"], ((p - one_hot) ** 2).sum(axis=1).mean())
    differ("multi-class calibration", got["calibration_error"],
           calibration_error(p.max(axis=1), predicted == y))


def read_curves(path):
    curves = collections.defaultdict(list)
    with open(path) as f:
        next(f)
        for line in f:
            split, seen, name, *numbers = line.rstrip("\n").split("\t")
            assert split == "valid" and seen == "0"
            curves[name].append([float("nan" if x == "NA" else x) for x in numbers])
    return curves


def main():
    program, directory, sets = sys.argv[1], sys.argv[2], int((sys.argv + ["200"])[3])
    paths = {n: os.path.join(directory, n) for n in ("scores.emo", "roc.tsv", "pr.tsv")}
    rng = np.random.default_rng(21)
    warnings.filterwarnings("ignore", message=".*y_pred values do not sum to one.*")
    for number in range(sets):
        y, p = draw(rng, number)
        names = ["class %d" % k for k in range(p.shape[1])]
        emo_stream.write(paths["scores.emo"], emo_stream.KIND["scores"], (
            {"label": int(label), "split": 2, "meta": {"seen": 0}, "data": row}
            for label, row in zip(y, p)), classes=names)
        out = subprocess.run([program, "--json", "--roc", paths["roc.tsv"], "--pr",
                              paths["pr.tsv"], paths["scores.emo"]], check=True,
                             stdout=subprocess.PIPE).stdout
        compare(json.loads(out), read_curves(paths["roc.tsv"]), read_curves(paths["pr.tsv"]), y,
                p, names)
    for name in sorted(worst):
        print("%-32s %.2g" % (name, worst[name]))
    print("%d sets, largest difference %.2g" % (sets, max(worst.values())))
    return max(worst.values()) > TOLERANCE


if __name__ == "__main__":
    sys.exit(main())

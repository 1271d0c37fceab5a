"""Prints cases.inc: scores with ties, and what scikit-learn makes of them.

usage: python3 generate.py >cases.inc          (made with scikit-learn 1.2.1)

The first threshold of a ROC curve is inf, as since scikit-learn 1.3.
"""
import textwrap

import numpy as np
from sklearn import metrics


def array(kind, values):
    items = ["%.17g" % v if kind == "double" else "%d" % v for v in np.ravel(values)]
    items = ["INFINITY" if i == "inf" else "NAN" if i == "nan" else i for i in items]
    body = textwrap.fill(", ".join(items), 92, initial_indent="        ",
                         subsequent_indent="        ", break_long_words=False)
    return "(const %s[]){\n%s}" % (kind, body)


def case(name, y, p):
    classes = p.shape[1]
    two = classes == 2
    labels = list(range(classes))
    one_hot = y[:, None] == np.arange(classes)
    predicted = (p[:, 1] >= 0.5).astype(int) if two else p.argmax(axis=1)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        y, predicted, labels=labels, zero_division=0)
    per_class = []
    for k in range(classes):
        s = -p[:, 1] if two and k == 0 else p[:, k]
        per_class += [precision[k], recall[k], f1[k], metrics.roc_auc_score(one_hot[:, k], s),
                      metrics.average_precision_score(one_hot[:, k], s)]
    averages = [metrics.precision_recall_fscore_support(y, predicted, average=a,
                                                        zero_division=0)[:3]
                for a in ("macro", "weighted")]
    brier = metrics.brier_score_loss(y, p[:, 1]) if two else ((p - one_hot) ** 2).sum(1).mean()
    fpr, tpr, threshold = metrics.roc_curve(one_hot[:, 1], p[:, 1])
    threshold[0] = np.inf
    pr_precision, pr_recall, pr_threshold = metrics.precision_recall_curve(one_hot[:, 1], p[:, 1])
    print('    {\n        .name = "%s", .count = %d, .classes = %d,' % (name, len(y), classes))
    print("        .labels = %s," % array("int16_t", y))
    print("        .p = %s," % array("double", p))
    print("        .confusion = %s," % array(
        "uint64_t", metrics.confusion_matrix(y, predicted, labels=labels)))
    print("        .per_class = %s," % array("double", per_class))
    print("        .averages = %s," % array("double", averages))
    print("        .totals = %s," % array("double", [
        metrics.accuracy_score(y, predicted), metrics.log_loss(y, p, labels=labels), brier]))
    print("        .roc_count = %d," % len(fpr))
    print("        .roc = %s," % array("double", np.stack([fpr, tpr, threshold], 1)))
    print("        .pr_count = %d," % len(pr_recall))
    print("        .pr = %s,\n    }," % array(
        "double", np.stack([pr_recall, pr_precision, np.append(pr_threshold, np.nan)], 1)))


def draw(rng, n, classes, strength, digits):
    y = rng.integers(0, classes, n)
    y[:classes] = np.arange(classes)
    raw = rng.normal(size=(n, classes)) + strength * (np.arange(classes) == y[:, None])
    p = np.exp(raw)
    p = np.round(p / p.sum(axis=1, keepdims=True), digits)
    p[:, 0] = 1 - p[:, 1:].sum(axis=1)
    if (p < 0).any():
        p = np.maximum(p, 0)
        p /= p.sum(axis=1, keepdims=True)
    return y, p


def main():
    rng = np.random.default_rng(7)
    print("/* Made by generate.py. */")
    case("two classes", *draw(rng, 20, 2, 1, 17))
    case("two classes, many ties", *draw(rng, 40, 2, 1, 1))
    case("two classes, useless", *draw(rng, 25, 2, 0, 2))
    case("two classes, perfect", *draw(rng, 12, 2, 60, 17))
    case("all scores equal", np.array([0, 1, 1, 0, 1]), np.full((5, 2), 0.5))
    case("one positive", np.array([0, 0, 0, 0, 1]),
         np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [1, 0], [0.6, 0.4]]))
    case("three classes", *draw(rng, 24, 3, 1, 17))
    case("four classes, many ties", *draw(rng, 30, 4, 1, 1))


main()

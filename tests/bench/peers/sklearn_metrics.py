"""What emo-metrics reports of two classes, by scikit-learn; prints the seconds it took.

usage: sklearn_metrics.py SCORES.npz

The scores lie in memory. scikit-learn has no interval of the AUC, which emo-metrics adds.
"""
import sys
import time

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve


def main():
    with np.load(sys.argv[1]) as arrays:
        labels, p = arrays["labels"], arrays["scores"].reshape(len(arrays["labels"]), -1)[:, -1]
    p = p.astype(np.float64)
    start = time.perf_counter()
    predicted = p >= 0.5
    metrics.confusion_matrix(labels, predicted)
    metrics.classification_report(labels, predicted)
    metrics.roc_curve(labels, p)
    metrics.roc_auc_score(labels, p)
    metrics.average_precision_score(labels, p)
    metrics.log_loss(labels, p)
    metrics.brier_score_loss(labels, p)
    calibration_curve(labels, p, n_bins=15)
    print(f"{time.perf_counter() - start:.6f}")


main()

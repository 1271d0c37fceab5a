"""The whole job in PyTorch, as its users would write it: from the archive to metrics.

usage: torch_job.py ARCHIVE.zip NET.txt HxW EPOCHS fp32|bf16 THREADS

Pillow decodes and resizes, each class is split 4:1, OpenCV warps every training image afresh each
epoch in a process beside, PyTorch trains with batches of 32 and scores the validation images after
each epoch, scikit-learn makes the metrics. Prints the seconds it took, from the archive's opening
on, and the validation AUC; what it learns goes to standard error.
"""
import io
import random
import sys
import time
import zipfile

import cv2
import numpy as np
import torch
from PIL import Image
from sklearn import metrics
from torch.utils.data import DataLoader, Dataset

from opencv_warp import warp
from torch_net import network, precision, step

BATCH = 32


def read_archive(path, height, width):
    """(image, class) of all that can be decoded; classes are the folders."""
    found = {}
    with zipfile.ZipFile(path) as z:
        for info in z.infolist():
            folders = info.filename.split("/")
            if info.is_dir() or len(folders) < 2:
                continue
            try:
                with Image.open(io.BytesIO(z.read(info))) as image:
                    image.draft("RGB", (width, height))
                    pixels = image.convert("RGB").resize((width, height), Image.BILINEAR)
            except OSError as e:
                print(f"skipped {info.filename}: {e}", file=sys.stderr)
                continue
            found.setdefault(folders[-2], []).append(np.asarray(pixels))
    return [[(image, index) for image in found[name]] for index, name in enumerate(sorted(found))]


def split(classes):
    train, valid = [], []
    for images in classes:
        random.shuffle(images)
        cut = len(images) // 5
        valid += images[:cut]
        train += images[cut:]
    return train, valid


class Images(Dataset):
    def __init__(self, items, augment):
        self.items, self.augment = items, augment
        self.random = None

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        image, label = self.items[i]
        if self.augment:
            image = warp(image, self.random)
        return torch.from_numpy(image.copy()).permute(2, 0, 1).float().div_(255), float(label)


def batches(dataset):
    loader = DataLoader(dataset, BATCH, shuffle=dataset.augment, num_workers=1)
    for x, y in loader:
        yield x.contiguous(memory_format=torch.channels_last), y.float()


def score(model, dataset, dtype):
    model.eval()
    logits, labels = [], []
    with torch.no_grad(), precision(dtype):
        for x, y in batches(dataset):
            logits.append(model(x).squeeze(1).float())
            labels.append(y)
    return torch.sigmoid(torch.cat(logits)).numpy(), torch.cat(labels).numpy()


def main():
    archive, net, size, epochs, dtype, threads = sys.argv[1:]
    height, width = map(int, size.split("x"))
    torch.set_num_threads(int(threads))
    cv2.setNumThreads(1)
    torch.manual_seed(21)
    random.seed(21)

    start = time.perf_counter()
    train, valid = (Images(items, augment) for items, augment in
                    zip(split(read_archive(archive, height, width)), (True, False)))
    model = network(net, height, width)
    optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
    for epoch in range(1, int(epochs) + 1):
        # The process that warps is forked for each epoch, and would draw the same again.
        train.random = np.random.default_rng((21, epoch))
        model.train()
        total = right = 0
        for x, y in batches(train):
            loss, logits = step(model, optimizer, x, y, dtype)
            total += loss * len(y)
            right += ((logits > 0) == (y > 0.5)).sum().item()
        p, y = score(model, valid, dtype)
        print(f"epoch {epoch}: loss {total / len(train):.4f}, accuracy {right / len(train):.4f},"
              f" validation loss {metrics.log_loss(y, p.astype(float)):.4f},"
              f" AUC {metrics.roc_auc_score(y, p):.4f}", file=sys.stderr)
    p, y = score(model, valid, dtype)
    print(metrics.confusion_matrix(y, p >= 0.5), file=sys.stderr)
    print(metrics.classification_report(y, p >= 0.5, zero_division=0), file=sys.stderr)
    metrics.roc_curve(y, p)
    auc = metrics.roc_auc_score(y, p)
    print(f"{time.perf_counter() - start:.6f}\tAUC {auc:.3f}")


main()

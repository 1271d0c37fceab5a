"""Trains on, or scores, images that lie in memory, with PyTorch; prints the seconds it took.

usage: torch_steps.py train|predict NET.txt IMAGES.npy IMAGES fp32|bf16 THREADS

Neither the start of Python nor the first batch counts.
"""
import sys
import time

import numpy as np
import torch

from torch_net import network, precision, step

BATCH = 32


def batches(images):
    for i in range(0, len(images), BATCH):
        # From uint8 HWC: the permuted view is channels-last already.
        yield torch.from_numpy(images[i : i + BATCH]).permute(0, 3, 1, 2).float().div_(255)


def main():
    what, net, path, count, dtype, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(21)
    images = np.load(path, mmap_mode="r")[: int(count)].copy()
    model = network(net, *images.shape[1:3])
    if what == "train":
        optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)

        def run(x):
            step(model, optimizer, x, (torch.arange(len(x)) % 2).float(), dtype)
    else:
        model.eval()

        @torch.no_grad()
        def run(x):
            with precision(dtype):
                model(x)

    run(next(batches(images)))
    start = time.perf_counter()
    for x in batches(images):
        run(x)
    print(f"{time.perf_counter() - start:.6f}")


main()

"""Warps images as Keras's ImageDataGenerator does, in doubles through scipy, with emo's draws.

usage: scipy_warp.py IN.emo OUT.emo SEED     prints the greatest and the mean difference in levels
OUT.emo: what emo-augment made of IN.emo with its default ranges and this seed.
"""
import sys

import numpy as np
from scipy.ndimage import affine_transform

from emo_stream import read

WARP = 4  # the purpose, lib/base/philox.h


def philox(seed, record, epoch, purpose, block):
    mask = 0xFFFFFFFF
    k = [seed & mask, seed >> 32]
    c = [record & mask, record >> 32, epoch << 16 | purpose, block]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & mask, a >> 32 ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return [(x >> 8) / 2**24 for x in c]


def warp(image, seed, number, epoch):
    def spread(u, limit):
        return (2 * u - 1) * limit

    a, b = (philox(seed, number, epoch, WARP, block) for block in (0, 1))
    h, w = image.shape[:2]
    theta, shear = np.deg2rad(spread(a[0], 40)), np.deg2rad(spread(a[3], 11.459))
    ty, tx = spread(a[1], 0.2) * h, spread(a[2], 0.2) * w
    zy, zx = 1 + spread(b[0], 0.2), 1 + spread(b[1], 0.2)
    c, s = np.cos(theta), np.sin(theta)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    shift = np.array([[1, 0, ty], [0, 1, tx], [0, 0, 1]])
    sheared = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([zy, zx, 1])
    to = np.array([[1, 0, (h - 1) / 2], [0, 1, (w - 1) / 2], [0, 0, 1]])
    back = np.array([[1, 0, -(h - 1) / 2], [0, 1, -(w - 1) / 2], [0, 0, 1]])
    m = to @ rotation @ shift @ sheared @ zoom @ back
    out = np.stack([affine_transform(image[..., k].astype(float), m[:2, :2], m[:2, 2], order=1,
                                     mode="nearest") for k in range(image.shape[2])], axis=-1)
    return out[:, ::-1] if b[2] < 0.5 else out


def main():
    source = {r["id"]: r["data"] for r in read(sys.argv[1])[1]}
    worst, total, count = 0.0, 0.0, 0
    for r in read(sys.argv[2])[1]:
        expected = warp(source[r["id"]], int(sys.argv[3]), r["id"], r["epoch"])
        difference = np.abs(expected - r["data"])
        worst = max(worst, difference.max())
        total += difference.sum()
        count += difference.size
    print(f"{worst:.3f} {total / count:.4f} {count}")


main()

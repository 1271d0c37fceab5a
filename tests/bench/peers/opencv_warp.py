"""Warps images as emo-augment does, with OpenCV in one thread; prints the seconds it took.

usage: opencv_warp.py IMAGES.npy IMAGES

The images lie in memory, and the first is warped before the clock starts.
"""
import math
import sys
import time

import cv2
import numpy as np


def warp(image, random):
    """A copy, turned, moved, sheared and zoomed about its centre, and half of the time flipped."""
    height, width = image.shape[:2]

    def draw(limit):
        return random.uniform(-limit, limit)

    turn, shear = math.radians(draw(40)), draw(0.2)
    m = np.array([[math.cos(turn), -math.sin(turn), draw(0.2) * width],
                  [math.sin(turn), math.cos(turn), draw(0.2) * height], [0, 0, 1]])
    m = m @ [[1, -math.sin(shear), 0], [0, math.cos(shear), 0], [0, 0, 1]]
    m = m @ np.diag([1 + draw(0.2), 1 + draw(0.2), 1])
    centre = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]])
    m = centre @ m @ np.linalg.inv(centre)
    warped = cv2.warpAffine(image, m[:2], (width, height),
                            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                            borderMode=cv2.BORDER_REPLICATE)
    return cv2.flip(warped, 1) if random.random() < 0.5 else warped


def main():
    path, count = sys.argv[1:]
    cv2.setNumThreads(1)
    random = np.random.default_rng(21)
    images = np.load(path, mmap_mode="r")[: int(count)].copy()
    warp(images[0], random)
    start = time.perf_counter()
    for image in images:
        warp(image, random)
    print(f"{time.perf_counter() - start:.6f}")


if __name__ == "__main__":
    main()

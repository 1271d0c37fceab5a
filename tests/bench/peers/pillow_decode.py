"""Unpacks, decodes and resizes the pictures of a zip with Pillow; prints the seconds it took.

usage: pillow_decode.py ARCHIVE.zip HxW THREADS

Pillow lets go of Python's lock while it decodes and resizes, so threads share the work.
"""
import io
import sys
import time
import zipfile
from multiprocessing.pool import ThreadPool

import numpy as np
from PIL import Image


def main():
    path, size, threads = sys.argv[1:]
    height, width = map(int, size.split("x"))
    start = time.perf_counter()
    with zipfile.ZipFile(path) as z, ThreadPool(int(threads)) as pool:

        def decode(info):
            try:
                with Image.open(io.BytesIO(z.read(info))) as image:
                    image.draft("RGB", (width, height))
                    pixels = image.convert("RGB").resize((width, height), Image.BILINEAR)
                    return np.asarray(pixels).size
            except OSError:
                return 0

        pictures = [info for info in z.infolist() if not info.is_dir()]
        total = sum(pool.imap_unordered(decode, pictures, chunksize=8))
    assert total > 0
    print(f"{time.perf_counter() - start:.6f}")


main()

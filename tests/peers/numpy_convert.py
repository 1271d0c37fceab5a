"""emo-convert beside NumPy.

usage: numpy_convert.py check STREAM.emo ARRAYS.npz     what NumPy reads is what the stream holds
       numpy_convert.py odd STREAM.emo                  makes a stream with whatever names can hold
       numpy_convert.py same A.emo B.emo                the same records and classes
       numpy_convert.py make FOLDER                     array files as people save them
"""
import sys

import numpy as np

from emo_stream import KIND, SPLITS, read, unescape, write


def text(value):
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def check(stream, arrays):
    head, records = read(stream)
    with np.load(arrays) as d:
        data = d["images"] if "images" in d else d["scores"]
        assert [text(c) for c in d["classes"]] == head["classes"]
        assert len(data) == len(records) == len(d["labels"]) > 0
        assert d["labels"].dtype == np.int64 and data.dtype == records[0]["data"].dtype
        for i, r in enumerate(records):
            assert np.array_equal(data[i], r["data"])
            assert d["labels"][i] == r["label"] and d["ids"][i] == r["id"]
            assert d["splits"][i] == SPLITS[r["split"]] and d["epochs"][i] == r["epoch"]
            assert text(d["names"][i]) == r["meta"]["name"]
            assert d["origins"][i] == r["meta"]["origin"]
        lines = [text(line).encode("utf-8", "surrogateescape") for line in d["head"]]
        kept = [line for line in head["lines"] if not line.startswith(b"@CLASS")]
        assert lines[:-1] == kept and lines[-1].startswith(b"@PG\temo-convert\t")
        assert unescape(lines[-1].split(b"\t")[3]) == "--to npz"


def odd(stream):
    names = ["a\tb\n", "\udcff\udc80", "\U0001f600\u00e4", "", "x" * 3000, "zero\0within"]
    records = [{"data": np.full((2, 3, 3), i, np.uint8), "order": 1, "label": i % 3 - 1,
                "id": 2**63 + i, "epoch": 65535 - i, "split": i % 4, "meta": {"name": name}}
               for i, name in enumerate(names)]
    records[1]["meta"].update(level=0.1, count=-(2**63))
    records[2]["meta"].update(level=float("inf"), note="n\u00f6te")
    records[3]["meta"].update({"raw": b"\0\1", "many": [1.0, 2.0], "a/b": 3, "level": 4})
    del records[4]["meta"]["name"]
    classes = ["caf\udce9", "c\u00f6l"]
    lines = [b"@KEY\tinput\t2x3x3", b"@XX\tcaf\xe9 \\x01", b"@PG\tx\t1\t--a \xc3\xa4\t21"]
    write(stream, KIND["images"], records, classes, lines)


def same(a, b):
    head, records = read(a)
    other_head, others = read(b)
    assert head == other_head and len(records) == len(others)
    for r, o in zip(records, others):
        lost = {"raw", "many", "a/b"} & set(r["meta"])
        if "a/b" in lost:
            lost.add("level")  # there of another type than elsewhere
        want = {k: v for k, v in r["meta"].items() if k not in lost}
        assert o["meta"] == want, (o["meta"], want)
        assert np.array_equal(r["data"], o["data"]) and r["data"].dtype == o["data"].dtype
        assert all(r[k] == o[k] for k in ("id", "label", "split", "epoch", "order"))


def make(folder):
    rng = np.random.default_rng(21)
    x = rng.integers(0, 256, (7, 5, 6, 3), dtype=np.uint8)
    y = np.array([0, 1, 2, -1, 2, 1, 0])
    names = ["sad", "happy", "\u00c4rger"]  # not in the order of their bytes
    np.savez(folder + "/plain.npz", images=x, labels=y, classes=names)
    np.savez_compressed(folder + "/compressed.npz", images=x, labels=y, classes=names)
    np.savez(folder + "/small.npz", images=x, labels=y.astype("int8"),
             classes=np.array([n.encode() for n in names]))
    with open(folder + "/two.npy", "wb") as f:
        np.lib.format.write_array(f, x, version=(2, 0))
    for i in range(12):
        np.savez(f"{folder}/wrong{i}.npz", **[
            {"images": x / 255.0}, {"images": x.transpose(0, 3, 1, 2)},
            {"images": np.asfortranarray(x)}, {"images": x, "labels": y[1:]},
            {"images": x, "labels": y + 1, "classes": names},
            {"images": x, "labels": y.astype("float32")}, {"images": x, "labels": y, "more": y},
            {"images": x, "names": np.array(["a"] * 7, dtype=object)},
            {"images": x, "labels": y, "classes": ["a", "a", "b"]}, {"labels": y},
            {"images": x, "splits": ["training"] * 7}, {"images": x, "ids": -y}][i])
    sorted_label = {0: 1, 1: 0, 2: 2, -1: -1}
    made = [{"data": x[i], "order": 1, "label": sorted_label[k]} for i, k in enumerate(y)]
    write(folder + "/want.emo", KIND["images"], made, ["happy", "sad", "\u00c4rger"],
          [b"@KEY\tinput\t5x6x3"])


if __name__ == "__main__":
    {"check": check, "odd": odd, "same": same, "make": make}[sys.argv[1]](*sys.argv[2:])

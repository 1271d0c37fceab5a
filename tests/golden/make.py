#!/usr/bin/env python3
"""Makes the golden files from emo-stream(5) alone, sharing no code with lib/stream.

NAME.hex is a stream, field by field; NAME.txt is what a reader must find in it.
usage: make.py [--check]    (--check: compare with the files that are there)
"""
import os
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGES, MODEL, SCORES, CHECKPOINT = 1, 2, 3, 4
NONE, TRAIN, VALID, TEST = 0, 1, 2, 3
DTYPE = {"u8": (1, "B"), "i32": (2, "i"), "i64": (3, "q"), "u64": (4, "Q"), "bf16": (5, "H"),
         "f32": (6, "f"), "f64": (7, "d")}
HWC, HWIO, IO = 1, 2, 3


def escape(b):
    out = ""
    for c in b:
        short = {92: "\\\\", 9: "\\t", 10: "\\n", 13: "\\r"}.get(c)
        out += short or ("\\x%02X" % c if c < 32 or c == 127 else chr(c))
    return out.encode("latin-1")


class Stream:
    """The bytes of one file: frames as lists of (name, bytes), and the text a reader prints."""

    def __init__(self):
        self.frames, self.found = [], []

    def frame(self, title, fields, bodies):
        """fields without CRC of the header, which is put in here; returns that CRC."""
        header = b"".join(v for _, v in fields)
        assert len(header) == 64
        crc = zlib.crc32(header[:20] + b"\0\0\0\0" + header[24:])
        fields = [(n, struct.pack("<I", crc) if n == "header_crc" else v) for n, v in fields]
        for name, body in bodies:
            if body:
                fields.append((name, body))
                if len(body) % 64:
                    fields.append(("padding", bytes(64 - len(body) % 64)))
        self.frames.append((title, fields))
        return crc

    def size(self):
        return sum(len(v) for _, fields in self.frames for _, v in fields)

    def head(self, kind, classes=(), lines=(), expected=2**64 - 1, shard=0, shards=1, may=0,
             minor=0, listed=True):
        text = b"".join(b"@CLASS\t%d\t%s\n" % (i, escape(c)) for i, c in enumerate(classes))
        text += b"".join(line + b"\n" for line in lines)
        self.start, self.running, self.count = self.size(), 0, 0
        self.head_crc = self.frame("HEAD", [
            ("magic", b"\x89EMO\r\n\x1a\n"),
            ("frame_length", struct.pack("<Q", 64 + (len(text) + 63) // 64 * 64)),
            ("text_length", struct.pack("<I", len(text))), ("header_crc", bytes(4)),
            ("text_crc", struct.pack("<I", zlib.crc32(text))),
            ("major", struct.pack("<H", 1)), ("minor", struct.pack("<H", minor)),
            ("records_expected", struct.pack("<Q", expected)),
            ("shard", struct.pack("<I", shard)), ("shards", struct.pack("<I", shards)),
            ("must", bytes(2)), ("may", struct.pack("<H", may)),
            ("kind", struct.pack("<H", kind)), ("zero", bytes(2)), ("zero", bytes(8)),
        ], [("text", text)])
        if listed:
            self.found.append(b"head kind %d may %d expected %d" % (kind, may, expected))
            self.found += [b"class %d %s" % (i, escape(c)) for i, c in enumerate(classes)]
            self.found += [b"line " + line for line in lines]

    def record(self, id, dtype, dims, values, order=0, label=-1, split=NONE, epoch=0, may=0,
               metadata=(), raised=0):
        code, letter = DTYPE[dtype]
        payload = struct.pack("<%d%s" % (len(values), letter), *values)
        count = 1
        for d in dims:
            count *= d
        assert count == len(values)
        packed = b""
        for type_, key, value in sorted(metadata, key=lambda e: e[1]):
            packed += struct.pack("<BBHI", type_, len(key), 0, len(value)) + key + value
        pad = [(len(b) + 63) // 64 * 64 for b in (packed, payload)]
        crc = self.frame("RECORD", [
            ("tag", b"EMOR"), ("must", bytes(2)), ("may", struct.pack("<H", may)),
            ("frame_length", struct.pack("<Q", 64 + sum(pad))),
            ("metadata_length", struct.pack("<I", len(packed))), ("header_crc", bytes(4)),
            ("metadata_crc", struct.pack("<I", zlib.crc32(packed))),
            ("data_crc", struct.pack("<I", zlib.crc32(payload))),
            ("id", struct.pack("<Q", id)), ("label", struct.pack("<h", label)),
            ("split", bytes([split])), ("dtype", bytes([code])), ("rank", bytes([len(dims)])),
            ("order", bytes([order])), ("epoch", struct.pack("<H", epoch)),
            ("dim", struct.pack("<4I", *(list(dims) + [0] * (4 - len(dims))))),
        ], [("metadata", packed), ("payload", payload)])
        self.running = zlib.crc32(struct.pack("<I", crc), self.running)
        self.count += 1
        self.found.append(b"record id %d label %d split %d dtype %d order %d epoch %d may %d dims %s"
                          % (id + raised, label, split, code, order, epoch, may,
                             b"x".join(b"%d" % d for d in dims) or b"scalar"))
        for type_, key, value in sorted(metadata, key=lambda e: e[1]):
            self.found.append(b"meta %d %s %s" % (type_, escape(key), value.hex().encode()))
        self.found.append(b"data " + payload.hex().encode())

    def end(self, reason=None, may=0):
        text = reason or b""
        length = 64 + (len(text) + 63) // 64 * 64
        self.frame("END", [
            ("tag", b"EMOE"), ("must", bytes(2)), ("may", struct.pack("<H", may)),
            ("frame_length", struct.pack("<Q", length)),
            ("text_length", struct.pack("<I", len(text))), ("header_crc", bytes(4)),
            ("text_crc", struct.pack("<I", zlib.crc32(text))),
            ("head_crc", struct.pack("<I", self.head_crc)),
            ("record_count", struct.pack("<Q", self.count)),
            ("segment_length", struct.pack("<Q", self.size() - self.start + length)),
            ("running_crc", struct.pack("<I", self.running)),
            ("status", struct.pack("<I", reason is not None)), ("zero", bytes(8)),
        ], [("text", text)])
        if reason is not None:
            self.found.append(b"aborted " + escape(reason))

    def hex(self):
        out, at = [], 0
        for title, fields in self.frames:
            out.append("# %s at byte %d" % (title, at))
            for name, value in fields:
                for i in range(0, len(value), 16):
                    out.append("%-48s# %s" % (value[i:i + 16].hex(" "), name if i == 0 else ""))
                at += len(value)
        return "".join(line.rstrip() + "\n" for line in out).encode()


def text(key, value):
    return (1, key.encode(), value if isinstance(value, bytes) else value.encode())


def i64(key, value):
    return (3, key.encode(), struct.pack("<q", value))


def ramp(n, step=7, start=0):
    return [(start + i * step) % 256 for i in range(n)]


def pg(program, options, seed="NA"):
    return "@PG\t{}\t1.0.0\t{}\t{}".format(program, options, seed).encode()


def images(negative=False):
    s = Stream()
    tone = [(lambda v: v), (lambda v: 255 - v)][negative]
    old = [(4 | 0x80, b"blur", struct.pack("<d", 0.25)), (1 | 0x80, b"note", b"of these pixels")]
    s.head(IMAGES, [b"Negative", b"Positive"], [
        pg("emo-unzip", "--size 4x4"), pg("emo-split", "--valid 1/5", 21),
        b"@KEY\tinput\t4x4x3", b"@KEY\tfit\tstretch"], expected=3)
    s.record(0, "u8", [4, 4, 3], [tone(v) for v in ramp(48)], HWC, 0, TRAIN, metadata=[
        text("name", "Negative/1.jpg"), i64("origin", -0x123456789abcdef0),
        i64("width", 640), i64("height", 480), text("fit", "stretch")])
    s.record(1, "u8", [4, 4, 3], [tone(v) for v in ramp(48, 11, 5)], HWC, 1, VALID, epoch=2,
             metadata=[text("name", "Positive/\xe4 b\t\n.png"), i64("origin", 2**63 - 1)]
             + ([] if negative else old))
    s.record(2**40, "u8", [4, 4, 3], [tone(255)] * 48, HWC, -1, TEST)
    s.end()
    return s


def negative():
    """What the example filter of emo-stream(5) makes of images."""
    return images(True)


def model():
    s = Stream()
    s.head(MODEL, [b"a", b"b"], [
        b"@NET\tconv 2 1", b"@NET\tflatten", b"@NET\toutput", b"@KEY\tinput\t1x2x3",
        b"@KEY\tbackend\treference", pg("emo-train", "--epochs 1", 18446744073709551615)])
    role = text("role", "parameter")
    s.record(0, "f32", [1, 1, 3, 2], [0.5, -1, 2, -0.0, float("inf"), 1e-45], HWIO,
             metadata=[text("name", "conv1.weight"), role])
    s.record(1, "f32", [2], [0, 0.1], metadata=[text("name", "conv1.bias"), role])
    s.record(2, "f32", [4, 1], [1, 2, 3, 4], IO, metadata=[text("name", "output.weight"), role])
    s.record(3, "bf16", [1], [0x3f80], metadata=[text("name", "output.bias"), role])
    s.record(4, "i64", [3], [-2**63, 0, 2**63 - 1],
             metadata=[text("name", "origins"), text("role", "origins")])
    s.end()
    return s


def scores():
    s = Stream()
    s.head(SCORES, [b"", b"x:y z", b"\xc3\xa9\\\t\n\r\x01\x7f"], [pg("emo-predict", "")], expected=2)
    s.record(7, "f32", [3], [0.25, 0.5, 0.25], label=2, split=VALID, metadata=[
        text("name", "p/q"), i64("origin", 5), i64("seen", 0)])
    s.record(9, "f64", [3], [1 / 3, 1 / 3, 1 / 3], label=0, split=TRAIN, epoch=65535, metadata=[
        text("name", ""), i64("origin", 6), i64("seen", 1)])
    s.end()
    return s


def checkpoint():
    """In the second epoch of three, after 2 of its images; the first was the best."""
    s = Stream()
    keys = [("checkpoint", 1), ("input", "1x2x1"), ("input_crc", 2**32 - 1), ("epochs", 3),
            ("backend", "reference fp32"), ("recorded", "--batch 2"), ("option batch", 2),
            ("option init", ""), ("epoch", 2), ("whole", 0), ("epoch_images", 2),
            ("epoch_right", 1), ("steps", 3), ("images", 5), ("train_images", 3),
            ("train_sum", 2**64 - 1), ("best_epoch", 1), ("epoch_loss", 1.5),
            ("epoch_seconds", 0.25), ("best_value", 0.75)]
    s.head(CHECKPOINT, [b"a", b"b"], [b"@NET\tflatten", b"@NET\toutput"]
           + ["@KEY\t{}\t{}".format(*k).encode() for k in keys])
    ids = iter(range(100))

    def put(role, name, dtype, dims, values, order=0):
        s.record(next(ids), dtype, dims, values, order, metadata=[
            text("name", name), text("role", role)])

    put("trail", "trail", "u64", [3, 2], [1, 0xfedcba98, 3, 7, 2, 0])
    put("history", "history", "f64", [1, 8], [1, 0.5, 1 / 3, 0.75, 1, float("nan"), 2.5, 1e300])
    put("origins", "origins", "i64", [2], [-2**63, 2**63 - 1])
    for i, role in enumerate(("parameter", "m", "v", "best")):
        put(role, "dense1.weight" + ("." + role if i else ""), "f32", [2, 1], [i + 0.5, 1e-45], IO)
    for i, role in enumerate(("parameter", "m", "v", "best")):
        put(role, "dense1.bias" + ("." + role if i else ""), "f32", [1], [i])
    s.end()
    return s


def aborted():
    s = Stream()
    s.head(IMAGES, [b"a"], expected=1000)
    s.record(0, "u8", [1, 1, 1], [1], HWC, 0)
    s.end(b"emo-unzip: faces.zip: \"a\tb\": cut short; \xe2\x88\x9e")
    return s


def empty():
    s = Stream()
    s.head(IMAGES)
    s.end()
    return s


def segments():
    """Ids are raised past those before; an empty segment raises nothing."""
    s = Stream()
    s.head(IMAGES, [b"a", b"b"], expected=2)
    s.record(3, "u8", [2], [1, 2], label=0)
    s.record(1, "u8", [2], [3, 4], label=1)
    s.end()
    s.head(IMAGES, [b"a", b"b"], [b"@KEY\tother\t1"], listed=False)
    s.end()
    s.head(IMAGES, [b"a", b"b"], listed=False)
    s.record(0, "u8", [2], [5, 6], label=0, raised=4)
    s.record(0, "u8", [2], [7, 8], label=0, epoch=1, raised=4)
    s.end()
    s.head(IMAGES, [b"a", b"b"], listed=False)
    s.record(2, "u8", [2], [9, 10], raised=5)
    s.end()
    return s


def shards():
    """A set out of order, then a whole stream: shards keep their ids, the rest is raised."""
    s = Stream()
    s.head(IMAGES, [b"a"], shard=1, shards=2)
    s.record(1, "u8", [1], [1], label=0)
    s.end()
    s.head(IMAGES, [b"a"], shard=0, shards=2, listed=False)
    s.record(0, "u8", [1], [0], label=0)
    s.record(2, "u8", [1], [2], label=0)
    s.end()
    s.head(IMAGES, [b"a"], listed=False)
    s.record(0, "u8", [1], [3], label=0, raised=3)
    s.end()
    return s


def unknown():
    """What version 1.0 does not know, and passes on."""
    s = Stream()
    s.head(IMAGES, [b"a"], [b"@FUTURE", b"@NEW\tfield\tnot \\q an escape", b"@KEY\tinput\t1x1x1",
                            b"@X\t"], may=0x8001)
    s.record(0, "u8", [1, 1, 1], [9], HWC, 0, may=0x4002, metadata=[
        (9, b"nine", b"\x00\xff"), (0x80 | 77, b"more", b""), (0, b"zero", b"z"),
        (2, b"\xff\xfe", bytes(range(70))), (5, b"list", struct.pack("<3d", 1, 2, 3)),
        (5, b"lisp", b"")])
    s.end()
    return s


def minor():
    """A later minor version, which is read like this one."""
    s = Stream()
    s.head(IMAGES, [b"a"], minor=9)
    s.record(0, "u8", [1, 1, 1], [9], HWC, 0)
    s.end(may=0xffff)
    return s


# Where a reader and a writer of version 1.0 give the same bytes back.
SAME = [images, negative, model, scores, checkpoint, aborted, empty, unknown]
READ = [segments, shards, minor]


def main():
    wrong = 0
    for make in SAME + READ:
        s = make()
        found = [b"rewritten the same" if make in SAME else b"read"] + s.found
        for suffix, data in ((".hex", s.hex()), (".txt", b"".join(f + b"\n" for f in found))):
            path = os.path.join(HERE, make.__name__ + suffix)
            if sys.argv[1:] == ["--check"]:
                with open(path, "rb") as f:
                    if f.read() != data:
                        print(path + ": not what the specification gives")
                        wrong = 1
            else:
                with open(path, "wb") as f:
                    f.write(data)
    return wrong


if __name__ == "__main__":
    sys.exit(main())

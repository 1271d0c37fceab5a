"""The tensor stream, emo-stream(5), in Python: written whole, read whole, every check made.

    write(path, KIND["scores"], records, classes=["Negative", "Positive"])
    head, records = read(path)

A record is a dict: id, label, split, epoch, order, meta (name -> str, bytes, int, float or a list
of floats), data (a numpy array, or None for the dtype bf16, whose bits are in raw as uint16).
"""
import struct
import zlib

import numpy as np

MAGIC = b"\x89EMO\r\n\x1a\n"
KIND = {"images": 1, "model": 2, "scores": 3, "checkpoint": 4}
DTYPES = {1: "<u1", 2: "<i4", 3: "<i8", 4: "<u8", 6: "<f4", 7: "<f8"}
BF16 = 5
SPLITS = ["none", "train", "valid", "test"]
HEAD = struct.Struct("<8sQIIIHHQIIHHHHQ")
RECORD = struct.Struct("<4sHHQIIIIQhBBBBHIIII")
END = struct.Struct("<4sHHQIIIIQQIIQ")
assert HEAD.size == RECORD.size == END.size == 64


def pad(data):
    return data + bytes(-len(data) % 64)


def seal(frame):
    """The frame's 64 bytes with header_crc, at 20, filled in; and that crc."""
    frame = bytearray(frame)
    frame[20:24] = bytes(4)
    crc = zlib.crc32(frame)
    frame[20:24] = struct.pack("<I", crc)
    return bytes(frame), crc


def escape(text):
    out = bytearray()
    for byte in text.encode("utf-8", "surrogateescape"):
        pairs = {0x5C: b"\\\\", 9: b"\\t", 10: b"\\n", 13: b"\\r"}
        if byte in pairs:
            out += pairs[byte]
        elif byte < 0x20 or byte == 0x7F:
            out += b"\\x%02X" % byte
        else:
            out.append(byte)
    return bytes(out)


def unescape(data):
    out, i = bytearray(), 0
    singles = {b"\\": 0x5C, b"t": 9, b"n": 10, b"r": 13}
    while i < len(data):
        if data[i] != 0x5C:
            out.append(data[i])
            i += 1
        elif data[i + 1 : i + 2] == b"x":
            out.append(int(data[i + 2 : i + 4], 16))
            i += 4
        else:
            out.append(singles[data[i + 1 : i + 2]])
            i += 2
    return out.decode("utf-8", "surrogateescape")


def pack_meta(meta):
    out = b""
    for key in sorted(meta, key=lambda k: k.encode()):
        value = meta[key]
        if isinstance(value, str):
            kind, data = 1, value.encode("utf-8", "surrogateescape")
        elif isinstance(value, bytes):
            kind, data = 2, value
        elif isinstance(value, (int, np.integer)):
            kind, data = 3, struct.pack("<q", value)
        elif isinstance(value, float):
            kind, data = 4, struct.pack("<d", value)
        else:
            kind, data = 5, np.asarray(value, "<f8").tobytes()
        name = key.encode()
        out += struct.pack("<BBHI", kind, len(name), 0, len(data)) + name + data
    return out


def unpack_meta(data):
    meta, at = {}, 0
    while at < len(data):
        kind, key_length, zero, length = struct.unpack_from("<BBHI", data, at)
        assert zero == 0
        at += 8
        key = data[at : at + key_length].decode()
        value = data[at + key_length : at + key_length + length]
        at += key_length + length
        kind &= 0x7F
        if kind == 1:
            value = value.decode("utf-8", "surrogateescape")
        elif kind == 3:
            value = struct.unpack("<q", value)[0]
        elif kind == 4:
            value = struct.unpack("<d", value)[0]
        elif kind == 5:
            value = np.frombuffer(value, "<f8")
        meta[key] = value
    assert at == len(data)
    return meta


def pack_record(record, number):
    data = np.ascontiguousarray(record["data"])
    code = next(c for c, t in DTYPES.items() if np.dtype(t) == data.dtype.newbyteorder("<"))
    payload, meta = data.tobytes(), pack_meta(record.get("meta", {}))
    dims = list(data.shape) + [0] * (4 - data.ndim)
    frame, crc = seal(RECORD.pack(
        b"EMOR", 0, 0, 64 + len(pad(meta)) + len(pad(payload)), len(meta), 0, zlib.crc32(meta),
        zlib.crc32(payload), record.get("id", number), record.get("label", -1),
        record.get("split", 0), code, data.ndim, record.get("order", 0), record.get("epoch", 0),
        *dims))
    return frame + pad(meta) + pad(payload), crc


def encode(kind, records, classes=(), lines=()):
    """The bytes of a stream; lines: further HEAD lines, already escaped, without their LF."""
    text = b"".join(b"@CLASS\t%d\t%s\n" % (i, escape(c)) for i, c in enumerate(classes))
    text += b"".join(line + b"\n" for line in lines)
    out, head_crc = seal(HEAD.pack(MAGIC, 64 + len(pad(text)), len(text), 0, zlib.crc32(text), 1,
                                   0, 2**64 - 1, 0, 1, 0, 0, kind, 0, 0))
    parts, running, count = [out, pad(text)], 0, 0
    for record in records:
        frame, crc = pack_record(record, count)
        parts.append(frame)
        running = zlib.crc32(struct.pack("<I", crc), running)
        count += 1
    length = sum(map(len, parts)) + 64
    parts.append(seal(END.pack(b"EMOE", 0, 0, 64, 0, 0, 0, head_crc, count, length, running, 0,
                               0))[0])
    return b"".join(parts)


def write(path, kind, records, classes=(), lines=()):
    with open(path, "wb") as f:
        f.write(encode(kind, records, classes, lines))


class Source:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("cut short at byte %d" % self.at)
        self.at += n
        return self.data[self.at - n : self.at]

    def take_padded(self, n, crc, what):
        data = self.take(n)
        if zlib.crc32(data) != crc or any(self.take(-n % 64)):
            raise ValueError("damaged %s before byte %d" % (what, self.at))
        return data


def read_record(source, frame):
    fields = RECORD.unpack(frame)
    (tag, must, _, length, meta_length, _, meta_crc, data_crc, number, label, split, code, rank,
     order, epoch) = fields[:15]
    shape = fields[15 : 15 + rank]
    if tag != b"EMOR" or must != 0:
        raise ValueError("no record before byte %d" % source.at)
    dtype = np.dtype("<u2" if code == BF16 else DTYPES[code])
    size = int(np.prod(shape, dtype=np.uint64)) * dtype.itemsize
    assert length == 64 + meta_length + -meta_length % 64 + size + -size % 64
    meta = unpack_meta(source.take_padded(meta_length, meta_crc, "metadata"))
    data = np.frombuffer(source.take_padded(size, data_crc, "data"), dtype).reshape(shape)
    return {"id": number, "label": label, "split": split, "epoch": epoch, "order": order,
            "meta": meta, "data": None if code == BF16 else data, "raw": data}


def read_segment(source):
    start = source.at
    frame = source.take(64)
    head = HEAD.unpack(frame)
    if head[0] != MAGIC or seal(frame)[1] != head[3]:
        raise ValueError("no head at byte %d" % start)
    text = source.take_padded(head[2], head[4], "head text")
    lines = text.split(b"\n")[:-1]
    classes = [unescape(l.split(b"\t")[2]) for l in lines if l.startswith(b"@CLASS\t")]
    records, running = [], 0
    while True:
        frame = source.take(64)
        crc = struct.unpack_from("<I", frame, 20)[0]
        if seal(frame)[1] != crc:
            raise ValueError("damaged header before byte %d" % source.at)
        if frame[:4] == b"EMOE":
            break
        records.append(read_record(source, frame))
        running = zlib.crc32(struct.pack("<I", crc), running)
    end = END.unpack(frame)
    reason = source.take_padded(end[4], end[6], "reason")
    if end[11] != 0:
        raise ValueError("aborted: " + reason.decode("utf-8", "replace"))
    if (end[7], end[8], end[9], end[10]) != (head[3], len(records), source.at - start, running):
        raise ValueError("the end does not belong to its segment")
    return {"kind": head[12], "classes": classes, "lines": lines}, records


def read(path):
    """The first segment's head (kind, classes, lines) and the records of all."""
    with open(path, "rb") as f:
        source = Source(f.read())
    head, records = read_segment(source)
    while source.at < len(source.data):
        records += read_segment(source)[1]
    return head, records

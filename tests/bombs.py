"""Files that are small and claim, or unpack to, far more than any machine has.

usage: bombs.py DIRECTORY      writes one of each kind
"""
import bz2
import lzma
import os
import struct
import sys
import zipfile
import zlib

JPEG = b"\xff\xd8\xff\xe0"
MIB = 1 << 20


def write(name, *parts):
    with open(name, "wb") as f:
        for part in parts:
            f.write(part)


def deflated(first, mib):
    """Raw deflate of first and then so many MiB of zeros, at 1032:1, made by repeating a block."""
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = c.compress(first) + c.flush(zlib.Z_FULL_FLUSH)
    block = c.compress(bytes(MIB)) + c.flush(zlib.Z_FULL_FLUSH)
    return head + block * mib + c.flush()


# --- archives ---

def local(name, packed, size, crc=0):
    return struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, crc, packed, size, len(name), 0) + name


def central(name, packed, size, offset, crc=0):
    return struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, packed, size, len(name),
                       0, 0, 0, 0, 0, offset) + name


def directory_end(count, length, offset):
    return struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, length, offset, 0)


def one_entry(file, name, first, mib):
    data = deflated(first, mib)
    size = len(first) + mib * MIB
    head = local(name, len(data), size)
    entry = central(name, len(data), size, 0)
    write(file, head, data, entry, directory_end(1, len(entry), len(head) + len(data)))


def overlapping(file, count, mib, kernel):
    """Each entry's data holds, quoted, the headers of all that follow it, and their common data."""
    names = [b"c/%04d.jpg" % i for i in range(count)]
    data, size = deflated(kernel, mib), len(kernel) + mib * MIB
    parts, entries = [data], []
    for name in reversed(names):
        head = local(name, len(data), size)
        entries.append((name, len(data), size))
        quoted = struct.pack("<BHH", 0, len(head), len(head) ^ 0xffff) + head
        parts.append(quoted)
        data, size = quoted + data, size + len(head)
    # The first entry's header is not quoted by another.
    parts[-1] = parts[-1][5:]
    body = b"".join(reversed(parts))
    offset, records = 0, b""
    for name, packed, unpacked in reversed(entries):
        records += central(name, packed, unpacked, offset)
        offset += 30 + len(name) + 5
    write(file, body, records, directory_end(count, len(records), len(body)))


def same_place(file, count):
    """Every entry of the directory is the same picture."""
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = c.compress(JPEG + bytes(MIB)) + c.flush()
    head = local(b"c/0.jpg", len(data), MIB + 4)
    records = b"".join(central(b"c/%d.jpg" % i, len(data), MIB + 4, 0) for i in range(count))
    write(file, head, data, records, directory_end(count, len(records), len(head) + len(data)))


def nested(file):
    """42.zip: sixteen archives in each archive, six deep, and zeros at the bottom."""
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    inner = None
    for depth in range(6):
        path = "%s.%d" % (file, depth)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            for i in range(16):
                z.writestr("lib %x.zip" % i if inner else "0.dll", inner or bytes(16 * MIB))
        with open(path, "rb") as f:
            inner = f.read()
        os.unlink(path)
    write(file, inner)


def tar_header(name, size):
    h = bytearray(struct.pack("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x", name, b"0000644", b"0000000",
                              b"0000000", b"%011o" % size, b"00000000000", b" " * 8, b"0", b"",
                              b"ustar\00000", b"", b"", b"", b"", b""))
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h)


def tars(mib):
    """One entry of zeros, through every filter that can be repeated."""
    for name in (b"c/zeros.txt", b"c/zeros.jpg"):
        suffix = name.decode()[-3:]
        header = tar_header(name, mib * MIB)
        raw = deflated(header, mib)
        gz = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + raw + bytes(8)
        write("%s.tar.gz" % suffix, gz)
        write("%s.tar.bz2" % suffix, bz2.compress(header), bz2.compress(bytes(16 * MIB)) * (mib // 16))
        write("%s.tar.xz" % suffix, lzma.compress(header), lzma.compress(bytes(16 * MIB)) * (mib // 16))


def many_entries(file, count):
    """A tar of headers alone."""
    header = tar_header(b"c/0.jpg", 0)
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = c.compress(header * 64) + c.flush(zlib.Z_FULL_FLUSH)
    block = c.compress(header * 2048) + c.flush(zlib.Z_FULL_FLUSH)
    write(file, b"\x1f\x8b\x08\0\0\0\0\0\0\xff", head, block * (count // 2048), c.flush(), bytes(8))


def bulky():
    """What is no bomb: a picture beside much that is none."""
    picture = png("bulky.png", 8, 8, 0, mib=0, pixels=bytes(72))
    with zipfile.ZipFile("bulky.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("c/notes.txt", bytes(100 * MIB))
        z.writestr("c/x.png", picture)
    body = tar_header(b"c/x.png", len(picture)) + picture + bytes(-len(picture) % 512)
    body += tar_header(b"c/notes.txt", 100 * MIB)
    write("bulky.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", deflated(body, 101), bytes(8))
    os.unlink("bulky.png")


# --- pictures ---

def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(file, side, depth, kind, interlace=0, before=b"", mib=0, pixels=b""):
    """side x side pixels: those given, and mib of zeros."""
    data = b"\x78\xda" + deflated(pixels, mib)
    data += struct.pack(">I", zlib.adler32(bytes(mib * MIB), zlib.adler32(pixels)))
    parts = (b"\x89PNG\r\n\x1a\n", png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, kind, 0,
                                                                   0, interlace)),
             before, png_chunk(b"IDAT", data), png_chunk(b"IEND", b""))
    write(file, *parts)
    return b"".join(parts)


def pngs():
    png("giant.png", 60000, 16, 6)
    png("wide.png", 11000, 8, 2, mib=350)
    png("interlaced.png", 11000, 1, 0, interlace=1, mib=20)
    text = zlib.compress(bytes(7 * MIB))
    texts = png_chunk(b"zTXt", b"k\0\0" + text) * 1000
    profile = png_chunk(b"iCCP", b"p\0\0" + text)
    png("texts.png", 4000, 8, 0, before=profile + texts)
    # White, and what it claims to be: 25 million pixels.
    png("blank.png", 5000, 1, 0, mib=3)


def segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(file, side, scans):
    """Progressive, gray: a first scan of a bit for each block, then scans that skip 32767 blocks at a
    time."""
    blocks = (side + 7) // 8 * ((side + 7) // 8)
    one = bytes([1] + [0] * 15)  # one code, of one bit
    head = (b"\xff\xd8" + segment(0xdb, b"\0" + b"\1" * 64)
            + segment(0xc2, struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0))
            + segment(0xc4, b"\0" + one + b"\0") + segment(0xc4, b"\x10" + one + b"\xe0"))
    first = segment(0xda, b"\1\1\0\0\0\0") + bytes((blocks + 7) // 8)
    runs = -(-blocks // 32767)
    bits = int("011111111111111" * runs + "1" * (-15 * runs % 8), 2)
    packed = bits.to_bytes((15 * runs + 7) // 8, "big").replace(b"\xff", b"\xff\0")
    later = segment(0xda, b"\1\1\0\1\x3f\0") + packed
    write(file, head, first, later * scans, b"\xff\xd9")


def jpegs():
    jpeg("giant.jpg", 65500, 0)
    jpeg("scans.jpg", 4096, 1000)
    jpeg("patient.jpg", 4096, 99)


def webp(file, width, height, extended=False):
    """Lossless, of one colour: nothing but a header and five codes of no bits."""
    bits = width - 1 | height - 1 << 14
    # No transform, no colour cache, no meta codes; five simple codes of one symbol.
    body = 0
    at = 0
    for value, n in ((0, 1), (0, 1), (0, 1)) + ((1, 1), (0, 1), (0, 1), (0, 1)) * 5:
        body |= value << at
        at += n
    data = b"\x2f" + struct.pack("<I", bits) + body.to_bytes((at + 7) // 8, "little")
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    if extended:
        chunk = (b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + struct.pack("<I", width - 1)[:3]
                 + struct.pack("<I", height - 1)[:3] + chunk)
    write(file, b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk)


def webps():
    webp("giant.webp", 16383, 16383)
    webp("wide.webp", 11000, 11000)
    webp("canvas.webp", 16000, 16000, extended=True)


# --- streams ---

def frame(data, text=b""):
    data = bytearray(data)
    struct.pack_into("<I", data, 20, zlib.crc32(data))
    return bytes(data) + text + bytes(-len(text) % 64)


def head(kind, text, length=None):
    length = len(text) if length is None else length
    return frame(struct.pack("<8sQIIIHHQIIHHHHQ", b"\x89EMO\r\n\x1a\n", 64 + (length + 63) // 64 * 64, length, 0,
                             zlib.crc32(text), 1, 0, 2 ** 64 - 1, 0, 1, 0, 0, kind, 0, 0), text)


def record(dims, metadata=0):
    size = 1
    for d in dims:
        size *= d
    pad = lambda n: (n + 63) // 64 * 64
    return frame(struct.pack("<4sHHQIIIIQhBBBBH4I", b"EMOR", 0, 0, 64 + pad(metadata) + pad(size), metadata, 0,
                             0, 0, 0, 0, 0, 1, len(dims), 1, 0, *(list(dims) + [0] * 4)[:4]))


CLASSES = b"@CLASS\t0\ta\n@CLASS\t1\tb\n"


def model(file, size, *net):
    text = CLASSES + b"@KEY\tinput\t" + size + b"\n" + b"".join(b"@NET\t" + n + b"\n" for n in net)
    write(file, head(2, text))


def streams():
    for kind, name in ((1, "images"), (2, "model"), (3, "scores")):
        write("text.%s" % name, head(kind, b"", 1 * MIB if kind != 2 else 64 * MIB))
    write("payload.images", head(1, CLASSES + b"@KEY\tinput\t32768x32768x1\n"), record((32768, 32768, 1)))
    write("payload.scores", head(3, CLASSES), record((1 << 30,)))
    write("metadata.images", head(1, CLASSES), record((4, 4, 3), 1 << 16))
    write("classes.images", head(1, b"".join(b"@CLASS\t%d\t%05d\n" % (i, i) for i in range(32768))))
    model("parameters.model", b"4x4x3", b"flatten", b"dense 4194304 relu", b"output")
    model("input.model", b"65535x65535x3", b"globalavgpool", b"output")
    model("wraps.model", b"65536x65536x1", b"flatten", b"output")
    model("activations.model", b"4096x4096x3", b"conv 65535 1", b"globalavgpool", b"output")
    model("layers.model", b"4x4x3", *([b"dropout 0"] * 1000000 + [b"flatten", b"output"]))
    write("wide.tsv", b"label\t" + b"\t".join(b"p:%d" % i for i in range(100000)) + b"\n")
    write("line.tsv", b"label\tscore\n" + b"x" * (64 * MIB))


os.chdir(sys.argv[1])
one_entry("zeros.zip", b"c/x.jpg", b"", 4095)
one_entry("start.zip", b"c/x.jpg", JPEG, 4000)
overlapping("overlapping.zip", 250, 20, JPEG)
same_place("same.zip", 10000)
nested("42.zip")
tars(1024)
many_entries("entries.tar.gz", 4 * MIB)
bulky()
pngs()
jpegs()
webps()
streams()

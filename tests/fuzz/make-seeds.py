"""Seeds that no tool makes, for make-seeds.  usage: make-seeds.py TESTS DIR"""
import glob
import io
import os
import struct
import sys
import tarfile
import zipfile
import zlib

tests, out = sys.argv[1:3]


def read(name):
    with open(tests + "/data/pictures/" + name, "rb") as f:
        return f.read()


def write(name, data):
    with open(out + "/" + name, "wb") as f:
        f.write(data)


for golden in glob.glob(tests + "/golden/*.hex"):
    with open(golden) as f:
        text = "".join(line.split("#")[0] for line in f)
    write("stream/" + os.path.basename(golden)[:-4], bytes.fromhex(text))


def exif(orientation, big=False):
    e = ">" if big else "<"
    return ((b"MM\0*" if big else b"II*\0") + struct.pack(e + "I", 8) + struct.pack(e + "H", 2)
            + struct.pack(e + "HHIHH", 0x100, 3, 1, 7, 0)
            + struct.pack(e + "HHIHH", 0x112, 3, 1, orientation, 0))


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def riff_chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


png = read("rgb.png")
ihdr = 8 + 25
write("picture/exif.png", png[:ihdr] + png_chunk(b"eXIf", exif(6)) + png[ihdr:])
write("picture/text.png", png[:ihdr] + png_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 99))
      + png[ihdr:])

still = read("webp-named.jpg")
size = struct.unpack("<I", still[16:20])[0]
bitstream = still[12:20 + size + size % 2]
# VP8: 14 bits each after the frame tag and start code; VP8L: 14 bits each, less 1.
if bitstream[:4] == b"VP8L":
    bits = struct.unpack("<I", bitstream[9:13])[0]
    w, h = bits & 0x3fff, bits >> 14 & 0x3fff
else:
    w, h = (v - 1 for v in struct.unpack("<HH", bitstream[14:18]))
canvas = struct.pack("<I", w)[:3] + struct.pack("<I", h)[:3]
write("picture/exif.webp", webp(riff_chunk(b"VP8X", b"\x08\0\0\0" + canvas), bitstream,
                                riff_chunk(b"odd ", b"x"), riff_chunk(b"EXIF", exif(8, True))))
write("picture/animated.webp", webp(riff_chunk(b"VP8X", b"\x02\0\0\0" + canvas),
                                    riff_chunk(b"ANIM", bytes(6)), bitstream))
write("picture/lying.webp", webp(bitstream, b"EXIF\xff\xff\xff\x7f"))

jpeg = read("progressive.jpg")
first = jpeg.index(b"\xff\xda")
second = min(jpeg.index(b"\xff" + m, first + 2) for m in (b"\xda", b"\xc4"))
write("picture/scans.jpg", jpeg[:first] + jpeg[first:second] * 120 + jpeg[-2:])

with zipfile.ZipFile(out + "/archive/names", "w") as z:
    z.writestr("a//b/" + "n" * 5000 + ".png", png)
    z.writestr("a//x.png", png)
    z.writestr("../x.png", png)
    z.writestr("\u00fc/\u4e2d.png", png)
    z.writestr("__MACOSX/._x.png", b"")
    z.writestr("large.jpg", b"\xff\xd8\xff" + bytes(100))
    z.writestr("none.jpg", b"")
    z.writestr("link/", b"")


def stream(text, kind=1):
    padded = text + bytes(-len(text) % 64)
    head = bytearray(struct.pack("<8sQIIIHHQIIHHHHQ", b"\x89EMO\r\n\x1a\n", 64 + len(padded),
                                 len(text), 0, zlib.crc32(text), 1, 0, 2 ** 64 - 1, 0, 1, 0, 0,
                                 kind, 0, 0))
    struct.pack_into("<I", head, 20, zlib.crc32(head))
    end = bytearray(struct.pack("<4sHHQIIIIQQIIQ", b"EMOE", 0, 0, 64, 0, 0, 0,
                                struct.unpack_from("<I", head, 20)[0], 0,
                                len(head) + len(padded) + 64, 0, 0, 0))
    struct.pack_into("<I", end, 20, zlib.crc32(end))
    return bytes(head) + padded + bytes(end)


write("stream/no-input", stream(b"@KEY\tinput\t\n@KEY\tepochs\t12\n@NET\tflatten\n"))
write("model/large", stream(b"@CLASS\t0\ta\n@CLASS\t1\tb\n@KEY\tinput\t4x4x3\n@NET\tflatten\n"
                            b"@NET\tdense 4194304\n@NET\toutput\n", 2))
write("model/huge", stream(b"@CLASS\t0\ta\n@CLASS\t1\tb\n@KEY\tinput\t65535x65535x3\n"
                           b"@NET\tglobalavgpool\n@NET\toutput\n", 2))
write("model/missing", stream(b"@CLASS\t0\ta\n@CLASS\t1\tb\n@KEY\tinput\t1x1x1\n@NET\toutput\n", 2))
write("network/many", b"dropout 0\n" * 1001 + b"output\n")
write("scores/wide", b"label\tscore\t" + b"x" * (1 << 16) + b"\n")


def npy(descr, shape, data=b"", version=1, fortran=False):
    header = "{'descr': %r, 'fortran_order': %r, 'shape': %r, }" % (descr, fortran, shape)
    header = header.encode() + b" " * 20 + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def npz(name, arrays, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(out + "/array/" + name, "w", method) as z:
        for array, data in arrays.items():
            z.writestr(array + ".npy", data)


images = bytes(range(24))
write("array/v2.npy", npy("|u1", (2, 2, 2, 3), images, version=2))
write("array/v3.npy", npy("|u1", (2, 2, 2, 3), images, version=3))
write("array/gray.npy", npy("|u1", (6, 2, 2), images))
write("array/fortran.npy", npy("|u1", (2, 2, 2, 3), images, fortran=True))
write("array/big.npy", npy(">f4", (2, 3), images))
write("array/scalar.npy", npy("<f8", (), images[:8]))
write("array/cut.npy", npy("|u1", (2, 2, 2, 3), images[:20]))
write("array/more.npy", npy("|u1", (1, 2, 2, 3), images))
write("array/giant.npy", npy("|u1", (1, 65536, 65536, 3), images))
write("array/record.npy", npy([("a", "<i4")], (2,), images))
base = {"images": npy("|u1", (2, 2, 2, 3), images)}
npz("bare", base)
npz("deflated", base, zipfile.ZIP_DEFLATED)
npz("labels", dict(base, labels=npy("<i8", (2,), struct.pack("<qq", 1, -1)),
                   classes=npy("<U2", (2,), "b\0a\0".encode("utf-32-le"))))
npz("bytes", dict(base, labels=npy("<i4", (2,), struct.pack("<ii", 0, 1)),
                  classes=npy("|S3", (2,), b"b\0\0\xff\xfe\0"),
                  names=npy("|S2", (2,), b"x\0yz")))
npz("all", dict(base, ids=npy("<u8", (2,), struct.pack("<QQ", 7, 9)),
                splits=npy("<U5", (2,), "trainvalid".encode("utf-32-le")),
                epochs=npy("<u2", (2,), struct.pack("<HH", 1, 2)),
                origins=npy("<i8", (2,), struct.pack("<qq", -5, 5)),
                **{"meta.width": npy("<i8", (2,), bytes(16)), "meta.z": npy("<f8", (2,), bytes(16)),
                   "payload.fit": npy("<U1", (2,), bytes(8)),
                   "absent.fit": npy("|b1", (2,), b"\0\1"),
                   "head": npy("<U20", (1,), "@KEY\\tfit\\tcrop".ljust(20, "\0")
                               .encode("utf-32-le"))}))
npz("scores", {"scores": npy("<f4", (2, 2), struct.pack("<4f", 0, 1, .5, .5)),
               "classes": npy("<U1", (2,), "ab".encode("utf-32-le"))})
npz("unknown", dict(base, other=npy("|u1", (2,), b"ab")))
npz("long", dict(base, labels=npy("<i8", (3,), bytes(24))))
npz("none", {"images": npy("|u1", (0, 2, 2, 3))})
npz("not-first", {"labels": npy("<i8", (2,), bytes(16)), "images": base["images"]})


def text(*rows):
    width = max(len(r) for r in rows)
    return npy("<U%d" % width, (len(rows),),
               "".join(r.ljust(width, "\0") for r in rows).encode("utf-32-le"))


def whole(*rows):
    return npy("<i8", (len(rows),), struct.pack("<%dq" % len(rows), *rows))


for name, arrays in {
        "bad-rank": {"labels": npy("<i8", (2, 1), bytes(16))},
        "bad-kind": {"names": npy("<f8", (2,), bytes(16))},
        "bad-text-kind": {"names": npy("<i8", (2,), bytes(16))},
        "bad-unicode": {"names": npy("<U1", (2,), b"\xff\xff\xff\x7f" * 2)},
        "bad-half": {"meta.z": npy("<f2", (2,), bytes(4))},
        "single": {"meta.z": npy("<f4", (2,), bytes(8))},
        "small": {"labels": npy("|i1", (2,), b"\xff\0"), "classes": text("a")},
        "bad-label": {"labels": whole(-2, 0)},
        "bad-label-late": {"labels": whole(7, 0), "classes": text("a", "b")},
        "bad-label-large": {"labels": whole(40000, 0)},
        "bad-id": {"ids": whole(-1, 0)},
        "bad-ids": {"ids": whole(3, 3)},
        "bad-epoch": {"epochs": whole(65536, 0)},
        "bad-split": {"splits": text("train", "other")},
        "twice": {"labels": whole(0, 1), "classes": text("a", "a")},
        "zero": {"labels": whole(0, 1), "classes": text("a\0b", "c")},
        "bad-head": {"head": text("no line")},
        "bad-head-class": {"head": text("@CLASS\t0\ta")},
        "bad-head-line": {"head": text("@KEY\ta\tb\n")},
        "long-text": {"meta.t": text("x" * 15000, "y"), "meta.u": text("x" * 1500, "y")},
        "long-name": {"meta." + "x" * 300: whole(0, 0)},
        "cut-short": {"labels": whole(0, 1)[:-4]},
}.items():
    npz(name, dict(base, **arrays))
npz("bad-scores", {"scores": npy("<f4", (2, 2), bytes(16)), "classes": text("a", "b", "c")})
npz("both", dict(base, scores=npy("<f4", (2, 2), bytes(16))))
write("array/object.npy", npy("|O", (2,), bytes(16)))
write("array/string.npy", npy("<U2000000", (2,), bytes(16)))
write("array/deep.npy", npy("|u1", (1, 1, 1, 1, 1, 1), b"x"))
write("array/large.npy", npy("|u1", (2 ** 62, 2 ** 62, 3), b"x"))
write("array/flat.npy", npy("|u1", (24,), images))
write("array/not.npz", b"PKxx" + bytes(100))
with zipfile.ZipFile(out + "/array/doubled", "w") as z:
    for _ in range(2):
        z.writestr("images.npy", base["images"])


def tar(name, mode, **files):
    with tarfile.open(out + "/archive/" + name, mode) as t:
        for file, data in files.items():
            info = tarfile.TarInfo("c/" + file.replace("_", "."))
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))


# More than is stored of them, for one picture and for a whole archive.
zeros = bytes(1 << 20)
tar("zeros-picture", "w:gz", x_jpg=b"\xff\xd8\xff" + bytes(300000), y_png=png)
tar("zeros-text", "w:gz", x_txt=zeros, y_png=png)
tar("zeros-late", "w:xz", y_png=png, x_txt=zeros)
tar("large", "w", x_jpg=b"\xff\xd8\xff" + bytes(range(256)) * 5)
with zipfile.ZipFile(out + "/archive/zeros-zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("c/x.jpg", b"\xff\xd8\xff" + bytes(300000))
    z.writestr("c/y.png", png)
    z.writestr("c/z.gif", b"GIF89a" + zeros)

# A second entry that lies in the first, which is stored.
inner = png
entry = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(inner), len(inner), len(inner),
                    7, 0) + b"c/2.png" + inner
outer = png + entry
first = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(outer), len(outer),
                    len(outer), 7, 0) + b"c/1.png"
records = b"".join(struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 0, 0, 0, zlib.crc32(data),
                               len(data), len(data), 7, 0, 0, 0, 0, 0, offset) + name
                   for name, data, offset in ((b"c/1.png", outer, 0),
                                              (b"c/2.png", inner, len(first) + len(png))))
write("archive/overlapping", first + outer + records
      + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2, 2, len(records), len(first) + len(outer), 0))

write("pnm/gray", b"P5 2 2 255\n" + images[:4])
write("pnm/comments", b"P6 # one\n#two\n 2\t#\n2\r\n# three\n255\n" + images[:12])
write("pnm/fine", b"P5\n2 2\n65535\n" + images[:8])
write("pnm/coarse", b"P5\n2 2\n3\n\0\1\2\3" * 2)
write("pnm/above", b"P5\n2 2\n3\n\0\1\2\4")
write("pnm/other-size", b"P5\n2 2\n255\n\0\1\2\3P5\n1 2\n255\n\0\1")
write("pnm/other-kind", b"P5\n2 2\n255\n\0\1\2\3P6\n1 1\n255\n\0\1\2")
write("pnm/plain", b"P2\n1 1\n255\n7\n")
write("pnm/cut", b"P6\n2 2\n255\n" + images[:11])
write("pnm/cut-header", b"P6\n2")
write("pnm/giant", b"P6\n65535 65535\n65535\n" + images)
write("pnm/zero", b"P6\n0 1\n255\n")
write("pnm/levels", b"P5\n1 1\n65536\n\0\0")
write("pnm/overlong", b"P5 #" + b"x" * 5000 + b"\n1 1 255\n\0")

#!/usr/bin/env bats
# Arrays of more than 4 GiB, where a zip needs its 64-bit fields: written, read back, read by others.
# Takes some minutes and 10 GB of disk, which it gives back.
load ../helper

# 1,500 images of 3,000,000 bytes: 4.19 GiB.
N=1500

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    export PATH=$BUILD/unit:$PATH
    # What is spilled lies here, too.
    export TMPDIR=$T
    [ "$(df -Pk . | awk 'NR == 2 { print $4 }')" -gt $((12 << 20)) ] || skip "less than 12 GiB of disk"
}

teardown() {
    rm -f "$T"/big.npz
}

big() {
    make_stream --split mixed -n "$N" -s 1000x1000x3
}

@test "4.2 GiB of images to .npz and back: the same records; others can read it" {
    big | emo-convert -q --no-pg -t npz --memory 64M -o big.npz
    [ "$(wc -c <big.npz)" -gt $((1 << 32)) ]
    cmp <(big | emo-cat -q --no-pg) <(emo-convert -q --no-pg -f npz big.npz)
    bsdtar -tf big.npz >entries
    grep -qx images.npy entries
    grep -qx names.npy entries
    for python in python3 /usr/bin/python3 ''; do
        [ -n "$python" ] || { echo "# NumPy is not here to read it" >&3 && return; }
        ! "$python" -c 'import numpy' 2>/dev/null || break
    done
    big | emo-cat -q --range=-1: | emo-convert -q -t npy -o last.npy
    # The last image, and an array that begins beyond 4 GiB.
    "$python" - "$N" <<'END'
import sys, zipfile
import numpy as np
n = int(sys.argv[1])
with zipfile.ZipFile("big.npz") as z:
    assert max(e.header_offset for e in z.infolist()) > 2**32
    assert z.getinfo("images.npy").file_size > 2**32
    with z.open("images.npy") as f:
        assert np.lib.format.read_magic(f) == (1, 0)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(f)
        assert shape == (n, 1000, 1000, 3) and not fortran and dtype == np.uint8
        f.seek(f.tell() + (n - 1) * 3000000)
        last = f.read()
assert last == np.load("last.npy").tobytes()
with np.load("big.npz") as d:
    assert len(d["labels"]) == len(d["names"]) == n and d["ids"][-1] == n - 1
END
}

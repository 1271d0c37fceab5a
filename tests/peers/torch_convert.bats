# emo-convert beside PyTorch, and Keras's layouts: the examples of the manual are run.
# shellcheck shell=bash
load ../helper

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    emo-unzip -q -s 96x96 --limit 40 "$SAMPLE" | emo-split -q -o photos.emo
    emo-train -q -e 1 -b 8 -o baseline.model photos.emo
    emo-convert -q -t npz -o photos.npz photos.emo
    emo-predict -q --tsv baseline.model photos.emo | cut -f 9 | sed 1d >want
}

# example FILE: as the manual has it.
example() {
    sed -n "/^cat >$1 <</,/^END/p" "$ROOT/man/emo-convert.1" | sed '1d; $d; s/\\e/\\/g; s/\\-/-/g' >"$1"
    [ -s "$1" ]
}

# needs_python MODULES
needs_python() {
    for python in python3 /usr/bin/python3 ''; do
        [ -z "$python" ] || ! "$python" -c "import $1" 2>/dev/null || return 0
    done
    skip "Python has no $1 here"
}

# As close as 1e-4, and not the same everywhere.
close_to_want() {
    paste want "$1" | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-4) bad++; sum += $2; squares += $2 * $2 }
        END { exit !(NR == 80 && !bad && squares / NR - (sum / NR) ^ 2 > 1e-8) }'
}

@test "PyTorch loads the tensors as the manual says, and scores as emo-predict" {
    needs_python torch,numpy
    example torch_load.py
    emo-convert -q -t safetensors -o baseline.safetensors baseline.model
    "$python" torch_load.py >scores
    close_to_want scores
    # In the other layout they do not fit.
    emo-convert -q -t safetensors --layout keras -o baseline.safetensors baseline.model
    run ! "$python" torch_load.py
}

@test "Keras's layers get weights of the shapes and order that Keras has" {
    needs_python numpy
    example keras_load.py
    emo-convert -q -t safetensors --layout keras -o keras.safetensors baseline.model
    "$python" "$ROOT/tests/peers/keras_layers.py" keras.safetensors photos.npz >scores
    close_to_want scores
}

@test "a model that was changed in Python comes back changed" {
    needs_python numpy
    emo-convert -q -t safetensors -o baseline.safetensors baseline.model
    "$python" - <<'END'
import json, struct
import numpy as np
with open("baseline.safetensors", "rb") as f:
    n, = struct.unpack("<Q", f.read(8))
    header, data = json.loads(f.read(n)), f.read()
meta = header.pop("__metadata__")
arrays = {k: np.frombuffer(data[slice(*v["data_offsets"])],
                           {"F32": "<f4", "I64": "<i8"}[v["dtype"]]).reshape(v["shape"])
          for k, v in header.items()}
arrays["dense3.weight"] = -arrays["dense3.weight"]
arrays["dense3.bias"] = -arrays["dense3.bias"]
# In the order of their names, as the package saves them.
header, at = {"__metadata__": meta}, 0
for name in sorted(arrays):
    a = arrays[name]
    header[name] = {"dtype": "F32" if a.dtype == np.float32 else "I64", "shape": a.shape,
                    "data_offsets": [at, at + a.nbytes]}
    at += a.nbytes
text = json.dumps(header).encode()
with open("changed.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text)
    for name in sorted(arrays):
        f.write(arrays[name].tobytes())
END
    emo-convert -q -f safetensors -o changed.model changed.safetensors
    emo-predict -q --tsv changed.model photos.emo | cut -f 8 | sed 1d >scores
    close_to_want scores
}

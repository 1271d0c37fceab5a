"""The baseline as Keras computes it, in NumPy: layers with Keras's names, shapes and order.

usage: keras_layers.py TENSORS.safetensors ARRAYS.npz     prints the score of every image

The weights are set by the example of emo-convert(1), in the present directory. Channels are last;
a kernel is height, width, in, out; a matrix in, out; Flatten goes by row, column, channel.
"""
import json
import struct
import sys

import numpy as np

sys.path.insert(0, ".")
from keras_load import fill  # noqa: E402


class Layer:
    def __init__(self, name, shape):
        self.name, self.shape = name, shape

    def set_weights(self, weights):
        assert weights[0].shape == self.shape and weights[1].shape == self.shape[-1:]
        self.kernel, self.bias = (w.astype(np.float64) for w in weights)


def conv(x, layer):
    """valid, stride 2"""
    out = (x.shape[1] - 3) // 2 + 1
    y = np.zeros((len(x), out, out, layer.shape[3])) + layer.bias
    for i in range(3):
        for j in range(3):
            y += x[:, i : i + 2 * out : 2, j : j + 2 * out : 2][:, :out, :out] @ layer.kernel[i, j]
    return y


def pool(x):
    n = x.shape[1] // 2
    return x[:, : 2 * n, : 2 * n].reshape(len(x), n, 2, n, 2, -1).max(axis=(2, 4))


with open(sys.argv[1], "rb") as f:
    length, = struct.unpack("<Q", f.read(8))
    header, data = json.loads(f.read(length)), f.read()
header.pop("__metadata__")
tensors = {name: np.frombuffer(data[slice(*t["data_offsets"])], "<f4").reshape(t["shape"])
           for name, t in header.items() if t["dtype"] == "F32"}


class Model:
    layers = [Layer("conv1", (3, 3, 3, 64)), Layer("conv2", (3, 3, 64, 64)),
              Layer("conv3", (3, 3, 64, 128)), Layer("conv4", (3, 3, 128, 128)),
              Layer("pool", ()), Layer("dense1", (512, 256)), Layer("dense2", (256, 512)),
              Layer("dense3", (512, 1))]


x = np.load(sys.argv[2])["images"] / 255
side = x.shape[1]
for step in (lambda n: (n - 3) // 2 + 1, lambda n: (n - 3) // 2 + 1, lambda n: n // 2) * 2:
    side = step(side)
Model.layers[5].shape = (side * side * 128, 256)
fill(Model, tensors)
c1, c2, c3, c4, _, d1, d2, d3 = Model.layers
x = pool(conv(conv(x, c1), c2))
x = pool(conv(conv(x, c3), c4)).reshape(len(x), -1)
x = np.maximum(x @ d1.kernel + d1.bias, 0)
x = np.maximum(x @ d2.kernel + d2.bias, 0)
for logit in (x @ d3.kernel + d3.bias)[:, 0]:
    print(1 / (1 + np.exp(-logit)))

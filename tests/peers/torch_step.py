"""Twenty steps of PyTorch in float32 against those of emo-train.

usage: torch_step.py IMAGES.emo INIT.model TRAINED.model STEPS.txt RATE BATCH SEED STEPS

The same initial parameters and the same batches, no dropout, Adam as Keras writes it. The order of
the images is that of the first epoch, drawn here anew. Each loss must agree to 1e-4 relative, and
each tensor w with PyTorch's w' to |w - w'| <= 1e-3 max(|w'|, rate steps sqrt(n)), and to 1e-2 of
how far it moved.

At a high rate float32 does not decide what comes out: a ReLU or a maximum that falls the other way
by rounding is amplified from step to step, in PyTorch too. So PyTorch runs in float64 as well, and
steps count until its own two runs are 1e-6 apart. At least STEPS must; the tensors are compared
when all do.
"""
import re
import sys

import numpy as np
import torch
import torch.nn.functional as F

from emo_stream import read, unescape

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-7


def philox(key, counter):
    """Philox4x32-10, from the paper."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1 = (p1 >> 32) ^ c1 ^ k0, p1 & 0xFFFFFFFF
        c2, c3 = (p0 >> 32) ^ c3 ^ k1, p0 & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def shuffled(records, seed, epoch):
    def key(r):
        counter = (r["id"] & 0xFFFFFFFF, r["id"] >> 32, epoch << 16 | 3, 0)
        low, high, _, _ = philox((seed & 0xFFFFFFFF, seed >> 32), counter)
        return (high << 32 | low, r["id"])

    return sorted(records, key=key)


def activate(x, words):
    if "relu" in words:
        return F.relu(x)
    assert not {"sigmoid", "softmax"} & set(words)
    return x


def forward(net, w, x):
    """Logits. x and everything spatial is NCHW; kernels are kept HWIO, as in the model."""
    counts = {}
    for line in net.splitlines():
        words = line.split()
        kind = words[0]
        if kind in ("conv", "dense", "output"):
            kind = "conv" if kind == "conv" else "dense"
            counts[kind] = counts.get(kind, 0) + 1
            weight = w[f"{kind}{counts[kind]}.weight"]
            bias = w[f"{kind}{counts[kind]}.bias"]
        if words[0] == "conv":
            stride = int(words[words.index("stride") + 1]) if "stride" in words else 1
            x = activate(F.conv2d(x, weight.permute(3, 2, 0, 1), bias, stride), words)
        elif kind == "maxpool":
            x = F.max_pool2d(x, int(words[1]))
        elif kind == "flatten":
            x = x.permute(0, 2, 3, 1).flatten(1)
        elif kind == "dense":
            x = activate(x @ weight + bias, words)
        else:
            assert kind == "dropout", line
    return x


def loss_of(logits, labels, classes):
    if classes == 2:
        return F.binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype))
    return F.cross_entropy(logits, labels)


def read_model(path):
    """Network text, number of classes, parameters by name."""
    head, records = read(path)
    net = [unescape(line.split(b"\t")[1]) for line in head["lines"] if line.startswith(b"@NET\t")]
    parameters = {r["meta"]["name"]: r["data"] for r in records if r["meta"]["role"] == "parameter"}
    return "\n".join(net), len(head["classes"]), parameters


def run(net, classes, parameters, order, lr, batch, steps, dtype):
    """Losses and final parameters."""
    w = {k: torch.tensor(p).to(dtype).requires_grad_() for k, p in parameters.items()}
    m = {k: torch.zeros_like(t) for k, t in w.items()}
    v = {k: torch.zeros_like(t) for k, t in w.items()}
    losses = []
    for step in range(1, steps + 1):
        rows = order[(step - 1) * batch : step * batch]
        x = torch.tensor(np.stack([r["data"] for r in rows])).permute(0, 3, 1, 2).to(dtype) / 255
        labels = torch.tensor([r["label"] for r in rows])
        loss = loss_of(forward(net, w, x), labels, classes)
        losses.append(loss.item())
        grads = torch.autograd.grad(loss, list(w.values()))
        rate = lr * (1 - BETA2**step) ** 0.5 / (1 - BETA1**step)
        with torch.no_grad():
            for (k, p), g in zip(w.items(), grads):
                m[k] = BETA1 * m[k] + (1 - BETA1) * g
                v[k] = BETA2 * v[k] + (1 - BETA2) * g * g
                p -= rate * m[k] / (v[k].sqrt() + EPSILON)
    return losses, {k: p.detach().double().numpy() for k, p in w.items()}


def main():
    _, images = read(sys.argv[1])
    net, classes, init = read_model(sys.argv[2])
    trained_net, _, trained = read_model(sys.argv[3])
    with open(sys.argv[4]) as f:
        ours = [float(x) for x in re.findall(r"step \d+ loss (\S+)", f.read())]
    lr, batch, seed, least = float(sys.argv[5]), *map(int, sys.argv[6:9])
    assert net == trained_net and len(ours) == 20, len(ours)
    order = shuffled(images, seed, 1)
    single, final = run(net, classes, init, order, lr, batch, len(ours), torch.float32)
    double, _ = run(net, classes, init, order, lr, batch, len(ours), torch.float64)
    decided = 0
    while decided < len(ours) and abs(single[decided] / double[decided] - 1) <= 1e-6:
        decided += 1
    worst = max(abs(a / b - 1) for a, b in zip(ours[:decided], single))
    print(f"losses: worst relative difference {worst:.2e} in {decided} steps")
    failed = decided < least or not worst <= 1e-4
    for k, theirs in final.items() if decided == len(ours) else ():
        mine = trained[k].astype(np.float64)
        scale = max(np.linalg.norm(theirs), lr * len(ours) * mine.size**0.5)
        difference = np.linalg.norm(mine - theirs)
        moved = np.linalg.norm(theirs - init[k])
        print(f"{k}: difference {difference / scale:.2e}, {difference / moved:.2e} of its way")
        failed |= not (difference <= 1e-3 * scale and difference <= 1e-2 * moved)
    sys.exit(failed)


main()

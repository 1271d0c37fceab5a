"""A network of emo-net(5) text in PyTorch, for the scripts beside this one."""
import contextlib

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def network(path, height, width):
    """Of two classes: one logit an image. Convolutions are valid ones."""
    with open(path) as f:
        lines = [line.split() for line in f]
    layers, shape = [], (3, height, width)
    for words in lines:
        name, numbers = words[0], [float(w) for w in words[1:] if w[0].isdigit()]
        if name == "conv":
            filters, kernel = int(numbers[0]), int(numbers[1])
            stride = int(words[words.index("stride") + 1]) if "stride" in words else 1
            layer = nn.Conv2d(shape[0], filters, kernel, stride)
            nn.init.xavier_uniform_(layer.weight)
            shape = (filters, *((n - kernel) // stride + 1 for n in shape[1:]))
        elif name == "maxpool":
            layer = nn.MaxPool2d(int(numbers[0]))
            shape = (shape[0], *(n // int(numbers[0]) for n in shape[1:]))
        elif name == "flatten":
            layer, shape = nn.Flatten(), (shape[0] * shape[1] * shape[2],)
        elif name == "dense":
            layer = nn.Linear(shape[0], int(numbers[0]))
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            shape = (int(numbers[0]),)
        elif name == "dropout":
            layer = nn.Dropout(numbers[0])
        elif name == "output":
            layer = nn.Linear(shape[0], 1)
            nn.init.xavier_uniform_(layer.weight)
        else:
            raise SystemExit(f"{path}: {name}: no such layer here")
        if getattr(layer, "bias", None) is not None:
            nn.init.zeros_(layer.bias)
        layers += [layer, *(ACTIVATIONS[w]() for w in words if w in ACTIVATIONS)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def precision(dtype):
    """The context to compute in."""
    if dtype == "bf16":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def step(model, optimizer, x, y, dtype):
    """One step of Adam on a batch; the loss, and the logits."""
    with precision(dtype):
        logits = model(x).squeeze(1)
    loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), logits.detach().float()

"""The step in PyTorch: `python3 bench/peers/pytorch-step.py <folder with the start> <seconds>`.

Threads, BLAS and memory are chosen by the environment before the process starts: see participants.ts. Steps are timed and
told as in measurement.ts. The exact GELU is the faster one of PyTorch's two, AdamW updates all tensors at once (foreach), and
denormals are flushed.
"""

import json
import math
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LEAST_TIMED_STEPS = 3


def read_start(folder):
    """Size, parameters by name in apollo-ts's layout, inputs and targets: see start.ts."""
    with open(os.path.join(folder, "start.json"), encoding="utf-8") as file:
        start = json.load(file)
    with open(os.path.join(folder, "start.bin"), "rb") as file:
        content = bytearray(file.read())
    offset = 0

    def following(shape, dtype):
        nonlocal offset
        tensor = torch.frombuffer(content, dtype=dtype, count=math.prod(shape), offset=offset).reshape(shape)
        offset += 4 * math.prod(shape)
        return tensor

    parameters = {each["name"]: following(each["shape"], torch.float32) for each in start["parameters"]}
    tokens = (start["size"]["batch"], start["size"]["context"])
    return start["size"], parameters, following(tokens, torch.int32).long(), following(tokens, torch.int32).long()


class Block(nn.Module):
    def __init__(self, hidden, heads, approximate):
        super().__init__()
        self.heads, self.approximate = heads, approximate
        self.attentionNorm, self.feedForwardNorm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.attention = nn.ModuleDict({"qkv": nn.Linear(hidden, 3 * hidden), "output": nn.Linear(hidden, hidden)})
        self.feedForward = nn.ModuleDict({"up": nn.Linear(hidden, 4 * hidden), "down": nn.Linear(4 * hidden, hidden)})

    def forward(self, x, mask):
        x = x + self.attend(self.attentionNorm(x), mask)
        return x + self.feed(self.feedForwardNorm(x))

    def feed(self, x):
        return self.feedForward["down"](F.gelu(self.feedForward["up"](x), approximate=self.approximate))

    def attend(self, x, mask):
        batch, tokens, hidden = x.shape
        size = hidden // self.heads
        parts = self.attention["qkv"](x).split(hidden, -1)
        q, k, v = (part.view(batch, tokens, self.heads, size).transpose(1, 2) for part in parts)
        weights = (q @ k.transpose(-2, -1) / math.sqrt(size) + mask).softmax(-1)
        return self.attention["output"]((weights @ v).transpose(1, 2).reshape(batch, tokens, hidden))


class Gpt(nn.Module):
    """Pre-LN, GELU exact or approximated, biases, learned positions, the token table again as head; named as in apollo-ts."""

    def __init__(self, size, approximate="none"):
        super().__init__()
        hidden, context = size["hidden"], size["context"]
        self.tokenEmbedding = nn.Embedding(size["vocabulary"], hidden)
        self.positionEmbedding = nn.Embedding(context, hidden)
        self.blocks = nn.ModuleList(Block(hidden, size["heads"], approximate) for _ in range(size["layers"]))
        self.finalNorm = nn.LayerNorm(hidden)
        self.register_buffer("mask", torch.full((context, context), -math.inf).triu(1), persistent=False)

    def load(self, parameters):
        """From apollo-ts's layout of matrices, [in, out]."""
        transposed = {module.weight for module in self.modules() if isinstance(module, nn.Linear)}
        own = dict(self.named_parameters())
        assert own.keys() == parameters.keys()
        with torch.no_grad():
            for name, values in parameters.items():
                own[name].copy_(values.T if own[name] in transposed else values)

    def loss(self, inputs, targets):
        x = self.tokenEmbedding(inputs) + self.positionEmbedding.weight
        for block in self.blocks:
            x = block(x, self.mask)
        logits = F.linear(self.finalNorm(x), self.tokenEmbedding.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def main(folder, seconds):
    torch.set_flush_denormal(True)
    size, parameters, inputs, targets = read_start(folder)
    model = Gpt(size)
    model.load(parameters)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, foreach=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(inputs, targets)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item(), norm.item()

    losses, milliseconds, gradient_norm = [], [], None
    start = time.perf_counter()
    end, warm = start + seconds, start + seconds / 3
    while len(milliseconds) < LEAST_TIMED_STEPS or time.perf_counter() < end:
        began = time.perf_counter()
        loss, norm = step()
        elapsed = time.perf_counter() - began
        if gradient_norm is None:
            gradient_norm = norm
        if losses and began > warm:
            milliseconds.append(1000 * elapsed)
        losses.append(loss)
    print(
        json.dumps(
            {
                "description": "PyTorch %s, %d OpenMP threads" % (torch.__version__, torch.get_num_threads()),
                "losses": losses,
                "gradientNorm": gradient_norm,
                "milliseconds": milliseconds,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

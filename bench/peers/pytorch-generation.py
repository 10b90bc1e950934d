"""Tokens that PyTorch writes: `python3 bench/peers/pytorch-generation.py <folder with the start> <prompt's tokens> <tokens>`.

See generation.ts, which starts it; the prompt is the beginning of the start's inputs. Keys and values are kept in tensors that have
room for all tokens, and nothing is recorded for gradients. The likeliest token is taken each time. GELU is approximated by tanh.
"""

import importlib
import json
import os
import sys
import time

import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
step = importlib.import_module("pytorch-step")


def main(folder, prompt, count):
    torch.set_flush_denormal(True)
    size, parameters, inputs, _ = step.read_start(folder)
    model = step.Gpt(size, approximate="tanh")
    model.load(parameters)
    with torch.inference_mode():
        print(json.dumps(write(model, size, inputs[0, :prompt], count)))


def write(model, size, prompt, count):
    room = (size["heads"], len(prompt) + count, size["hidden"] // size["heads"])
    kept = [(torch.empty(room), torch.empty(room)) for _ in model.blocks]
    known, following, tokens, ends = 0, prompt, [], []
    for _ in range(count + 1):
        x = model.tokenEmbedding(following) + model.positionEmbedding.weight[known : known + len(following)]
        for block, (keys, values) in zip(model.blocks, kept):
            x = x + attend(block, block.attentionNorm(x), keys, values, known)
            x = x + block.feed(block.feedForwardNorm(x))
        known += len(following)
        following = F.linear(model.finalNorm(x[-1:]), model.tokenEmbedding.weight).argmax(-1)
        tokens.append(following.item())
        ends.append(time.perf_counter())
    return {"tokens": tokens, "milliseconds": [1000 * (b - a) for a, b in zip(ends, ends[1:])]}


def attend(block, x, keys, values, known):
    """Causal attention of some following tokens [T, C], whose keys and values are added to those that are known."""
    end = known + len(x)
    q, k, v = (part.view(len(x), block.heads, -1).transpose(0, 1) for part in block.attention["qkv"](x).chunk(3, -1))
    keys[:, known:end], values[:, known:end] = k, v
    scores = q @ keys[:, :end].transpose(1, 2) / q.shape[-1] ** 0.5
    if len(x) > 1:
        scores = scores + torch.full((len(x), end), -torch.inf).triu(known + 1)
    mixed = scores.softmax(-1) @ values[:, :end]
    return block.attention["output"](mixed.transpose(0, 1).reshape(x.shape))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

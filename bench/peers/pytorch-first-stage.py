"""The first stage in PyTorch: `python3 bench/peers/pytorch-first-stage.py <folder with the start> <options as JSON>`.

See first-stage.ts, which starts it. The start's first sequences are the training batches, the others are looked at in the end. GELU is
approximated by tanh, and biases and LayerNorms do not decay, as in apollo-ts's runs.
"""

import importlib
import json
import os
import sys

import torch
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
step = importlib.import_module("pytorch-step")


def main(folder, options):
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    size, parameters, inputs, targets = step.read_start(folder)
    model = step.Gpt(size, approximate="tanh")
    model.load(parameters)
    train(model, inputs, targets, options)
    with torch.no_grad():
        print(json.dumps(branches(model, inputs[options["batch"] * len(options["rates"]) :])))


def train(model, inputs, targets, options):
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    decays = [(matrices, options["weightDecay"]), (vectors, 0.0)]
    optimizer = torch.optim.AdamW([{"params": group, "weight_decay": decay} for group, decay in decays])
    for index, rate in enumerate(options["rates"]):
        rows = slice(index * options["batch"], (index + 1) * options["batch"])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        model.loss(inputs[rows], targets[rows]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), options["clipNorm"])
        optimizer.step()


def branches(model, inputs):
    """Sizes of what the first layer's parts add, over that of the stream they add it to."""
    block = model.blocks[0]
    x = model.tokenEmbedding(inputs) + model.positionEmbedding.weight
    attended = block.attend(block.attentionNorm(x), model.mask)
    between = x + attended
    fed = block.feed(block.feedForwardNorm(between))
    return {
        "attention": (attended.norm() / x.norm()).item(),
        "feedForward": (fed.norm() / between.norm()).item(),
    }


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))

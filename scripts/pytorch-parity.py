"""Writes test/fixtures/pytorch/*.json: what PyTorch computes for the models, operations and optimizers of this project.

    apt-get install python3-torch        # Debian 12: PyTorch 1.13; any later one will do
    python3 scripts/pytorch-parity.py    # from the root of the project; takes a few seconds

The fixtures are committed, so that the tests need no Python: run this only to change what is compared. The oracle is
PyTorch's own code wherever it has some (nn.TransformerEncoderLayer, functional.layer_norm, functional.cross_entropy,
optim.AdamW, clip_grad_norm_), in double precision. Weights and tokens are not in the files: both sides compute them from
`fraction`, whose results are multiples of 2^-16 and therefore exact in single precision. Parameters carry this project's
names, in its order, and its layout of matrices, [in, out]; PyTorch's is [out, in].

Models are tiny, with sizes that no vector width divides. Numbers are rounded to 9 significant digits.
"""

import json
import os

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)

FOLDER = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "pytorch")
MASK = 0xFFFFFFFF
UPDATES = 10
# Warm-up and decay, so that a learning rate that is read from the wrong update shows.
LEARNING_RATES = [0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01, 0.008, 0.006, 0.004, 0.002]


def fraction(stream, index):
    """A number in [0, 1) with 16 bits that depends on two integers; the test has the same function."""
    bits = (stream * 0x9E3779B1 + index * 0x85EBCA6B) & MASK
    bits = ((bits ^ (bits >> 15)) * 0x2C1B3C6D) & MASK
    bits = ((bits ^ (bits >> 12)) * 0x297A2D39) & MASK
    return ((bits ^ (bits >> 15)) >> 16) / 65536


def values(stream, shape, centre=0.0, spread=1.0):
    """Numbers in [centre - spread, centre + spread)."""
    size = 1
    for length in shape:
        size *= length
    flat = [centre + spread * (2 * fraction(stream, index) - 1) for index in range(size)]
    return torch.tensor(flat).reshape(shape)


def integers(stream, shape, bound):
    size = 1
    for length in shape:
        size *= length
    return torch.tensor([int(fraction(stream, index) * bound) for index in range(size)]).reshape(shape)


def rounded(tensor):
    return [float("%.9g" % value) for value in tensor.detach().reshape(-1).tolist()]


class Model(nn.Module):
    """What GPT and BERT have in common: layers used in the order of a path, and parameters by this project's names."""

    def __init__(self, size, blocks, activation, epsilon, norm_first):
        super().__init__()
        hidden = size["hidden"]
        self.size = size
        self.tokens = nn.Embedding(size["vocabulary"], hidden)
        self.positions = nn.Embedding(size["context"], hidden)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                hidden,
                size["heads"],
                dim_feedforward=4 * hidden,
                dropout=0.0,
                activation=activation,
                layer_norm_eps=epsilon,
                batch_first=True,
                norm_first=norm_first,
            )
            for _ in range(blocks)
        )

    def named(self):
        """(name, parameter, whether PyTorch's layout is the transpose of this project's)."""
        yield "tokenEmbedding.weight", self.tokens.weight, False
        yield "positionEmbedding.weight", self.positions.weight, False
        yield from self.named_before()
        for index, block in enumerate(self.blocks):
            at = "blocks.%d." % index
            yield at + "attentionNorm.weight", block.norm1.weight, False
            yield at + "attentionNorm.bias", block.norm1.bias, False
            yield at + "attention.qkv.weight", block.self_attn.in_proj_weight, True
            yield at + "attention.qkv.bias", block.self_attn.in_proj_bias, False
            yield at + "attention.output.weight", block.self_attn.out_proj.weight, True
            yield at + "attention.output.bias", block.self_attn.out_proj.bias, False
            yield at + "feedForwardNorm.weight", block.norm2.weight, False
            yield at + "feedForwardNorm.bias", block.norm2.bias, False
            yield at + "feedForward.up.weight", block.linear1.weight, True
            yield at + "feedForward.up.bias", block.linear1.bias, False
            yield at + "feedForward.down.weight", block.linear2.weight, True
            yield at + "feedForward.down.bias", block.linear2.bias, False
        yield from self.named_after()

    def fill(self):
        """Every parameter from the formula, by its place in the list; LayerNorm weights around 1."""
        with torch.no_grad():
            for stream, (name, parameter, transposed) in enumerate(self.named()):
                shape = tuple(parameter.T.shape if transposed else parameter.shape)
                if len(shape) > 1:
                    made = values(stream, shape, 0.0, 0.5)
                else:
                    made = values(stream, shape, 1.0 if name.endswith("orm.weight") else 0.0, 0.25)
                parameter.copy_(made.T if transposed else made)
        return self

    def gradients(self):
        return {
            name: rounded(parameter.grad.T if transposed else parameter.grad)
            for name, parameter, transposed in self.named()
        }


class Gpt(Model):
    def __init__(self, size, blocks, path):
        super().__init__(size, blocks, lambda x: F.gelu(x, approximate="tanh"), 1e-5, True)
        self.path = path
        self.final = nn.LayerNorm(size["hidden"], eps=1e-5)

    def named_before(self):
        return iter(())

    def named_after(self):
        yield "finalNorm.weight", self.final.weight, False
        yield "finalNorm.bias", self.final.bias, False

    def logits(self, ids):
        length = ids.shape[1]
        hidden_keys = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
        x = self.tokens(ids) + self.positions(torch.arange(length))
        for index in self.path:
            x = self.blocks[index](x, src_mask=hidden_keys)
        return F.linear(self.final(x), self.tokens.weight)

    def batch(self, step):
        shape = (self.size["batch"], self.size["tokens"])
        return tuple(integers(1000 + 10 * step + part, shape, self.size["vocabulary"]) for part in (0, 1))

    def output_and_loss(self, step):
        inputs, targets = self.batch(step)
        logits = self.logits(inputs)
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class Bert(Model):
    def __init__(self, size, blocks):
        super().__init__(size, blocks, F.gelu, 1e-12, False)
        hidden = size["hidden"]
        self.types = nn.Embedding(2, hidden)
        self.embedding_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.transform = nn.Linear(hidden, hidden)
        self.head_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.head_bias = nn.Parameter(torch.zeros(size["vocabulary"]))

    def named_before(self):
        yield "typeEmbedding.weight", self.types.weight, False
        yield "embeddingNorm.weight", self.embedding_norm.weight, False
        yield "embeddingNorm.bias", self.embedding_norm.bias, False

    def named_after(self):
        yield "head.transform.weight", self.transform.weight, True
        yield "head.transform.bias", self.transform.bias, False
        yield "head.norm.weight", self.head_norm.weight, False
        yield "head.norm.bias", self.head_norm.bias, False
        yield "head.bias", self.head_bias, False

    def logits(self, ids, types, positions, padding=None):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1])) + self.types(types)
        x = self.embedding_norm(x)
        for block in self.blocks:
            x = block(x, src_key_padding_mask=padding)
        masked = x.flatten(0, 1)[positions]
        return F.linear(self.head_norm(F.gelu(self.transform(masked))), self.tokens.weight, self.head_bias)

    def batch(self, step):
        size = self.size
        shape = (size["batch"], size["tokens"])
        stream = 1000 + 10 * step
        every = size["batch"] * size["tokens"] // size["masked"]
        return {
            "ids": integers(stream, shape, size["vocabulary"]),
            "types": integers(stream + 1, shape, 2),
            "positions": torch.arange(size["masked"]) * every + step % every,
            "targets": integers(stream + 2, (size["masked"],), size["vocabulary"]),
        }

    def output_and_loss(self, step):
        batch = self.batch(step)
        logits = self.logits(batch["ids"], batch["types"], batch["positions"])
        return logits, F.cross_entropy(logits, batch["targets"])


def decay_groups(parameters, weight_decay):
    """Weight decay on whatever has more than one axis."""
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]


def training_case(model):
    """Logits, loss and gradients of one batch, then ten updates on other batches."""
    model.fill().train()
    logits, loss = model.output_and_loss(0)
    loss.backward()
    case = {
        "size": model.size,
        "logits": rounded(logits),
        "loss": rounded(loss)[0],
        "gradients": model.gradients(),
        "learningRates": LEARNING_RATES,
        "losses": [],
        "gradNorms": [],
    }
    parameters = [parameter for _, parameter, _ in model.named()]
    optimizer = torch.optim.AdamW(decay_groups(parameters, 0.01), betas=(0.9, 0.999), eps=1e-8)
    for update in range(UPDATES):
        optimizer.zero_grad()
        _, loss = model.output_and_loss(update)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATES[update]
        optimizer.step()
        case["losses"] += rounded(loss)
        case["gradNorms"] += rounded(norm)
    return case


def gpt_cases():
    size = {"hidden": 12, "heads": 3, "context": 9, "vocabulary": 29, "batch": 2, "tokens": 7}
    return {
        "straight": training_case(Gpt({**size, "layers": 3}, 3, [0, 1, 2])),
        "shared": training_case(Gpt({**size, "layers": 2, "map": [0, 0, 1, 1]}, 2, [0, 0, 1, 1])),
    }


def bert_cases():
    size = {"hidden": 12, "heads": 2, "context": 9, "vocabulary": 29, "batch": 2, "tokens": 7, "masked": 4, "layers": 3}
    straight = training_case(Bert(size, 3))
    model = Bert(size, 3).fill().train()
    batch = model.batch(0)
    # The second sequence ends two tokens earlier than the first.
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[1, 5:] = True
    real = torch.tensor([0, 3, 6, 7, 9, 11])
    logits = model.logits(batch["ids"], batch["types"], real, padding)
    return {
        "straight": straight,
        "padded": {
            "mask": [0 if hidden else 1 for hidden in padding.flatten().tolist()],
            "positions": real.tolist(),
            "logits": rounded(logits),
        },
    }


def with_gradients(function, *inputs):
    """The output, and the gradients of the sum of the output times (1, 2, 3, ...)/size."""
    leaves = [value.clone().requires_grad_() for value in inputs]
    output = function(*leaves)
    weights = torch.arange(1, output.numel() + 1).double().reshape(output.shape) / output.numel()
    (output * weights).sum().backward()
    return {"output": rounded(output), "gradients": [rounded(leaf.grad) for leaf in leaves]}


def cross_entropy_case(smoothing, reduction):
    logits = values(4, (6, 5), 0.0, 4.0).requires_grad_()
    targets = integers(5, (6,), 5)
    targets[1] = targets[4] = -1
    loss = F.cross_entropy(logits, targets, ignore_index=-1, label_smoothing=smoothing, reduction=reduction)
    loss.sum().backward()
    return {
        "labelSmoothing": smoothing,
        "reduction": reduction,
        "targets": targets.tolist(),
        "output": rounded(loss),
        "gradient": rounded(logits.grad),
    }


def optimizer_case(make, arguments):
    """A matrix and a bias over eight updates with gradients from the formula; the bias has none in the third."""
    parameters = [values(6, (3, 5)).requires_grad_(), values(7, (5,)).requires_grad_()]
    optimizer = make(parameters, **arguments)
    for update in range(8):
        optimizer.zero_grad(set_to_none=True)
        for index, parameter in enumerate(parameters):
            if not (update == 2 and index == 1):
                parameter.grad = values(20 + 2 * update + index, tuple(parameter.shape), 0.0, 2.0)
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (1 + update)
        optimizer.step()
    return {"options": arguments, "parameters": [rounded(parameter) for parameter in parameters]}


def adamw(parameters, beta1, beta2, epsilon, weightDecay):
    return torch.optim.AdamW(decay_groups(parameters, weightDecay), betas=(beta1, beta2), eps=epsilon)


def sgd(parameters, momentum):
    return torch.optim.SGD(parameters, lr=1.0, momentum=momentum)


def clip_case(maximum):
    parameters = [values(6, (3, 5)).requires_grad_(), values(7, (5,)).requires_grad_()]
    for index, parameter in enumerate(parameters):
        parameter.grad = values(20 + index, tuple(parameter.shape), 0.0, 2.0)
    norm = nn.utils.clip_grad_norm_(parameters, maximum)
    return {
        "maximum": maximum,
        "norm": rounded(norm)[0],
        "gradients": [rounded(parameter.grad) for parameter in parameters],
    }


def operation_cases():
    x = values(0, (3, 2, 7), 0.5, 2.0)
    weight, bias = values(1, (7,), 1.0, 0.5), values(2, (7,), 0.0, 0.5)
    wide = torch.cat([values(3, (32,), 0.0, 4.0), torch.tensor([0.0, -30.0, 30.0, -6.0, 6.0, 0.0009765625])])
    return {
        "layerNorm": [
            {"epsilon": epsilon, **with_gradients(lambda a, w, b: F.layer_norm(a, (7,), w, b, epsilon), x, weight, bias)}
            for epsilon in (1e-5, 1e-12, 0.5)
        ],
        "gelu": [
            {"approximate": form, **with_gradients(lambda a: F.gelu(a, approximate=form), wide)}
            for form in ("none", "tanh")
        ],
        "crossEntropy": [
            cross_entropy_case(smoothing, reduction) for smoothing in (0.0, 0.1) for reduction in ("mean", "sum", "none")
        ],
        "adamw": [
            optimizer_case(adamw, {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0.01}),
            optimizer_case(adamw, {"beta1": 0.5, "beta2": 0.75, "epsilon": 0.001, "weightDecay": 0.25}),
        ],
        "sgd": [optimizer_case(sgd, {"momentum": momentum}) for momentum in (0.0, 0.9)],
        "clip": [clip_case(maximum) for maximum in (1.0, 100.0)],
    }


def write(name, content):
    """JSON with one line for each list of numbers."""

    def text(value, indent):
        if not isinstance(value, dict) and not (isinstance(value, list) and value and isinstance(value[0], dict)):
            return json.dumps(value, separators=(",", ":"))
        inner = indent + " "
        if isinstance(value, dict):
            parts = ["%s%s:%s" % (inner, json.dumps(key), text(item, inner)) for key, item in value.items()]
            return "{\n%s\n%s}" % (",\n".join(parts), indent)
        return "[\n%s\n%s]" % (",\n".join(inner + text(item, inner) for item in value), indent)

    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
        file.write(text(content, "") + "\n")


if __name__ == "__main__":
    write("gpt.json", gpt_cases())
    write("bert.json", bert_cases())
    write("operations.json", operation_cases())

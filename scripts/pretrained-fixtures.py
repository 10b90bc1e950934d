"""Writes test/fixtures/pretrained: files in Hugging Face's form, and what models of its classes answer to them.

    apt-get install python3-torch            # Debian 12: PyTorch 1.13; any later one will do
    python3 scripts/pretrained-fixtures.py   # from the root of the project; takes a few seconds
    python3 scripts/pretrained-fixtures.py --large   # the logits of a GPT-2 with 124 million parameters; half a minute

The fixtures are committed, so that the tests need no Python. No trained weights are needed either: weights come from
`fraction`, as those of pytorch-parity.py do, and what is compared is whether both sides read the same numbers and compute
the same from them. The models stand below as functions of named tensors, written after the published descriptions of
GPT-2 and BERT, with the names, shapes and layouts that Hugging Face's files have; they compute in double precision.

Folders: F32, F16, BF16 and a checkpoint in two shards; names as the classes write them, and as old files have them.
keys/*.json: every name of two well-known files with its shape.
"""

import json
import os
import struct
import sys

import numpy
import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)

FOLDER = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "pretrained")


def fraction(stream, size):
    """`size` numbers in [0, 1) with 16 bits that depend on the stream and their index; the test has the same function."""
    index = numpy.arange(size, dtype=numpy.uint32)
    bits = index * numpy.uint32(0x85EBCA6B) + numpy.uint32(stream * 0x9E3779B1 & 0xFFFFFFFF)
    bits = (bits ^ (bits >> numpy.uint32(15))) * numpy.uint32(0x2C1B3C6D)
    bits = (bits ^ (bits >> numpy.uint32(12))) * numpy.uint32(0x297A2D39)
    return ((bits ^ (bits >> numpy.uint32(15))) >> numpy.uint32(16)).astype(numpy.float64) / 65536


def filled(shapes, spread):
    """Tensors by name in single precision; what scales in a LayerNorm lies around 1."""
    made = {}
    for stream, (name, shape) in enumerate(shapes.items()):
        centre = 1.0 if len(shape) == 1 and name.endswith(("weight", "gamma")) else 0.0
        flat = centre + spread * (2 * fraction(stream, int(numpy.prod(shape))) - 1)
        made[name] = torch.from_numpy(flat).float().reshape(shape)
    return made


def integers(stream, shape, bound):
    flat = (fraction(stream, int(numpy.prod(shape))) * bound).astype(numpy.int64)
    return torch.from_numpy(flat).reshape(shape)


def gpt2_shapes(size, prefix="transformer.", masks=False):
    """With `masks` the causal mask of every layer, which the file of `gpt2` holds beside the weights."""
    hidden, inner = size["n_embd"], size["n_inner"] or 4 * size["n_embd"]
    shapes = {
        "wte.weight": [size["vocab_size"], hidden],
        "wpe.weight": [size["n_positions"], hidden],
    }
    for layer in range(size["n_layer"]):
        for part, shape in {
            "ln_1": [hidden],
            "attn.c_attn": [hidden, 3 * hidden],
            "attn.c_proj": [hidden, hidden],
            "ln_2": [hidden],
            "mlp.c_fc": [hidden, inner],
            "mlp.c_proj": [inner, hidden],
        }.items():
            if masks and part == "attn.c_attn":
                shapes["h.%d.attn.bias" % layer] = [1, 1, size["n_positions"], size["n_positions"]]
            shapes["h.%d.%s.weight" % (layer, part)] = shape
            shapes["h.%d.%s.bias" % (layer, part)] = shape[-1:]
    shapes["ln_f.weight"] = [hidden]
    shapes["ln_f.bias"] = [hidden]
    return {prefix + name: shape for name, shape in shapes.items()}


def bert_shapes(size, heads, scale="weight", shift="bias"):
    hidden, inner = size["hidden_size"], size["intermediate_size"]
    shapes = {
        "bert.embeddings.word_embeddings.weight": [size["vocab_size"], hidden],
        "bert.embeddings.position_embeddings.weight": [size["max_position_embeddings"], hidden],
        "bert.embeddings.token_type_embeddings.weight": [2, hidden],
    }

    def linear(name, inputs, outputs):
        shapes[name + ".weight"] = [outputs, inputs]
        shapes[name + ".bias"] = [outputs]

    def norm(name):
        shapes["%s.%s" % (name, scale)] = [hidden]
        shapes["%s.%s" % (name, shift)] = [hidden]

    norm("bert.embeddings.LayerNorm")
    for layer in range(size["num_hidden_layers"]):
        at = "bert.encoder.layer.%d." % layer
        for part in ("query", "key", "value"):
            linear(at + "attention.self." + part, hidden, hidden)
        linear(at + "attention.output.dense", hidden, hidden)
        norm(at + "attention.output.LayerNorm")
        linear(at + "intermediate.dense", hidden, inner)
        linear(at + "output.dense", inner, hidden)
        norm(at + "output.LayerNorm")
    if "pooler" in heads:
        linear("bert.pooler.dense", hidden, hidden)
    if "masked" in heads:
        shapes["cls.predictions.bias"] = [size["vocab_size"]]
        linear("cls.predictions.transform.dense", hidden, hidden)
        norm("cls.predictions.transform.LayerNorm")
    if "sentence" in heads:
        linear("cls.seq_relationship", hidden, 2)
    if "classifier" in heads:
        linear("classifier", hidden, len(size["id2label"]))
    if "answer" in heads:
        linear("qa_outputs", hidden, 2)
    return shapes


def attention(query, key, value, heads, hidden_keys):
    """[B, T, C] each; -infinity is added where `hidden_keys` is true."""
    batch, length, hidden = query.shape
    split = lambda x: x.reshape(batch, length, heads, hidden // heads).transpose(1, 2)
    scores = split(query) @ split(key).transpose(2, 3) / (hidden // heads) ** 0.5
    weights = torch.softmax(scores.masked_fill(hidden_keys, float("-inf")), dim=-1)
    return (weights @ split(value)).transpose(1, 2).reshape(batch, length, hidden)


def gpt2_hidden(tensors, size, ids, form="tanh"):
    get = lambda name: tensors["transformer." + name].double()
    epsilon = size["layer_norm_epsilon"]
    norm = lambda x, name: F.layer_norm(x, x.shape[-1:], get(name + ".weight"), get(name + ".bias"), epsilon)
    conv = lambda x, name: x @ get(name + ".weight") + get(name + ".bias")
    length = ids.shape[1]
    future = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
    x = get("wte.weight")[ids] + get("wpe.weight")[:length]
    for layer in range(size["n_layer"]):
        at = "h.%d." % layer
        query, key, value = conv(norm(x, at + "ln_1"), at + "attn.c_attn").chunk(3, dim=-1)
        x = x + conv(attention(query, key, value, size["n_head"], future), at + "attn.c_proj")
        inner = F.gelu(conv(norm(x, at + "ln_2"), at + "mlp.c_fc"), approximate=form)
        x = x + conv(inner, at + "mlp.c_proj")
    return norm(x, "ln_f")


def gpt2_logits(tensors, size, ids, form="tanh"):
    return gpt2_hidden(tensors, size, ids, form) @ tensors["transformer.wte.weight"].double().T


class Bert:
    def __init__(self, tensors, size):
        self.tensors, self.size = tensors, size

    def get(self, name):
        return self.tensors[name].double()

    def linear(self, x, name):
        return F.linear(x, self.get(name + ".weight"), self.get(name + ".bias"))

    def norm(self, x, name):
        scale, shift = ("gamma", "beta") if name + ".gamma" in self.tensors else ("weight", "bias")
        epsilon = self.size["layer_norm_eps"]
        return F.layer_norm(x, x.shape[-1:], self.get(name + "." + scale), self.get(name + "." + shift), epsilon)

    def hidden(self, ids, types, padding):
        at = "bert.embeddings."
        x = self.get(at + "word_embeddings.weight")[ids] + self.get(at + "token_type_embeddings.weight")[types]
        x = self.norm(x + self.get(at + "position_embeddings.weight")[: ids.shape[1]], at + "LayerNorm")
        for layer in range(self.size["num_hidden_layers"]):
            at = "bert.encoder.layer.%d." % layer
            parts = [self.linear(x, at + "attention.self." + part) for part in ("query", "key", "value")]
            attended = attention(*parts, self.size["num_attention_heads"], padding[:, None, None, :])
            x = self.norm(x + self.linear(attended, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            inner = F.gelu(self.linear(x, at + "intermediate.dense"))
            x = self.norm(x + self.linear(inner, at + "output.dense"), at + "output.LayerNorm")
        return x

    def logits(self, use, ids, types, padding):
        x = self.hidden(ids, types, padding)
        if use == "masked-lm":
            x = F.gelu(self.linear(x, "cls.predictions.transform.dense"))
            x = self.norm(x, "cls.predictions.transform.LayerNorm")
            return x @ self.get("bert.embeddings.word_embeddings.weight").T + self.get("cls.predictions.bias")
        if use == "sequence-classification":
            return self.linear(torch.tanh(self.linear(x[:, 0], "bert.pooler.dense")), "classifier")
        return self.linear(x, "classifier" if use == "token-classification" else "qa_outputs")


TYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.bool: "BOOL",
}


def write_safetensors(path, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        words = tensor.contiguous().reshape(-1)
        if tensor.dtype == torch.bfloat16:
            words = words.view(torch.int16)
        content = words.numpy().tobytes()
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_json(path, content):
    with open(path, "w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")


def rounded(tensor):
    return [float("%.9g" % value) for value in tensor.reshape(-1).tolist()]


def write_folder(name, config, stored, answers, shards=1):
    folder = os.path.join(FOLDER, name)
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, "config.json"), config)
    write_json(os.path.join(folder, "answers.json"), answers)
    if shards == 1:
        write_safetensors(os.path.join(folder, "model.safetensors"), stored)
        return
    names = sorted(stored)
    places = {}
    for shard in range(shards):
        file = "model-%05d-of-%05d.safetensors" % (shard + 1, shards)
        part = {name: stored[name] for name in names[shard::shards]}
        write_safetensors(os.path.join(folder, file), part)
        places.update({name: file for name in part})
    total = sum(tensor.nelement() * tensor.element_size() for tensor in stored.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    write_json(os.path.join(folder, "model.safetensors.index.json"), index)


GPT2 = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "n_embd": 12,
    "n_head": 3,
    "n_layer": 3,
    "n_positions": 9,
    "n_inner": None,
    "vocab_size": 29,
    "resid_pdrop": 0.1,
    "embd_pdrop": 0.1,
    "attn_pdrop": 0.1,
}
BERT = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_size": 12,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 9,
    "type_vocab_size": 2,
    "vocab_size": 29,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}


def gpt2_folder(name, dtype, changes={}, shards=1, old=False):
    size = {**GPT2, **changes}
    tensors = {key: value.to(dtype) for key, value in filled(gpt2_shapes(size), 0.5).items()}
    ids = integers(1000, (2, 7), size["vocab_size"])
    form = "tanh" if size["activation_function"] == "gelu_new" else "none"
    answers = {"ids": ids.tolist(), "logits": rounded(gpt2_logits(tensors, size, ids, form))}
    stored = dict(tensors)
    if old:
        stored = {key.replace("transformer.", ""): value for key, value in tensors.items()}
        context = size["n_positions"]
        for layer in range(size["n_layer"]):
            mask = torch.tril(torch.ones(context, context)).float().reshape(1, 1, context, context)
            stored["h.%d.attn.bias" % layer] = mask
            stored["h.%d.attn.masked_bias" % layer] = torch.tensor(-1e4).float()
        stored["lm_head.weight"] = stored["wte.weight"]
    write_folder(name, size, stored, answers, shards)


def gpt2_sequence_folder(name, changes):
    size = {**GPT2, "architectures": ["GPT2ForSequenceClassification"], **changes}
    padding = size["pad_token_id"]
    shapes = {**gpt2_shapes(size), "score.weight": [len(size["id2label"]), size["n_embd"]]}
    tensors = filled(shapes, 0.5)
    ids = integers(1000, (2, 7), padding)
    # A pair, with the token for padding between its texts; the second sequence ends two tokens earlier.
    ids[0, 3] = padding
    ids[1, 5:] = padding
    places = torch.arange(ids.shape[1])
    last = torch.where(ids == padding, -1, places).argmax(dim=-1)
    logits = F.linear(gpt2_hidden(tensors, size, ids)[torch.arange(len(ids)), last], tensors["score.weight"].double())
    answers = {
        "ids": ids.tolist(),
        "mask": (places <= last[:, None]).long().tolist(),
        "shape": list(logits.shape),
        "logits": rounded(logits),
    }
    write_folder(name, size, tensors, answers)


def bert_folder(name, use, architecture, heads, dtype=torch.float32, changes={}, old=False):
    size = {"architectures": [architecture], **BERT, **changes}
    shapes = bert_shapes(size, heads, *(("gamma", "beta") if old else ()))
    tensors = {key: value.to(dtype) for key, value in filled(shapes, 0.5).items()}
    ids, types = integers(1000, (2, 7), size["vocab_size"]), integers(1001, (2, 7), 2)
    # The second sequence ends two tokens earlier than the first.
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[1, 5:] = True
    logits = Bert(tensors, size).logits(use, ids, types, padding)
    answers = {
        "ids": ids.tolist(),
        "types": types.tolist(),
        "mask": (~padding).long().tolist(),
        "shape": list(logits.shape),
        "logits": rounded(logits),
    }
    stored = dict(tensors)
    if old:
        stored["bert.embeddings.position_ids"] = torch.arange(size["max_position_embeddings"])[None]
        stored["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"]
        stored["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"]
    write_folder(name, size, stored, answers)


def key_lists():
    gpt2 = {**GPT2, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257}
    bert = {**BERT, "hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072}
    bert.update({"max_position_embeddings": 512, "vocab_size": 30522})
    os.makedirs(os.path.join(FOLDER, "keys"), exist_ok=True)
    for name, shapes in {
        "gpt2": gpt2_shapes(gpt2, "", masks=True),
        "bert-base-uncased": bert_shapes(bert, ("pooler", "masked", "sentence"), "gamma", "beta"),
    }.items():
        with open(os.path.join(FOLDER, "keys", name + ".json"), "w") as file:
            lines = ",\n".join(" %s: %s" % (json.dumps(key), json.dumps(shape)) for key, shape in shapes.items())
            file.write("{\n%s\n}\n" % lines)


def large():
    """The checkpoint itself is made by the test, from the same formula."""
    size = {**GPT2, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257}
    tensors = filled(gpt2_shapes(size), 2**-5)
    ids = integers(1000, (1, 16), size["vocab_size"])
    with torch.no_grad():
        logits = gpt2_logits(tensors, size, ids)[0]
    places = [[position, int(token)] for position in (0, 7, 15) for token in integers(1001, (20,), size["vocab_size"])]
    answers = {
        "ids": ids.tolist(),
        "places": places,
        "logits": [float("%.9g" % logits[position, token]) for position, token in places],
        "likeliest": logits.argmax(dim=-1).tolist(),
    }
    folder = os.path.join(FOLDER, "gpt2-124m")
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, "config.json"), size)
    write_json(os.path.join(folder, "answers.json"), answers)


def main():
    gpt2_folder("gpt2-f32", torch.float32)
    gpt2_folder("gpt2-f16-shards", torch.float16, {"n_inner": 20, "activation_function": "gelu"}, shards=2)
    gpt2_folder("gpt2-old", torch.float32, {"layer_norm_epsilon": 0.01}, old=True)
    labels = {"id2label": {"0": "red", "1": "green", "2": "blue"}, "label2id": {"red": 0, "green": 1, "blue": 2}}
    gpt2_sequence_folder("gpt2-sequence", {**labels, "pad_token_id": 28})
    bert_folder("bert-masked-bf16", "masked-lm", "BertForMaskedLM", ("masked",), torch.bfloat16)
    every = ("pooler", "masked", "sentence")
    bert_folder("bert-old", "masked-lm", "BertForPreTraining", every, changes={"layer_norm_eps": 0.01}, old=True)
    sequence, token = "BertForSequenceClassification", "BertForTokenClassification"
    bert_folder("bert-sequence", "sequence-classification", sequence, ("pooler", "classifier"), changes=labels)
    wide = {**labels, "intermediate_size": 20}
    bert_folder("bert-token", "token-classification", token, ("classifier",), torch.float16, wide)
    bert_folder("bert-answer", "question-answering", "BertForQuestionAnswering", ("answer",))
    key_lists()


if __name__ == "__main__":
    if "--large" in sys.argv[1:]:
        large()
    else:
        main()

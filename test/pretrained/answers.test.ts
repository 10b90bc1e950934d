import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import {
  Bert,
  BertForSequenceClassification,
  type BertForwardOptions,
  type EncodedBatch,
  Gpt,
  GptForSequenceClassification,
  type Module,
} from "../../src/nn/index.ts";
import { fromPretrained, type ModelUse, type Pretrained, savePretrained } from "../../src/pretrained/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

// What the folders hold is written, and said, in scripts/pretrained-fixtures.py.

const FIXTURES = fileURLToPath(new URL("../fixtures/pretrained/", import.meta.url));
const fixture = (name: string) => join(FIXTURES, name);

interface Answers {
  ids: number[][];
  types: number[][];
  mask: number[][];
  logits: number[];
}

const i32 = (rows: number[][]) => Tensor.from(rows.flat(), [rows.length, rows[0].length], "i32");

/** The logits of a model of any class for the texts of a fixture. */
function logitsOf(model: Module, { ids, types, mask }: Answers): number[] {
  return scope(() => {
    const inputs = i32(ids);
    if (model instanceof Gpt) return [...model.forward(inputs).numbers];
    const padded = { inputs, mask: Tensor.from(mask.flat(), [mask.length, 1, 1, mask[0].length]) };
    if (model instanceof GptForSequenceClassification) return [...model.forward(padded).numbers];
    const encoded: EncodedBatch = { ...padded, types: i32(types) };
    if (model instanceof Bert) {
      const positions = Tensor.from(
        inputs.indices.map((_, index) => index),
        [inputs.size],
        "i32",
      );
      return [...model.forward(inputs, positions, encoded as BertForwardOptions).numbers];
    }
    const output = (
      model as Module & { forward(batch: EncodedBatch): Tensor | { starts: Tensor; ends: Tensor } }
    ).forward(encoded);
    if (output instanceof Tensor) return [...output.numbers];
    const ends = [...output.ends.numbers];
    return [...output.starts.numbers].flatMap((start, index) => [start, ends[index]]);
  });
}

function expectAnswers(folder: string, model: Module): void {
  const answers: Answers = JSON.parse(readFileSync(join(folder, "answers.json"), "utf8"));
  const found = logitsOf(model, answers);
  expect(found.length).to.equal(answers.logits.length);
  const worst = Math.max(...answers.logits.map((logit, index) => Math.abs(found[index] - logit)));
  expect(worst).to.be.below(1e-4);
  // Answers that hardly differ would be right by chance.
  expect(Math.max(...answers.logits) - Math.min(...answers.logits)).to.be.above(0.5);
}

const FOLDERS: Record<string, ModelUse> = {
  "gpt2-f32": "causal-lm",
  "gpt2-f16-shards": "causal-lm",
  "gpt2-old": "causal-lm",
  "gpt2-sequence": "sequence-classification",
  "bert-masked-bf16": "masked-lm",
  "bert-old": "masked-lm",
  "bert-sequence": "sequence-classification",
  "bert-token": "token-classification",
  "bert-answer": "question-answering",
};

describe("models in Hugging Face's form", () => {
  for (const [name, use] of Object.entries(FOLDERS)) {
    it(`answer as PyTorch does: ${name}`, () => {
      const read = fromPretrained(fixture(name));
      expect(read.use).to.equal(use);
      expect(read.newParameters).to.deep.equal([]);
      expect(read.labels).to.deep.equal(use.endsWith("classification") ? ["red", "green", "blue"] : []);
      expectAnswers(fixture(name), read.model);
    });

    it(`answer the same after they were written here: ${name}`, () => {
      withTemporaryFolder((folder) => {
        const { model, labels } = fromPretrained(fixture(name));
        savePretrained(folder, { model, labels });
        cpSync(join(fixture(name), "answers.json"), join(folder, "answers.json"));
        const again = fromPretrained(folder);
        expect(again.use).to.equal(use);
        expect(again.labels).to.deep.equal(labels);
        expectAnswers(folder, again.model);
      });
    });
  }

  it("begin with a new head where they are told to, and keep everything else", () => {
    const message = (body: () => unknown) => {
      try {
        body();
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    const folder = fixture("bert-old");
    const weights = join(folder, "model.safetensors");
    expect(message(() => fromPretrained(folder, { as: "sequence-classification" }))).to.equal(
      `${weights}: "classifier.weight" is missing; only fine-tuning (newHead) begins with a new head`,
    );
    const options = {
      as: "sequence-classification",
      newHead: true,
      labels: ["no", "yes", "perhaps"],
      seed: 3,
    } as const;
    const bertOf = (read: Pretrained<"sequence-classification">) => {
      expect(read.model).to.be.instanceOf(BertForSequenceClassification);
      return read.model as BertForSequenceClassification;
    };
    const { newParameters, labels, ...read } = fromPretrained(folder, options);
    const model = bertOf({ newParameters, labels, ...read });
    expect(newParameters).to.deep.equal(["classifier.weight", "classifier.bias"]);
    expect(labels).to.deep.equal(options.labels);
    expect(model.classifier.weight.shape).to.deep.equal([12, 3]);
    const masked = fromPretrained(folder, { as: "masked-lm" }).model;
    expect(model.encoder.stateDict()).to.deep.equal(
      new Map([...masked.stateDict()].filter(([name]) => !name.startsWith("head."))),
    );
    const again = bertOf(fromPretrained(folder, options));
    expect(again.classifier.stateDict()).to.deep.equal(model.classifier.stateDict());
    const other = bertOf(fromPretrained(folder, { ...options, seed: 4 }));
    expect(other.classifier.stateDict()).to.not.deep.equal(model.classifier.stateDict());
    // The masked-language model has no pooler.
    const withPooler = fromPretrained(fixture("bert-masked-bf16"), options);
    expect(withPooler.newParameters).to.deep.equal([
      "pooler.weight",
      "pooler.bias",
      "classifier.weight",
      "classifier.bias",
    ]);
    expect(fromPretrained(folder, { as: "question-answering", newHead: true }).newParameters).to.deep.equal([
      "startEnd.weight",
      "startEnd.bias",
    ]);
    expect(fromPretrained(folder, { as: "token-classification", newHead: true, outputs: 5 }).labels).to.deep.equal([
      ...["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"],
    ]);
  });

  it("begin with a new head on GPT-2 too, and become a language model again without one", () => {
    const folder = fixture("gpt2-old");
    const labels = ["no", "yes"];
    expect(() => fromPretrained(folder, { as: "sequence-classification" })).to.throw(
      `${join(folder, "model.safetensors")}: "score.weight" is missing; only fine-tuning (newHead) begins with a new head`,
    );
    const made = fromPretrained(folder, { as: "sequence-classification", newHead: true, labels });
    expect(made.model).to.be.instanceOf(GptForSequenceClassification);
    expect(made.newParameters).to.deep.equal(["score.weight"]);
    const { model } = fromPretrained(folder, { as: "causal-lm" });
    expect(made.model.encoder.stateDict()).to.deep.equal(model.stateDict());
    withTemporaryFolder((classifier) => {
      savePretrained(classifier, made);
      expect(fromPretrained(classifier, { as: "causal-lm" }).model.stateDict()).to.deep.equal(model.stateDict());
    });
    for (const as of ["token-classification", "question-answering", "masked-lm"] as const)
      expect(() => fromPretrained(folder, { as, newHead: true })).to.throw(
        `${join(folder, "config.json")}: model_type is "gpt2"; it cannot be read as ${as}`,
      );
  });

  it("have the dropout of the file or the one that is asked for", () => {
    const { model } = fromPretrained(fixture("bert-sequence"), { as: "sequence-classification" });
    expect([model.encoder.dropout.probability, model.isTraining]).to.deep.equal([0.1, false]);
    const { model: other } = fromPretrained(fixture("bert-sequence"), { dropout: 0.25 });
    expect(new Set(other.modules().flatMap((part) => ("probability" in part ? [part.probability] : [])))).to.deep.equal(
      new Set([0.25]),
    );
  });

  const damaged: [what: string, name: string, damage: (folder: string) => void, complaint: string][] = [
    [
      "without weights",
      "gpt2-f32",
      (at) => rmSync(join(at, "model.safetensors")),
      " has no weights: neither model.safetensors nor model.safetensors.index.json",
    ],
    [
      "with weights of another kind",
      "gpt2-f32",
      (at) => renameSync(join(at, "model.safetensors"), join(at, "pytorch_model.bin")),
      "model.safetensors.index.json; pytorch_model.bin is not read",
    ],
    [
      "without a shard",
      "gpt2-f16-shards",
      (at) => rmSync(join(at, "model-00002-of-00002.safetensors")),
      '/model.safetensors.index.json: there is no file model-00002-of-00002.safetensors, which should hold "transformer.h.0.attn.c_attn.weight"',
    ],
    [
      "with a shard of something else",
      "gpt2-f16-shards",
      (at) => cpSync(join(at, "model-00001-of-00002.safetensors"), join(at, "model-00002-of-00002.safetensors")),
      '/model.safetensors.index.json: "transformer.h.0.attn.c_attn.weight" is not in model-00002-of-00002.safetensors',
    ],
    [
      "with an index that says too little",
      "gpt2-f16-shards",
      (at) =>
        change(join(at, "model.safetensors.index.json"), (index) => delete index.weight_map["transformer.ln_f.bias"]),
      '/model.safetensors.index.json: it does not say that "transformer.ln_f.bias" is in model-00001-of-00002.safetensors',
    ],
    [
      "with an index that leaves the folder",
      "gpt2-f16-shards",
      (at) =>
        change(
          join(at, "model.safetensors.index.json"),
          (index) => (index.weight_map["transformer.ln_f.bias"] = "../x"),
        ),
      '/model.safetensors.index.json: "transformer.ln_f.bias" is in "../x", which is no name of a file beside it',
    ],
    [
      "with an index of nothing",
      "gpt2-f16-shards",
      (at) => writeFileSync(join(at, "model.safetensors.index.json"), "null"),
      "/model.safetensors.index.json: it has no weight_map, which says what is in which file",
    ],
    ...["config.json", "model.safetensors", "tokenizer.json", "vocab.txt"].map((file): (typeof damaged)[number] => [
      `with a folder called ${file}`,
      "gpt2-f32",
      (at) => {
        rmSync(join(at, file), { force: true });
        mkdirSync(join(at, file));
      },
      `/${file} is a folder, not a file`,
    ]),
    [
      "of more layers",
      "gpt2-f32",
      (at) => change(join(at, "config.json"), (it) => (it.n_layer = 4)),
      '/model.safetensors: "transformer.h.3.ln_1.weight" is missing',
    ],
    [
      "of a million layers",
      "gpt2-f32",
      (at) => change(join(at, "config.json"), (it) => (it.n_layer = 1e9)),
      "/config.json: the model has 1000000000 layers, ",
    ],
    [
      "of fewer layers",
      "gpt2-f32",
      (at) => change(join(at, "config.json"), (it) => (it.n_layer = 2)),
      '/model.safetensors: the model that it is read as has no tensor "transformer.h.2.ln_1.weight"',
    ],
    [
      "of another size",
      "gpt2-f32",
      (at) => change(join(at, "config.json"), (it) => (it.n_positions = 10)),
      '/model.safetensors: "transformer.wpe.weight" has shape [9, 12], expected [10, 12]',
    ],
    [
      "of an enormous size",
      "gpt2-f32",
      (at) => change(join(at, "config.json"), (it) => (it.vocab_size = 1e15)),
      '/model.safetensors: "transformer.wte.weight" has shape [29, 12], expected [1000000000000000, 12]',
    ],
    [
      "with heads that do not divide",
      "gpt2-f32",
      (at) => change(join(at, "config.json"), (it) => (it.n_head = 5)),
      "/config.json: MultiHeadAttention: 5 heads do not divide hidden size 12",
    ],
    [
      "with untied copies",
      "bert-old",
      (at) => untie(join(at, "model.safetensors")),
      '/model.safetensors: "cls.predictions.decoder.bias" differs from "cls.predictions.bias", to which it is tied here',
    ],
  ];
  const change = (
    path: string,
    edit: (content: Record<string, unknown> & { weight_map: Record<string, string> }) => void,
  ) => {
    const content = JSON.parse(readFileSync(path, "utf8"));
    edit(content);
    writeFileSync(path, JSON.stringify(content));
  };
  /** The last number of the file belongs to the decoder's bias. */
  const untie = (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
  };
  for (const [what, name, damage, complaint] of damaged) {
    it(`are refused ${what}`, () => {
      withTemporaryFolder((folder) => {
        cpSync(fixture(name), folder, { recursive: true });
        damage(folder);
        let message = "";
        try {
          fromPretrained(folder);
        } catch (error) {
          message = (error as Error).message;
        }
        expect(message.startsWith(folder), message).to.equal(true);
        expect(message).to.include(complaint);
      });
    });
  }
});

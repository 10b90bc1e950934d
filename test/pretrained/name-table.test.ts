import { readFileSync } from "node:fs";
import { expect } from "chai";
import {
  Bert,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  Gpt,
  GptForSequenceClassification,
  type Module,
  PRESETS,
} from "../../src/nn/index.ts";
import { bertNames } from "../../src/pretrained/bert-names.ts";
import { gpt2Names } from "../../src/pretrained/gpt2-names.ts";
import { matchNames, type NameTable, rowsOf } from "../../src/pretrained/name-table.ts";
import { storedParts } from "../../src/pretrained/stored-parts.ts";

const keysOf = (name: string): Map<string, number[]> =>
  new Map(
    Object.entries(
      JSON.parse(readFileSync(new URL(`../fixtures/pretrained/keys/${name}.json`, import.meta.url), "utf8")),
    ),
  );

const LAYERS = 12;
const bertBase = { ...PRESETS["bert-base"], outputs: 2 };
const TABLES: Record<string, { table: NameTable; model: Module; keys: Map<string, number[]> }> = {
  gpt2: { table: gpt2Names("causal-lm"), model: new Gpt(PRESETS["gpt-base"]), keys: keysOf("gpt2") },
  "bert-base-uncased": { table: bertNames("masked-lm"), model: new Bert(bertBase), keys: keysOf("bert-base-uncased") },
};

describe("tables of names", () => {
  for (const [name, { table, model, keys }] of Object.entries(TABLES)) {
    it(`find every parameter of ${name} in the published file, with its shape`, () => {
      const { needed, tied } = matchNames(keys.keys(), { table, layers: LAYERS, source: name });
      expect(tied.size).to.equal(0);
      const parameters = model.namedParameters();
      const parts = rowsOf(table, LAYERS).flatMap((row) => storedParts(row, parameters.get(row.parameter)!));
      expect(new Set(parts.map((part) => part.name))).to.deep.equal(new Set(needed.keys()));
      for (const part of parts) expect(part.shape, part.name).to.deep.equal(keys.get(needed.get(part.name)!));
    });
  }

  it("use all of GPT-2's 148 tensors, and all of BERT's 206 but the pooler and the head for the next sentence", () => {
    const unusedOf = ({ table, keys }: (typeof TABLES)[string]) => {
      const { needed } = matchNames(keys.keys(), { table, layers: LAYERS, source: "it" });
      const used = new Set(needed.values());
      return [...keys.keys()].filter((key) => !used.has(key));
    };
    expect(TABLES.gpt2.keys.size).to.equal(148);
    expect(unusedOf(TABLES.gpt2)).to.deep.equal([]);
    expect(TABLES["bert-base-uncased"].keys.size).to.equal(206);
    expect(unusedOf(TABLES["bert-base-uncased"])).to.deep.equal([
      ...["bert.pooler.dense.weight", "bert.pooler.dense.bias"],
      ...["cls.seq_relationship.weight", "cls.seq_relationship.bias"],
    ]);
  });

  it("hold the number of parameters that is published: 124,439,808 of GPT-2 and 110,106,428 of BERT", () => {
    const count = (keys: Map<string, number[]>) =>
      [...keys.values()].reduce((total, shape) => total + shape.reduce((product, size) => product * size, 1), 0);
    expect(count(TABLES.gpt2.keys)).to.equal(124_439_808);
    expect(TABLES.gpt2.model.parameterCount()).to.equal(124_439_808);
    expect(count(TABLES["bert-base-uncased"].keys)).to.equal(110_106_428);
  });

  it("name every parameter of every model once", () => {
    const small = { layers: 2, hidden: 4, heads: 2, context: 3, vocabulary: 5, outputs: 3 };
    const models: [NameTable, Module][] = [
      [gpt2Names("causal-lm"), new Gpt(small)],
      [gpt2Names("sequence-classification"), new GptForSequenceClassification(small)],
      [bertNames("masked-lm"), new Bert(small)],
      [bertNames("sequence-classification"), new BertForSequenceClassification(small)],
      [bertNames("token-classification"), new BertForTokenClassification(small)],
      [bertNames("question-answering"), new BertForQuestionAnswering(small)],
    ];
    for (const [table, model] of models) {
      const rows = rowsOf(table, small.layers);
      expect(rows.map(({ parameter }) => parameter).sort()).to.deep.equal([...model.namedParameters().keys()].sort());
      const stored = rows.flatMap((row) => row.stored);
      expect(new Set(stored).size).to.equal(stored.length);
    }
  });

  it("know names with and without the prefix, older endings, copies, and what is of no use", () => {
    const bert = { table: bertNames("masked-lm"), layers: 2, source: "it" };
    const match = matchNames(
      [
        ...[
          "embeddings.LayerNorm.gamma",
          "encoder.layer.1.output.LayerNorm.beta",
          "cls.predictions.transform.LayerNorm.gamma",
        ],
        ...["embeddings.position_ids", "pooler.dense.weight", "qa_outputs.bias", "cls.predictions.decoder.weight"],
      ],
      bert,
    );
    expect(Object.fromEntries(match.needed)).to.deep.equal({
      "bert.embeddings.LayerNorm.weight": "embeddings.LayerNorm.gamma",
      "bert.encoder.layer.1.output.LayerNorm.bias": "encoder.layer.1.output.LayerNorm.beta",
      "cls.predictions.transform.LayerNorm.weight": "cls.predictions.transform.LayerNorm.gamma",
      // Where the file has the copy alone.
      "bert.embeddings.word_embeddings.weight": "cls.predictions.decoder.weight",
    });
    const tables = ["embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"];
    const tied = matchNames(tables, bert);
    expect([...tied.needed]).to.deep.equal([["bert.embeddings.word_embeddings.weight", tables[0]]]);
    expect([...tied.tied]).to.deep.equal([[tables[1], "bert.embeddings.word_embeddings.weight"]]);
    const gpt = { table: gpt2Names("causal-lm"), layers: 2, source: "it" };
    const buffers = ["h.1.attn.bias", "transformer.h.0.attn.masked_bias", "score.weight"];
    expect(matchNames(buffers, gpt).needed.size).to.equal(0);
    for (const [name, options] of [
      ["h.2.attn.bias", gpt],
      ["h.01.attn.bias", gpt],
      ["transformer.h.{layer}.ln_1.weight", gpt],
      ["transformer.transformer.wte.weight", gpt],
      ["toString", gpt],
      ["bert.encoder.layer.2.output.dense.weight", bert],
      ["bert.embeddings.LayerNorm", bert],
      ["lm_head.weight", bert],
      ["score.weight", bert],
      ["transformer.score.weight", gpt],
    ] as const)
      expect(() => matchNames([name], options)).to.throw(`it: nothing here is called "${name}"`);
    expect(() => matchNames(["wte.weight", "transformer.wte.weight"], gpt)).to.throw(
      'it: "wte.weight" and "transformer.wte.weight" are the same tensor',
    );
  });
});

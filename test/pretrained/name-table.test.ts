import { readFileSync } from "node:fs";
import { expect } from "chai";
import { encodeSafetensorsHeader } from "../../src/io/safetensors-header.ts";
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
import { sizeOf } from "../../src/tensor/shape.ts";

const keysOf = (name: string): Map<string, number[]> =>
  new Map(
    Object.entries(
      JSON.parse(readFileSync(new URL(`../fixtures/pretrained/keys/${name}.json`, import.meta.url), "utf8")),
    ),
  );

/** Of numbers in all tensors. */
const count = (keys: ReadonlyMap<string, number[]>) =>
  [...keys.values()].reduce((total, shape) => total + sizeOf(shape), 0);

const LAYERS = 12;
/** Which position sees which, in every layer. */
const MASKS = Array.from({ length: LAYERS }, (_, layer) => `h.${layer}.attn.bias`);
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

  it("use all of GPT-2's 160 tensors but the masks, and all of BERT's 206 but the pooler and the head for the next sentence", () => {
    const unusedOf = ({ table, keys }: (typeof TABLES)[string]) => {
      const { needed } = matchNames(keys.keys(), { table, layers: LAYERS, source: "it" });
      const used = new Set(needed.values());
      return [...keys.keys()].filter((key) => !used.has(key));
    };
    expect(TABLES.gpt2.keys.size).to.equal(160);
    expect(unusedOf(TABLES.gpt2)).to.deep.equal(MASKS);
    expect(TABLES["bert-base-uncased"].keys.size).to.equal(206);
    expect(unusedOf(TABLES["bert-base-uncased"])).to.deep.equal([
      ...["bert.pooler.dense.weight", "bert.pooler.dense.bias"],
      ...["cls.seq_relationship.weight", "cls.seq_relationship.bias"],
    ]);
  });

  it("hold the number of parameters that is published: 124,439,808 of GPT-2 and 110,106,428 of BERT", () => {
    expect(count(TABLES.gpt2.keys) - count(new Map(MASKS.map((name) => [name, [1024, 1024]])))).to.equal(124_439_808);
    expect(TABLES.gpt2.model.parameterCount()).to.equal(124_439_808);
    expect(count(TABLES["bert-base-uncased"].keys)).to.equal(110_106_428);
  });

  it("are those of files as large as the published ones: 548,105,171 bytes of GPT-2 and 440,449,768 of BERT", () => {
    const bytesOf = ({ keys }: (typeof TABLES)[string]) => {
      const tensors = new Map([...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, shape]) => [name, { shape }]));
      return encodeSafetensorsHeader(tensors, { format: "pt" }).length + 4 * count(keys);
    };
    expect(bytesOf(TABLES["bert-base-uncased"])).to.equal(440_449_768);
    // The header's length depends on the tensors' order, which here is not theirs; one name more or less takes over 80 bytes.
    expect(bytesOf(TABLES.gpt2)).to.be.closeTo(548_105_171, 80);
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
      expect(() => matchNames([name], options)).to.throw(`it: the model that it is read as has no tensor "${name}"`);
    expect(() => matchNames(["wte.weight", "transformer.wte.weight"], gpt)).to.throw(
      'it: "wte.weight" and "transformer.wte.weight" are the same tensor',
    );
  });
});

/** BertForMaskedLM and the heads for tasks. Their nn.Linear matrices are [out, in]; query, key and value are three. */

import type { BertUse } from "./model-use.ts";
import { type NameRow, type NameTable, ofEncoder, weightAndBias } from "./name-table.ts";

const ENCODER: readonly NameRow[] = [
  { parameter: "tokenEmbedding.weight", stored: ["bert.embeddings.word_embeddings.weight"], layout: "same" },
  { parameter: "positionEmbedding.weight", stored: ["bert.embeddings.position_embeddings.weight"], layout: "same" },
  { parameter: "typeEmbedding.weight", stored: ["bert.embeddings.token_type_embeddings.weight"], layout: "same" },
  ...weightAndBias("embeddingNorm", "bert.embeddings.LayerNorm", "same"),
  ...weightAndBias(
    "blocks.{layer}.attention.qkv",
    ["query", "key", "value"].map((part) => `bert.encoder.layer.{layer}.attention.self.${part}`),
    "transposed",
  ),
  ...weightAndBias(
    "blocks.{layer}.attention.output",
    "bert.encoder.layer.{layer}.attention.output.dense",
    "transposed",
  ),
  ...weightAndBias("blocks.{layer}.attentionNorm", "bert.encoder.layer.{layer}.attention.output.LayerNorm", "same"),
  ...weightAndBias("blocks.{layer}.feedForward.up", "bert.encoder.layer.{layer}.intermediate.dense", "transposed"),
  ...weightAndBias("blocks.{layer}.feedForward.down", "bert.encoder.layer.{layer}.output.dense", "transposed"),
  ...weightAndBias("blocks.{layer}.feedForwardNorm", "bert.encoder.layer.{layer}.output.LayerNorm", "same"),
];

const MASKED_LANGUAGE_HEAD: readonly NameRow[] = [
  { parameter: "head.bias", stored: ["cls.predictions.bias"], layout: "same" },
  ...weightAndBias("head.transform", "cls.predictions.transform.dense", "transposed"),
  ...weightAndBias("head.norm", "cls.predictions.transform.LayerNorm", "same"),
];

const POOLER = weightAndBias("pooler", "bert.pooler.dense", "transposed");
const CLASSIFIER = weightAndBias("classifier", "classifier", "transposed");
const START_END = weightAndBias("startEnd", "qa_outputs", "transposed");

const HEADS: Record<BertUse, readonly NameRow[]> = {
  "masked-lm": MASKED_LANGUAGE_HEAD,
  "sequence-classification": [...POOLER, ...CLASSIFIER],
  "token-classification": CLASSIFIER,
  "question-answering": START_END,
};

const TIED_OF_MASKED_LANGUAGE_HEAD = {
  "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
  "cls.predictions.decoder.bias": "cls.predictions.bias",
};

const EVERY_HEAD = [...new Set(Object.values(HEADS).flat())].flatMap(({ stored }) => stored);
const NEXT_SENTENCE_HEAD = ["cls.seq_relationship.weight", "cls.seq_relationship.bias"];

/** The table of a model class: the encoder with one head. */
export function bertNames(use: BertUse): NameTable {
  const isMasked = use === "masked-lm";
  const own = HEADS[use].flatMap(({ stored }) => stored);
  return {
    prefix: "bert.",
    rows: [...(isMasked ? ENCODER : ofEncoder(ENCODER)), ...HEADS[use]],
    olderEndings: { "LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias" },
    tied: isMasked ? TIED_OF_MASKED_LANGUAGE_HEAD : {},
    unused: [
      // The numbers 0 … context − 1.
      "bert.embeddings.position_ids",
      ...NEXT_SENTENCE_HEAD,
      ...EVERY_HEAD.filter((name) => !own.includes(name)),
      ...(isMasked ? [] : Object.keys(TIED_OF_MASKED_LANGUAGE_HEAD)),
    ],
  };
}

/** The parameters of a class's head. */
export const bertHead = (use: BertUse): string[] => HEADS[use].map(({ parameter }) => parameter);

/**
 * GPT2LMHeadModel and GPT2ForSequenceClassification. Their Conv1D matrices are [in, out], as here, and c_attn holds query, key and
 * value side by side, as here; the classifier is an nn.Linear, [out, in].
 */

import type { GptUse } from "./model-use.ts";
import { type NameRow, type NameTable, ofEncoder, weightAndBias } from "./name-table.ts";

const TRANSFORMER: readonly NameRow[] = [
  { parameter: "tokenEmbedding.weight", stored: ["transformer.wte.weight"], layout: "same" },
  { parameter: "positionEmbedding.weight", stored: ["transformer.wpe.weight"], layout: "same" },
  ...weightAndBias("blocks.{layer}.attentionNorm", "transformer.h.{layer}.ln_1", "same"),
  ...weightAndBias("blocks.{layer}.attention.qkv", "transformer.h.{layer}.attn.c_attn", "same"),
  ...weightAndBias("blocks.{layer}.attention.output", "transformer.h.{layer}.attn.c_proj", "same"),
  ...weightAndBias("blocks.{layer}.feedForwardNorm", "transformer.h.{layer}.ln_2", "same"),
  ...weightAndBias("blocks.{layer}.feedForward.up", "transformer.h.{layer}.mlp.c_fc", "same"),
  ...weightAndBias("blocks.{layer}.feedForward.down", "transformer.h.{layer}.mlp.c_proj", "same"),
  ...weightAndBias("finalNorm", "transformer.ln_f", "same"),
];
const SCORE: NameRow = { parameter: "score.weight", stored: ["score.weight"], layout: "transposed" };
/** The causal mask, and what hidden weights are set to. */
const BUFFERS = ["transformer.h.{layer}.attn.bias", "transformer.h.{layer}.attn.masked_bias"];

/** The table of a model class. */
export function gpt2Names(use: GptUse): NameTable {
  const isCausal = use === "causal-lm";
  return {
    prefix: "transformer.",
    rows: isCausal ? TRANSFORMER : [...ofEncoder(TRANSFORMER), SCORE],
    olderEndings: {},
    tied: { "lm_head.weight": "transformer.wte.weight" },
    unused: [...BUFFERS, ...(isCausal ? SCORE.stored : [])],
  };
}

/** The parameters of a class's head. */
export const gpt2Head = (use: GptUse): string[] => (use === "causal-lm" ? [] : [SCORE.parameter]);

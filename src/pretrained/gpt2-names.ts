/** GPT2LMHeadModel. Its Conv1D matrices are [in, out], as here, and its c_attn holds query, key and value side by side, as here. */

import { type NameTable, weightAndBias } from "./name-table.ts";

export const GPT2_NAMES: NameTable = {
  prefix: "transformer.",
  rows: [
    { parameter: "tokenEmbedding.weight", stored: ["transformer.wte.weight"], layout: "same" },
    { parameter: "positionEmbedding.weight", stored: ["transformer.wpe.weight"], layout: "same" },
    ...weightAndBias("blocks.{layer}.attentionNorm", "transformer.h.{layer}.ln_1", "same"),
    ...weightAndBias("blocks.{layer}.attention.qkv", "transformer.h.{layer}.attn.c_attn", "same"),
    ...weightAndBias("blocks.{layer}.attention.output", "transformer.h.{layer}.attn.c_proj", "same"),
    ...weightAndBias("blocks.{layer}.feedForwardNorm", "transformer.h.{layer}.ln_2", "same"),
    ...weightAndBias("blocks.{layer}.feedForward.up", "transformer.h.{layer}.mlp.c_fc", "same"),
    ...weightAndBias("blocks.{layer}.feedForward.down", "transformer.h.{layer}.mlp.c_proj", "same"),
    ...weightAndBias("finalNorm", "transformer.ln_f", "same"),
  ],
  olderEndings: {},
  tied: { "lm_head.weight": "transformer.wte.weight" },
  // The causal mask, and what hidden weights are set to.
  unused: ["transformer.h.{layer}.attn.bias", "transformer.h.{layer}.attn.masked_bias"],
};

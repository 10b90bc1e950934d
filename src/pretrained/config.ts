/** config.json beside the options of the models here, read and written. */

import type { Activation, BertHeadOptions, GptOptions } from "../nn/index.ts";
import { type ConfigFields, configFields } from "./config-fields.ts";
import { type BertUse, CLASSES, classFor, hasLabels, kindOfClass, type ModelKind, type ModelUse } from "./model-use.ts";

/** What a sequence classifier is trained for: scores or classes. */
export type ProblemType = "regression" | "single_label_classification";

/** What a config.json says, as far as it matters here. */
export interface PretrainedConfig {
  kind: ModelKind;
  /** What the folder's own model was for, whatever it is read as. */
  ownUse?: ModelUse;
  options: GptOptions | BertHeadOptions;
  /** Outputs of the classifier of a use that has labels. */
  outputs: number;
  /** By output, where the file has a name for each. */
  labels?: readonly string[];
  problemType?: ProblemType;
}

export interface ReadConfigOptions {
  /** Names the file in errors. */
  source: string;
  /** Instead of the use that `architectures` says. */
  as?: ModelUse;
  /** Instead of what the file says of dropout. */
  dropout?: number;
}

/** Hugging Face's names of the two forms of GELU. */
const ACTIVATIONS: Record<string, Activation> = {
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu: "gelu",
  gelu_python: "gelu",
};
/** BERT's masked-language-model head has the exact form, whatever the layers have. */
const EXACT_ACTIVATIONS: Record<string, Activation> = { gelu: "gelu", gelu_python: "gelu" };

const PROBLEM_TYPES: Record<string, ProblemType> = {
  regression: "regression",
  single_label_classification: "single_label_classification",
};

/** What both classes call alike. */
const DEFAULT_DROPOUT = 0.1;
const DEFAULT_OUTPUTS = 2;

/**
 * Reads the content of a config.json; absent fields have the values that Hugging Face's classes give them.
 * @throws with one sentence that names file, field and value, for what the models here cannot do.
 */
export function readConfig(content: unknown, { source, as, dropout }: ReadConfigOptions): PretrainedConfig {
  const fields = configFields(content, source);
  const type = fields.text("model_type", "");
  if (type !== "gpt2" && type !== "bert") fields.fail("model_type", "only gpt2 and bert are read");
  const family = type === "gpt2" ? "gpt" : "bert";
  const uses = new Set(CLASSES.map(({ use }) => use));
  if (as !== undefined && !uses.has(as))
    throw new Error(`${source}: it can be read as ${[...uses].join(", ")}, not as ${as}`);
  const kind = as === undefined ? kindOf(fields, family) : classFor(family, as);
  if (kind === undefined) return fields.fail("model_type", `it cannot be read as ${as}`);
  fields.only("tie_word_embeddings", true);
  fields.only("add_cross_attention", false);
  const read = { source, dropout };
  const own = ownUse(fields);
  return {
    kind,
    ...(own !== undefined && { ownUse: own }),
    options: kind.family === "gpt" ? readGpt2(fields, read) : readBert(fields, kind.use, read),
    ...(hasLabels(kind.use) ? readLabels(fields) : { outputs: 0 }),
  };
}

/** What the first of `architectures` names; where there is none, the model of pre-training. */
function kindOf(fields: ConfigFields, family: ModelKind["family"]): ModelKind {
  const architectures = fields.raw("architectures");
  if (architectures === undefined)
    return family === "gpt" ? { family, use: "causal-lm" } : { family, use: "masked-lm" };
  const name: unknown = Array.isArray(architectures) ? architectures[0] : architectures;
  const kind = typeof name === "string" ? kindOfClass(name) : undefined;
  if (kind === undefined) {
    const names = CLASSES.map((one) => one.name).join(", ");
    return fields.fail("architectures", `of these classes there are ${names}`);
  }
  if (kind.family !== family) fields.fail("model_type", `it cannot be read as ${name}`);
  return kind;
}

/** The use of the class that the file names first; undefined where it names none that there is. */
function ownUse(fields: ConfigFields): ModelUse | undefined {
  const name = [fields.raw("architectures")].flat()[0];
  return typeof name === "string" ? kindOfClass(name)?.use : undefined;
}

function readGpt2(fields: ConfigFields, { source, dropout }: { source: string; dropout?: number }): GptOptions {
  fields.only("scale_attn_weights", true);
  fields.only("scale_attn_by_inverse_layer_idx", false);
  const hidden = fields.whole("n_embd", 768);
  return {
    layers: fields.whole("n_layer", 12, 0),
    hidden,
    heads: fields.whole("n_head", 12),
    context: fields.whole("n_positions", 1024),
    vocabulary: fields.whole("vocab_size", 50257),
    inner: fields.whole("n_inner", 4 * hidden),
    activation: fields.choice("activation_function", "gelu_new", ACTIVATIONS),
    epsilon: fields.number("layer_norm_epsilon", 1e-5),
    dropout: dropout ?? sameDropout(fields, ["resid_pdrop", "embd_pdrop", "attn_pdrop"], source),
  };
}

function readBert(
  fields: ConfigFields,
  use: BertUse,
  { source, dropout }: { source: string; dropout?: number },
): BertHeadOptions {
  fields.only("type_vocab_size", 2);
  fields.only("position_embedding_type", "absolute");
  fields.only("is_decoder", false);
  const own = dropout ?? sameDropout(fields, ["hidden_dropout_prob", "attention_probs_dropout_prob"], source);
  return {
    layers: fields.whole("num_hidden_layers", 12, 0),
    hidden: fields.whole("hidden_size", 768),
    heads: fields.whole("num_attention_heads", 12),
    context: fields.whole("max_position_embeddings", 512),
    vocabulary: fields.whole("vocab_size", 30522),
    inner: fields.whole("intermediate_size", 3072),
    activation: fields.choice("hidden_act", "gelu", use === "masked-lm" ? EXACT_ACTIVATIONS : ACTIVATIONS),
    epsilon: fields.number("layer_norm_eps", 1e-12),
    dropout: own,
    // Hugging Face's class drops nothing before it looks for an answer's start and end.
    headDropout: use === "question-answering" ? 0 : (dropout ?? fields.number("classifier_dropout", own)),
  };
}

/** The models here have one probability for all places but the head. */
function sameDropout(fields: ConfigFields, names: readonly string[], source: string): number {
  const [first, ...others] = names.map((name) => fields.number(name, DEFAULT_DROPOUT));
  if (others.some((value) => value !== first)) {
    const list = names.map((name, index) => `${name} ${[first, ...others][index]}`).join(", ");
    throw new Error(`${source}: ${list}; here there is one dropout for all of them, which can be given when reading`);
  }
  return first;
}

function readLabels(fields: ConfigFields): Pick<PretrainedConfig, "outputs" | "labels" | "problemType"> {
  const named = fields.raw("id2label");
  const problem =
    fields.raw("problem_type") === undefined ? {} : { problemType: fields.choice("problem_type", "", PROBLEM_TYPES) };
  if (named === undefined) return { outputs: fields.whole("num_labels", DEFAULT_OUTPUTS), ...problem };
  const demand = "the names of the outputs 0, 1, … are needed";
  if (typeof named !== "object" || Array.isArray(named)) return fields.fail("id2label", demand);
  const byId = new Map<string, unknown>(Object.entries(named as object));
  const labels = Array.from({ length: byId.size }, (_, id) => {
    const label = byId.get(`${id}`);
    return typeof label === "string" ? label : fields.fail("id2label", demand);
  });
  if (labels.length === 0) fields.fail("id2label", demand);
  return { outputs: labels.length, labels, ...problem };
}

/** What a config.json is written from. */
export interface WrittenConfig {
  kind: ModelKind;
  options: Required<Omit<GptOptions, "norm" | "seed">> & { headDropout: number };
  /** By output, of a use that has labels. */
  labels: readonly string[];
  problemType?: ProblemType;
  /** Ids of the tokenizer, where it has them. */
  endOfText?: number;
  padding?: number;
}

/** The content of a config.json with every field that Hugging Face's class needs, always in the same order. */
export function configJson({ kind, options, labels, problemType, endOfText, padding }: WrittenConfig): object {
  const { layers, hidden, heads, context, vocabulary, inner, activation, epsilon, dropout, headDropout } = options;
  const { family, use } = kind;
  const common = {
    architectures: [classFor(family, use)!.name],
    model_type: family === "gpt" ? "gpt2" : "bert",
    torch_dtype: "float32",
    vocab_size: vocabulary,
    initializer_range: 0.02,
    tie_word_embeddings: true,
    use_cache: true,
  };
  const task = {
    ...(hasLabels(use) && {
      id2label: Object.fromEntries(labels.map((label, id) => [`${id}`, label])),
      label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    }),
    ...(problemType !== undefined && { problem_type: problemType }),
  };
  const act = activation === "gelu" ? "gelu" : "gelu_new";
  if (family === "gpt") {
    return {
      ...common,
      n_layer: layers,
      n_embd: hidden,
      n_head: heads,
      n_positions: context,
      n_ctx: context,
      n_inner: inner === 4 * hidden ? null : inner,
      activation_function: act,
      layer_norm_epsilon: epsilon,
      resid_pdrop: dropout,
      embd_pdrop: dropout,
      attn_pdrop: dropout,
      scale_attn_weights: true,
      scale_attn_by_inverse_layer_idx: false,
      reorder_and_upcast_attn: false,
      bos_token_id: endOfText ?? null,
      eos_token_id: endOfText ?? null,
      // Where a sequence ends, the class finds by what stands behind it.
      ...(hasLabels(use) && { pad_token_id: endOfText ?? null }),
      ...task,
    };
  }
  return {
    ...common,
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: heads,
    max_position_embeddings: context,
    type_vocab_size: 2,
    intermediate_size: inner,
    hidden_act: act,
    layer_norm_eps: epsilon,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
    classifier_dropout: hasLabels(use) && headDropout !== dropout ? headDropout : null,
    position_embedding_type: "absolute",
    pad_token_id: padding ?? 0,
    ...task,
  };
}

/** Models from Hugging Face's folders. */

import type { Tokenizer } from "../data/tokenizer.ts";
import { exists, join, readJson } from "../io/files.ts";
import {
  Bert,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  type BertHeadOptions,
  Gpt,
  GptForSequenceClassification,
} from "../nn/index.ts";
import { MAXIMUM_BYTES, memory } from "../tensor/memory.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import type { Parameter } from "../tensor/tensor.ts";
import { type PretrainedConfig, type ProblemType, readConfig } from "./config.ts";
import { hasLabels, type ModelByUse, type ModelUse, type PretrainedModel } from "./model-use.ts";
import { matchNames, type NameRow, type NameTable, rowsOf } from "./name-table.ts";
import { fillParameter, storedParts } from "./stored-parts.ts";
import { headParameters, tableOf } from "./table-of.ts";
import { readTokenizer } from "./tokenizer-files.ts";
import { openWeightFiles, type WeightFiles } from "./weight-files.ts";

export const CONFIG_FILE = "config.json";

export interface FromPretrainedOptions<Use extends ModelUse = ModelUse> {
  /** What the model shall be; what the folder says when absent. */
  as?: Use;
  /**
   * Allows that the head begins as a new one does: where the folder has no weights for it, or its last layer was trained for another
   * use or other labels. False when absent.
   */
  newHead?: boolean;
  /** Names of a classifier's outputs, instead of those in the folder. */
  labels?: readonly string[];
  /** Outputs of a classifier, instead of those in the folder; 1 for regression. */
  outputs?: number;
  /** Probability at every place, instead of what the folder says. */
  dropout?: number;
  /** Of a new head's first weights; 0 when absent. */
  seed?: number;
}

/** What a folder holds. */
export interface Pretrained<Use extends ModelUse = ModelUse> {
  use: Use;
  /** With dropout off until `train()` is called. */
  model: ModelByUse[Use];
  /** Undefined where the folder has none. */
  tokenizer: Tokenizer | undefined;
  /** Of a classifier's outputs; none for other uses. */
  labels: readonly string[];
  problemType?: ProblemType;
  /** The parameters that are new, because the folder has nothing for them. */
  newParameters: readonly string[];
}

/** Whether a folder holds a model in Hugging Face's form. @throws when its config.json is no JSON. */
export const isPretrainedFolder = (folder: string): boolean => modelTypeOf(folder) !== undefined;

/** What a folder's config.json calls its kind of model, such as "gpt2"; undefined where it names none. */
export function modelTypeOf(folder: string): unknown {
  const path = join(folder, CONFIG_FILE);
  return exists(path) ? (readJson(path) as { model_type?: unknown } | null)?.model_type : undefined;
}

/**
 * Reads `config.json`, the weights in `model.safetensors` or its shards, and the tokenizer. The numbers go straight from the
 * file to where they stay.
 * @throws with one sentence that names the file, the tensor or field and the problem. All that headers tell is checked before
 * memory is taken for weights.
 */
export function fromPretrained<Use extends ModelUse = ModelUse>(
  folder: string,
  options: FromPretrainedOptions<Use> = {},
): Pretrained<Use> {
  const { as, dropout, labels, newHead = false, seed = 0 } = options;
  const source = join(folder, CONFIG_FILE);
  const config = readConfig(readJson(source), { source, as, dropout });
  const { kind, problemType } = config;
  const { use } = kind;
  if (!hasLabels(use) && (labels ?? options.outputs) !== undefined)
    throw new Error(`fromPretrained: a model for ${use} has no labels and no choice of outputs`);
  const outputs = labels?.length ?? options.outputs ?? config.outputs;
  if (hasLabels(use) && !(Number.isSafeInteger(outputs) && outputs >= 1))
    throw new Error(`fromPretrained: the outputs must be a whole number from 1, not ${outputs}`);
  const files = openWeightFiles(folder);
  try {
    const table = tableOf(kind);
    const { layers } = config.options;
    // Whatever the file says of layers, there are tensors for each.
    if (layers > files.tensors.size)
      throw new Error(
        `${source}: the model has ${layers} layers, ${files.source} ${files.tensors.size} tensors in all`,
      );
    const model = makeModel(config, { outputs, seed, source });
    const isSameHead = isTrainedFor(config, use, { labels, outputs });
    const plan = planReading(files, model, { table, layers, head: headParameters(kind), newHead, isSameHead });
    const needed = 4 * model.parameterCount();
    if (needed > MAXIMUM_BYTES - memory.liveBytes)
      throw new Error(
        `${source}: the weights need ${needed} bytes, of ${MAXIMUM_BYTES} ${memory.liveBytes} are in use`,
      );
    const tokenizer = readTokenizer(folder);
    if (tokenizer !== undefined && tokenizer.vocabularySize > config.options.vocabulary)
      throw new Error(
        `${folder}: the tokenizer has ids up to ${tokenizer.vocabularySize - 1}, the model a vocabulary of ${config.options.vocabulary}`,
      );
    plan.read();
    return {
      use: use as Use,
      model: model as ModelByUse[Use],
      tokenizer,
      labels: hasLabels(use) ? (labels ?? namesOf(config, outputs)) : [],
      ...(problemType !== undefined && { problemType }),
      newParameters: plan.newParameters,
    };
  } finally {
    files.close();
  }
}

/** Whether a folder's own model has a last layer for this use, with as many outputs and these labels. */
const isTrainedFor = (
  config: PretrainedConfig,
  use: ModelUse,
  { labels, outputs }: { labels: readonly string[] | undefined; outputs: number },
) =>
  config.ownUse === use &&
  outputs === config.outputs &&
  (labels === undefined || JSON.stringify(namesOf(config, config.outputs)) === JSON.stringify(labels));

/** The layer whose outputs are labels, a score, or start and end: what no other use or labels can take over. */
const LAST_LAYER = /^(classifier|score|startEnd)\./;

/** The labels of a file, where they are as many as the outputs; else those that Hugging Face gives. */
const namesOf = ({ labels }: PretrainedConfig, outputs: number): readonly string[] =>
  labels?.length === outputs ? labels : Array.from({ length: outputs }, (_, id) => `LABEL_${id}`);

function makeModel(
  { kind, options }: PretrainedConfig,
  { outputs, seed, source }: { outputs: number; seed: number; source: string },
): PretrainedModel {
  const all = { ...(options as BertHeadOptions), outputs, seed };
  try {
    if (kind.family === "gpt") return kind.use === "causal-lm" ? new Gpt(all) : new GptForSequenceClassification(all);
    switch (kind.use) {
      case "masked-lm":
        return new Bert(all);
      case "sequence-classification":
        return new BertForSequenceClassification(all);
      case "token-classification":
        return new BertForTokenClassification(all);
      case "question-answering":
        return new BertForQuestionAnswering(all);
    }
  } catch (error) {
    throw new Error(`${source}: ${(error as Error).message}`);
  }
}

/**
 * Finds the tensor of every parameter and checks type and shape of each.
 * @returns what reads them, and the parameters for which there is nothing to read.
 */
function planReading(
  files: WeightFiles,
  model: PretrainedModel,
  {
    table,
    layers,
    head,
    newHead,
    isSameHead,
  }: { table: NameTable; layers: number; head: readonly string[]; newHead: boolean; isSameHead: boolean },
): { read(): void; newParameters: string[] } {
  const { source, tensors } = files;
  const { needed, tied } = matchNames(tensors.keys(), { table, layers, source });
  const rows = rowsOf(table, layers);
  const parameters = model.namedParameters();
  const check = (fileName: string, shape: readonly number[]) => {
    const found = tensors.get(fileName)!;
    if (!["F32", "F16", "BF16"].includes(found.type))
      throw new Error(`${source}: "${fileName}" has type ${found.type}; F32, F16 and BF16 are read`);
    if (!sameShape(found.shape, shape))
      throw new Error(`${source}: "${fileName}" has shape ${formatShape(found.shape)}, expected ${formatShape(shape)}`);
  };
  const newParameters: string[] = [];
  const filled: { row: NameRow; parameter: Parameter }[] = [];
  const byStoredName = new Map<string, Parameter>();
  for (const row of rows) {
    const parameter = parameters.get(row.parameter)!;
    if (newHead && !isSameHead && LAST_LAYER.test(row.parameter)) {
      newParameters.push(row.parameter);
      continue;
    }
    const missing = row.stored.filter((name) => !needed.has(name));
    if (missing.length > 0) {
      const isOfHead = head.includes(row.parameter);
      if (!(isOfHead && newHead)) {
        const hint = isOfHead ? "; only fine-tuning (newHead) begins with a new head" : "";
        throw new Error(`${source}: "${missing[0]}" is missing${hint}`);
      }
      newParameters.push(row.parameter);
      continue;
    }
    for (const { name, shape } of storedParts(row, parameter)) check(needed.get(name)!, shape);
    filled.push({ row, parameter });
    byStoredName.set(row.stored[0], parameter);
  }
  for (const [fileName, name] of tied) {
    const parameter = byStoredName.get(name);
    if (parameter !== undefined) check(fileName, parameter.shape);
  }
  return {
    newParameters,
    read() {
      for (const { row, parameter } of filled)
        fillParameter(row, parameter, (name, into, options) => files.read(needed.get(name)!, into, options));
      for (const [fileName, name] of tied) {
        const parameter = byStoredName.get(name);
        if (parameter !== undefined && !isCopy(files, fileName, parameter))
          throw new Error(`${source}: "${fileName}" differs from "${needed.get(name)}", to which it is tied here`);
      }
    },
  };
}

/** Numbers of a copy that are compared at a time: 1 MiB. */
const COMPARED = 2 ** 18;

function isCopy(files: WeightFiles, fileName: string, { numbers, size }: Parameter): boolean {
  for (let start = 0; start < size; start += COMPARED) {
    const piece = new Float32Array(Math.min(COMPARED, size - start));
    files.read(fileName, piece, { start });
    if (piece.some((value, index) => !Object.is(value, numbers[start + index]))) return false;
  }
  return true;
}

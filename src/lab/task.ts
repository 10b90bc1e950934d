/** An experiment's model with its data: next tokens for GPT, masked tokens for BERT. */

import type { LayeredModel, SizedModel } from "../apollo/layered-model.ts";
import type { Method } from "../apollo/method.ts";
import { noGrad } from "../autograd/index.ts";
import {
  Batches,
  type CausalTokens,
  MaskedBatches,
  type MaskedSequences,
  maskedValidationBatches,
  validationBatches,
} from "../data/index.ts";
import { type PrepareCorpusOptions, type PreparedCorpus, prepareCorpus } from "../data/token-cache.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import { Bert, type CausalBatch, Gpt, type LayerUse, type MaskedBatch } from "../nn/index.ts";
import { AdamW } from "../optim/adamw.ts";
import { learningRateSchedule } from "../optim/learning-rate.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type Experiment, vocabularyOf } from "./experiment.ts";
import { evaluationBatch } from "./memory-estimate.ts";
import { readModelTokenizer } from "./model-tokenizer.ts";

/** Both families behind one face; a batch of the one never meets the model of the other. */
export interface Task {
  model: SizedModel;
  /** The batch of a step's micro-batch: a function of seed, step and micro-batch alone; called inside a scope. */
  batchAt(step: number, microBatch: number): never;
  /** Mean validation loss in nats through a path, over the same tokens at every call; dropout off. */
  evaluate(path: readonly LayerUse[]): number;
  /** Each makes a validation batch; called inside a scope. */
  validation: readonly (() => { batch: never; ids: Tensor })[];
  vocabularySize: number;
  /** One epoch. */
  trainTokens: number;
  /** What a validation token costs, in nats, when it is guessed by its frequency in the training text alone. */
  unigramLoss: number;
  tokenizerJson: string;
}

/** What the training loop takes from an experiment and its task, but for model, method, optimizer and learning rate. */
export function trainingInputs({ training, model, seed }: Pick<Experiment, "training" | "model" | "seed">, task: Task) {
  const { batch, microBatches, clipNorm, gradientCheckpointing } = training;
  return {
    ...{ batchAt: task.batchAt, tokensPerBatch: batch * model.context, seed },
    ...{ microBatches, clipNorm, gradientCheckpointing },
  };
}

/** What the training loop takes to make an experiment's run, with a new optimizer when none is given. */
export function trainingOptions(
  experiment: Experiment,
  task: Task,
  { method, optimizer = optimizerOf(experiment, task) }: { method: Method; optimizer?: AdamW },
) {
  const { steps, learningRate } = experiment.training;
  return {
    ...{ model: task.model, method, optimizer },
    learningRate: method.learningRate?.(learningRate.peak) ?? learningRateSchedule({ ...learningRate, steps }),
    ...trainingInputs(experiment, task),
  };
}

export const optimizerOf = ({ training: { weightDecay } }: Experiment, { model }: Task) =>
  new AdamW(model.parameters(), { weightDecay });

/** What distinguishes the families. */
interface TaskParts<Tokens, Batch extends { inputs: Tensor }> {
  model: LayeredModel<Batch> & SizedModel;
  training: { batchAt(step: number): Tokens };
  validation: readonly Tokens[];
  toBatch(tokens: Tokens): Batch;
  /** What is to be predicted: a batch's loss is the mean over these. */
  targets(tokens: Tokens): Int32Array;
}

/** Of the choice of validation documents: one for all seeds, so that all runs on a corpus share their validation text. */
const SPLIT_SEED = 0;

/** What of an experiment its corpus depends on. */
type CorpusUser = Pick<Experiment, "model" | "data" | "from">;

/**
 * What an experiment asks of its corpus.
 * @param tokenizer of one that begins from a model; that model's when absent.
 * @throws when there is none beside that model.
 */
export function corpusOptionsOf(
  { model, data, from }: CorpusUser,
  tokenizer = from === undefined ? undefined : readModelTokenizer(from),
): PrepareCorpusOptions {
  return {
    corpus: data.corpus,
    ...(tokenizer !== undefined && { encoder: tokenizer }),
    vocabularySize: model.vocabulary,
    family: model.family,
    tokenizer: data.tokenizer,
    validationFraction: data.validationFraction,
    seed: SPLIT_SEED,
  };
}

/**
 * Prepares the corpora of experiments, each once, so that their runs find them tokenised.
 * @returns one for each experiment.
 * @throws where a corpus cannot be read.
 */
export function prepareCorpora(
  experiments: readonly CorpusUser[],
  options: { cacheFolder?: string; onProgress?: (message: string) => void } = {},
): PreparedCorpus[] {
  const prepared = new Map<string, PreparedCorpus>();
  return experiments.map((experiment) => {
    const { model, data, from } = experiment;
    const key = JSON.stringify([model.family, model.vocabulary, data, from]);
    const corpus = prepared.get(key) ?? prepareCorpus({ ...corpusOptionsOf(experiment), ...options });
    prepared.set(key, corpus);
    return corpus;
  });
}

/** A corpus's tokenizer as runs keep it. */
export const tokenizerJsonOf = ({ tokenizer }: PreparedCorpus) => `${JSON.stringify(tokenizer.toJson(), null, 2)}\n`;

/**
 * Reads and tokenises the corpus (or takes it from the cache) and makes the model, with random weights.
 * @param options tokenizer: of an experiment that begins from a model; that model's when absent.
 * @throws where these do.
 */
export function prepareTask(
  experiment: Experiment,
  options: { cacheFolder?: string; tokenizer?: Tokenizer; onProgress?: (message: string) => void } = {},
): Task {
  const { tokenizer, ...rest } = options;
  const corpus = prepareCorpus({ ...corpusOptionsOf(experiment, tokenizer), ...rest });
  return experiment.model.family === "gpt" ? gptTask(experiment, corpus) : bertTask(experiment, corpus);
}

function gptTask(experiment: Experiment, corpus: PreparedCorpus): Task {
  const { model, data, training, seed } = experiment;
  const { context } = model;
  return assemble<CausalTokens, CausalBatch>(corpus, training.microBatches, {
    model: new Gpt({ ...model, vocabulary: vocabularyOf(experiment, corpus.tokenizer), seed }),
    training: new Batches({ context, batchSize: training.batch, tokens: corpus.train.tokens, seed }),
    validation: validationBatches(corpus.validation.tokens, {
      context,
      batchSize: evaluationBatch(experiment),
      minimumTokens: data.validationTokens,
    }),
    toBatch: ({ inputs, targets, rows }) => ({
      inputs: Tensor.from(inputs, [rows, context], "i32"),
      targets: Tensor.from(targets, [rows, context], "i32"),
    }),
    targets: ({ targets }) => targets,
  });
}

function bertTask(experiment: Experiment, corpus: PreparedCorpus): Task {
  const { model, data, training, seed } = experiment;
  const { context } = model;
  const { tokenizer } = corpus;
  return assemble<MaskedSequences, MaskedBatch>(corpus, training.microBatches, {
    model: new Bert({ ...model, vocabulary: vocabularyOf(experiment, tokenizer), seed }),
    training: new MaskedBatches({
      context,
      batchSize: training.batch,
      tokens: corpus.train.tokens,
      seed,
      tokenizer,
    }),
    validation: maskedValidationBatches(corpus.validation.tokens, {
      context,
      batchSize: evaluationBatch(experiment),
      minimumTokens: data.validationTokens,
      tokenizer,
    }),
    toBatch: ({ inputs, positions, targets, rows }) => ({
      inputs: Tensor.from(inputs, [rows, context], "i32"),
      positions: Tensor.from(positions, [positions.length], "i32"),
      targets: Tensor.from(targets, [targets.length], "i32"),
    }),
    targets: ({ targets }) => targets,
  });
}

function assemble<Tokens, Batch extends { inputs: Tensor }>(
  corpus: PreparedCorpus,
  microBatches: number,
  parts: TaskParts<Tokens, Batch>,
): Task {
  const { model, training, validation, toBatch, targets } = parts;
  return {
    model,
    batchAt: (step, microBatch) => toBatch(training.batchAt(step * microBatches + microBatch)) as never,
    evaluate(path) {
      model.eval();
      let total = 0;
      let count = 0;
      for (const tokens of validation) {
        const loss = scope(() => noGrad(() => model.loss(toBatch(tokens), { path }).item()));
        total += loss * targets(tokens).length;
        count += targets(tokens).length;
      }
      return total / count;
    },
    validation: validation.map((tokens) => () => {
      const batch = toBatch(tokens);
      return { batch: batch as never, ids: batch.inputs };
    }),
    vocabularySize: model.size.vocabulary,
    trainTokens: corpus.train.tokens.length,
    unigramLoss: unigramLoss(corpus, validation.map(targets)),
    tokenizerJson: tokenizerJsonOf(corpus),
  };
}

/** −ln of the frequency in the training text, one added to every count, averaged over the tokens to predict. */
function unigramLoss({ train, tokenizer }: PreparedCorpus, predicted: readonly Int32Array[]): number {
  const counts = new Float64Array(tokenizer.vocabularySize).fill(1);
  for (const token of train.tokens) counts[token]++;
  const all = train.tokens.length + counts.length;
  let total = 0;
  let count = 0;
  for (const targets of predicted) {
    for (const token of targets) total -= Math.log(counts[token] / all);
    count += targets.length;
  }
  return total / count;
}

/** The options that describe experiments, shared by several commands, and what they become. */

import { type Command, Option } from "commander";
import { TOKENIZER_KINDS, type TokenizerKind } from "../data/token-cache.ts";
import { defaultLearningRate } from "../finetune/fine-tune.ts";
import { type Experiment, type ExperimentInput, parseExperiment, presetModel } from "../lab/experiment.ts";
import { describeModel } from "../lab/open-model.ts";
import { PRESETS } from "../nn/index.ts";
import { LEARNING_RATE_KINDS, type LearningRateKind } from "../optim/learning-rate.ts";
import { parseNumber, parseWhole } from "./parse.ts";
import { type RecipeFlags, recipeOf, refuseMeaningless } from "./recipe-options.ts";

/** Values as commander hands them over. */
export interface ExperimentFlags extends RecipeFlags {
  /** The folder of the model to begin from, where there is such an option. */
  from?: string;
  model: string;
  layers?: number;
  hidden?: number;
  heads?: number;
  context?: number;
  vocabulary?: number;
  tokenizer?: TokenizerKind;
  dropout?: number;
  norm?: "pre" | "post";
  corpus: string;
  validationFraction?: number;
  steps: number;
  batch: number;
  microBatches?: number;
  gradientCheckpointing?: boolean;
  learningRate?: number;
  schedule: LearningRateKind;
  seed: number;
  evaluations: number;
}

/** The options that say what the model is, beside which none to begin from can stand; its context can be made shorter. */
export const MODEL_OPTIONS = ["model", "layers", "hidden", "heads", "vocabulary", "tokenizer", "norm"];

/** Found on the embedded corpus at the default size; BERT's post-LN blocks bear less. */
const DEFAULT_PEAK = { gpt: 2e-3, bert: 1e-3 };

/** Adds the options of model, data and training. */
export function addExperimentOptions(command: Command): Command {
  return command
    .option("--model <name>", `gpt, bert, or a preset: ${Object.keys(PRESETS).join(", ")}`, "gpt")
    .option("--layers <L>", "target depth", parseWhole)
    .option("--hidden <d>", "hidden size", parseWhole)
    .option("--heads <n>", "attention heads", parseWhole)
    .option("--context <T>", "tokens in a sequence", parseWhole)
    .option("--vocabulary <V>", "size of the tokenizer's vocabulary", parseWhole)
    .addOption(
      new Option("--tokenizer <kind>", "byte-level BPE (bpe), or WordPiece with small letters for BERT").choices(
        TOKENIZER_KINDS,
      ),
    )
    .option("--dropout <p>", "dropout everywhere", parseNumber)
    .addOption(
      new Option("--norm <place>", "LayerNorm before branches (GPT) or after sums (BERT)").choices(["pre", "post"]),
    )
    .option("--corpus <source>", "brown, sotu, or a path to a file, a folder or a .jsonl file", "brown")
    .option("--validation-fraction <f>", "share of the documents that is kept for validation", parseNumber)
    .option("--steps <T>", "updates", parseWhole, 1500)
    .option("--batch <B>", "sequences in a micro-batch", parseWhole, 4)
    .option("--micro-batches <n>", "micro-batches in an update", parseWhole)
    .option("--gradient-checkpointing", "run layers twice instead of keeping what their gradients need: less memory")
    .option(
      "--learning-rate <lr>",
      `largest learning rate (${DEFAULT_PEAK.gpt} for GPT, ${DEFAULT_PEAK.bert} for BERT)`,
      parseNumber,
    )
    .addOption(new Option("--schedule <kind>", "learning-rate schedule").choices(LEARNING_RATE_KINDS).default("cosine"))
    .option("--seed <n>", "of initial weights, data order, masks, dropout and depths", parseWhole, 0)
    .option("--evaluations <n>", "how often the validation loss is measured during a run", parseWhole, 30);
}

/**
 * Checked experiments from the options, one for each recipe and named after it; with `from` about the model in that folder.
 * @throws one sentence naming the option or its field and the value; an option must mean something to one of the recipes.
 */
export function experimentsFrom(flags: ExperimentFlags, recipes: readonly string[]): Experiment[] {
  refuseMeaningless(flags, recipes);
  return recipes.map((recipe) => experimentOf(flags, recipe));
}

function experimentOf(flags: ExperimentFlags, recipe: string): Experiment {
  const model = modelOf(flags);
  const { from, corpus, validationFraction, steps, batch, microBatches, seed, evaluations, tokenizer } = flags;
  const peak = from === undefined ? DEFAULT_PEAK[model.family] : defaultLearningRate(model.hidden);
  const input: ExperimentInput = {
    name: from === undefined ? recipe : "continued",
    model,
    data: { corpus, validationFraction, tokenizer },
    from,
    recipe: recipeOf(recipe, flags, model.layers),
    training: {
      steps,
      batch,
      microBatches,
      gradientCheckpointing: flags.gradientCheckpointing,
      learningRate: { kind: flags.schedule, peak: flags.learningRate ?? peak },
    },
    evaluations,
    seed,
  };
  return parseExperiment(input);
}

function modelOf(flags: ExperimentFlags): ExperimentInput["model"] {
  const { from, dropout, norm } = flags;
  if (from !== undefined) {
    const model = describeModel(from, { dropout });
    return { ...model, context: flags.context ?? model.context };
  }
  const preset = presetModel(flags.model === "gpt" || flags.model === "bert" ? `${flags.model}-mini` : flags.model);
  const { layers = preset.layers, hidden = preset.hidden, heads = preset.heads, context = preset.context } = flags;
  const { vocabulary = preset.vocabulary } = flags;
  return { family: preset.family, layers, hidden, heads, context, vocabulary, dropout, norm };
}

/** `apollo finetune`: a pre-trained BERT or GPT learns a task. */

import { basename, join, resolve } from "node:path";
import { Command } from "commander";
import { type FineTuningRecord, fineTuneInto } from "../finetune/fine-tune-into.ts";
import { spread } from "../report/suite-table.ts";
import { EMBEDDED_NAMES, OFFICIAL_NAMES, readTask } from "../tasks/named-tasks.ts";
import { isOwnTask } from "../tasks/own-task.ts";
import type { LabelledTask } from "../tasks/task.ts";
import { interruptible } from "./interrupt.ts";
import { parseCount, parseNumber, parseWhole } from "./parse.ts";
import { scoresText } from "./scores-text.ts";
import { textOf } from "./text-table.ts";

interface FinetuneFlags {
  task: string;
  data?: string;
  out?: string;
  epochs: number;
  batch: number;
  learningRate?: number;
  weightDecay: number;
  dropout: number;
  seed: number;
  seeds: number;
  probe?: boolean;
}

export function finetuneCommand(): Command {
  return new Command("finetune")
    .description(
      "teach a pre-trained BERT or GPT a task, and keep the best epoch of the best seed in Hugging Face's form",
    )
    .argument("<model>", "the folder of a run, finished or cut off, or of a model in Hugging Face's form")
    .requiredOption("--task <name>", "what to learn: see below")
    .option("--data <folder>", "the files of a task that is not embedded")
    .option("--out <folder>", "where the model goes (runs/<task>)")
    .option(
      "--epochs <n>",
      "passes over the training side; the best one on the development side is kept",
      parseCount,
      4,
    )
    .option("--batch <n>", "sequences in a batch", parseCount, 16)
    .option("--learning-rate <lr>", "largest learning rate (0.0384 / hidden size)", parseNumber)
    .option("--weight-decay <λ>", "of matrices and embeddings", parseNumber, 0.01)
    .option("--dropout <p>", "dropout everywhere", parseNumber, 0.1)
    .option("--seed <n>", "of the head's first weights, the order of the data, and dropout", parseWhole, 0)
    .option("--seeds <n>", "how many seeds, counted from --seed", parseCount, 1)
    .option(
      "--probe",
      "the head alone learns, on a frozen encoder: linear for tags, spans and GPT; for BERT's sequences with the pooler, which is a hidden layer",
    )
    .addHelpText(
      "after",
      `
A BERT learns tasks of every kind, a GPT those with one answer for a text or a pair: tags and spans are answered token by token, and its
tokens do not see what follows them.

Tasks that need no files: ${EMBEDDED_NAMES.join(", ")}.
Tasks whose files you have (--data): ${OFFICIAL_NAMES.join(", ")}. GLUE's are at gluebenchmark.com/tasks, SQuAD's (train-v*.json, dev-v*.json) at rajpurkar.github.io/SQuAD-explorer.
Your own: a folder with train.jsonl and dev.jsonl, an object per line: {"text", "label"} or {"text", "score"}, both with "pair" for a second text, or {"words", "tags"}.

Examples:
  apollo finetune runs/compare-gpt/scratch --task sentiment
  apollo train --model bert --recipe scratch --out runs/bert
  apollo finetune runs/bert --task sentiment
  apollo finetune models/bert-base-uncased --task mrpc --data glue/MRPC --batch 32 --learning-rate 5e-5
  apollo finetune runs/bert --task my-task/ --seeds 5 --out runs/mine`,
    )
    .action(async (from: string, flags: FinetuneFlags) => {
      const { out = join("runs", basename(resolve(flags.task))), seed, seeds, ...options } = flags;
      const task = readTask(flags.task, flags);
      const record = await interruptible((signal, listen) =>
        fineTuneInto(task, {
          source: sourceOf(flags),
          ...{ ...options, from, folder: out, signal, probe: flags.probe ?? false },
          seeds: Array.from({ length: seeds }, (_, index) => seed + index),
          onBegin: (current, { sequences, hasNewHead }) => {
            listen();
            // A refusal stands alone: the task is told once training begins.
            if (current === seed)
              for (const sentence of [task.about, task.isNot, task.skipped]) if (sentence) console.error(sentence);
            const head = hasNewHead ? "" : `, and a head that was trained for these labels before`;
            console.error(`seed ${current}: ${sequences} sequences to train on${head}`);
          },
          onProgress: (current, { epoch }) => {
            if (epoch === undefined) return;
            const scores = task.development.map(({ name }, set) => `${name}: ${scoresText(epoch.scores[set])}`);
            console.error(
              `seed ${current}, epoch ${epoch.epoch}: training loss ${epoch.loss.toFixed(3)}; ${scores.join("; ")}`,
            );
          },
        }),
      );
      const { length: done } = record.seeds;
      if (done > 0) {
        console.log(resultTable(task, record));
        console.log(`the best model: ${out}   measure it again: apollo evaluate ${out}`);
      }
      const last = record.seeds.at(-1);
      const isCutOff = last !== undefined && last.epochs.length < flags.epochs;
      if (done < seeds || isCutOff) {
        const reached = isCutOff
          ? `${last.epochs.length} of ${flags.epochs} epochs of seed ${last.seed}`
          : `${done} of ${seeds} seeds`;
        console.log(last === undefined ? "interrupted: nothing was written" : `interrupted after ${reached}`);
        process.exitCode = 130;
      }
    });
}

/** What the task and its files are found by again, from any folder. */
const sourceOf = ({ task, data }: FinetuneFlags) => ({
  task: isOwnTask(task) ? resolve(task) : task,
  ...(data !== undefined && { data: resolve(data) }),
});

/** The best epoch of every seed, and mean ± standard deviation over them. */
function resultTable(task: LabelledTask, { seeds }: FineTuningRecord): string {
  const columns = task.development.flatMap(({ name }, set) => task.metrics.map((metric) => ({ name, set, metric })));
  const valuesOf = ({ set, metric }: (typeof columns)[number]) =>
    seeds.map(({ best }) => 100 * (best.scores[set][metric] ?? Number.NaN));
  const rows = seeds.map(({ seed, best }, index) => ({
    label: String(seed),
    cells: [String(best.epoch), ...columns.map((column) => valuesOf(column)[index].toFixed(1))],
  }));
  if (seeds.length > 1)
    rows.push({
      label: "mean ± standard deviation",
      cells: ["", ...columns.map((column) => spread(valuesOf(column), (value) => value.toFixed(1)))],
    });
  return textOf({
    rowHead: "seed",
    columns: [{ head: "best epoch" }, ...columns.map(({ name, metric }) => ({ head: `${name}: ${metric}, %` }))],
    rows,
  });
}

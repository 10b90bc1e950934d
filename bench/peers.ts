/**
 * The same GPT training step in apollo-ts and in other frameworks: `npm run bench -- --peers [names] [--sizes 1,3]
 * [--rounds 5] [--seconds 6] [--limit 120] [--out file]`. Every process starts from the same weights and batch and
 * has to show the same losses; rounds are interleaved; ratios are taken within a round, and their median counts.
 */

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { parseCountTo, parseTimedSteps } from "../src/cli/parse.ts";
import { checkWritable, writeWhole } from "../src/io/files.ts";
import { describeMachine } from "../src/lab/machine.ts";
import { nameOfSize, type StepSize } from "../src/lab/step-times.ts";
import { Gpt } from "../src/nn/index.ts";
import { median } from "../src/report/statistics.ts";
import { Random } from "../src/tensor/random.ts";
import { benchmark, parseSizes, readOptions, SIZE_NUMBERS } from "./arguments.ts";
import type { Measurement } from "./peers/measurement.ts";
import { APOLLO, APOLLO_NARROW, PARTICIPANTS, type Participant, type Setting } from "./peers/participants.ts";
import { differenceInTraining, type RunOptions, runStep } from "./peers/run-step.ts";
import { writeStart } from "./peers/start.ts";
import { medianAndQuartiles } from "./quartiles.ts";
import { GPT_SIZES } from "./sizes.ts";

interface Flags {
  /** True for all. */
  peers?: readonly string[] | true;
  /** Numbers of sizes, from 1. */
  sizes: readonly number[];
  rounds: number;
  seconds: number;
  limit: number;
  out: string;
}

/** What is known of a participant at one size. */
interface Entry {
  participant: Participant;
  setting: Setting;
  /** Median milliseconds of each round. */
  rounds: number[];
  description: string;
  /** Median milliseconds of every setting that was tried; null where it failed. */
  tried: Record<string, number | null>;
  /** Why there is no figure. */
  failure: string | null;
}

/** A participant that takes longer than this many times its seconds in a round sits out the rounds after the second. */
const SLOW = 4;
const ROUNDS_OF_THE_SLOW = 2;
/** Long enough to tell settings apart. */
const CALIBRATION_SECONDS = 1.5;

const isOwn = ({ name }: Participant) => name === APOLLO || name === APOLLO_NARROW;
const PEER_NAMES = PARTICIPANTS.filter((participant) => !isOwn(participant)).map(({ name }) => name);

function parseNames(text: string): readonly string[] {
  const names = text.split(",");
  const unknown = names.find((name) => !PEER_NAMES.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no "${unknown}", only ${PEER_NAMES.join(", ")}.`);
  return names;
}

/** Up to the longest that a timer of Node's can wait. */
const parseSeconds = parseCountTo(Math.floor((2 ** 31 - 1) / 1000));

const flags = readOptions<Flags>(
  benchmark("all.ts", "every benchmark in turn; with --peers other frameworks' training steps beside ours")
    .name("npm run bench --")
    .option("--peers [names]", `some of ${PEER_NAMES.join(",")}; all when left out`, parseNames)
    .option("--sizes <numbers>", "which sizes, from 1; all when left out", parseSizes, SIZE_NUMBERS)
    .option("--rounds <n>", "interleaved rounds", parseTimedSteps, 5)
    .option("--seconds <n>", "about how long each process measures", parseSeconds, 6)
    .option("--limit <n>", "seconds after which a process is given up", parseSeconds, 120)
    .option("--out <file>", "results as JSON", "bench/results/peers.json"),
);

if (flags.peers === undefined)
  throw new Error("without --peers every benchmark runs as it is, and options mean nothing");
if (flags.seconds >= flags.limit)
  throw new Error(`--limit ${flags.limit} ends a process before it has measured for --seconds ${flags.seconds}`);

const message = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Ours, and those peers of the chosen ones that are installed. @throws when none of them is. */
function chosenParticipants(): Participant[] {
  const missing: string[] = [];
  const present = PARTICIPANTS.filter((participant) => {
    if (isOwn(participant)) return true;
    if (flags.peers !== true && !flags.peers?.includes(participant.name)) return false;
    const reason = participant.missing();
    if (reason !== null) missing.push(`${participant.label} is ${reason}`);
    return reason === null;
  });
  if (present.every(isOwn)) throw new Error(`there is nothing to compare with: ${missing.join("; ")}`);
  for (const line of missing) console.log(line);
  return present;
}

/** 6·P·B·T + 12·L·B·T²·d, with P without the position table: the same count for everyone. */
function flopsOf(size: StepSize): number {
  const { hidden, layers, context, batch } = size;
  const parameters = new Gpt(size).parameterCount() - context * hidden;
  return 6 * parameters * batch * context + 12 * layers * batch * context ** 2 * hidden;
}

function writeFirstWeights(folder: string, size: StepSize): void {
  const random = new Random(1);
  const tokens = () => Int32Array.from({ length: size.batch * size.context }, () => random.integer(size.vocabulary));
  const parameters = new Gpt({ ...size, seed: 1 }).stateDict();
  writeStart(folder, { size, parameters, inputs: tokens(), targets: tokens() });
}

/** Tries every setting of a participant briefly. */
async function calibrate(participant: Participant, run: RunOptions): Promise<Entry> {
  const entry: Entry = {
    participant,
    setting: participant.settings[0],
    rounds: [],
    description: "",
    tried: {},
    failure: null,
  };
  if (participant.settings.length === 1) return entry;
  let best = Number.POSITIVE_INFINITY;
  let failure = "";
  for (const setting of participant.settings) {
    try {
      const ms = median(
        (await runStep(setting, { ...run, seconds: Math.min(run.seconds, CALIBRATION_SECONDS) })).milliseconds,
      );
      entry.tried[setting.label] = ms;
      if (ms < best) [best, entry.setting] = [ms, setting];
    } catch (error) {
      entry.tried[setting.label] = null;
      failure = message(error);
    }
  }
  if (best === Number.POSITIVE_INFINITY) entry.failure = failure;
  const tried = Object.entries(entry.tried).map(([label, ms]) => `${label} ${ms === null ? "–" : ms.toFixed(1)}`);
  console.log(`  ${participant.label}, ms by setting: ${tried.join("; ")}`);
  return entry;
}

async function measureRounds(entries: Entry[], run: RunOptions): Promise<void> {
  const slow = new Set<Entry>();
  let own: Measurement | null = null;
  for (let round = 0; round < flags.rounds; round++) {
    // Nobody always follows the same one.
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) {
      if (entry.failure !== null || (slow.has(entry) && round >= ROUNDS_OF_THE_SLOW)) continue;
      const began = performance.now();
      try {
        const measurement = await runStep(entry.setting, run);
        own ??= measurement;
        const difference = differenceInTraining(measurement, own);
        if (difference !== null) throw new Error(`it trains differently: ${difference}`);
        entry.rounds.push(median(measurement.milliseconds));
        entry.description = measurement.description;
      } catch (error) {
        if (entry.participant.name === APOLLO) throw error;
        entry.failure = message(error);
      }
      if (performance.now() - began > SLOW * run.seconds * 1000) slow.add(entry);
    }
  }
}

/** How many times as long as `base` an entry took: one ratio for each round in which both took part. */
function ratiosTo(base: Entry, { rounds }: Entry): number[] {
  return rounds.slice(0, base.rounds.length).map((ms, round) => ms / base.rounds[round]);
}

/** A line a participant: medians over the rounds with their quartiles, and what ran in which setting. */
function printTable(sizeIndex: number, entries: Entry[], flops: number): void {
  const widths = [26, 9, 22, 16, 22, 16, 0];
  const row = (label: string, cells: string[]) =>
    console.log(label.padEnd(28) + cells.map((cell, index) => cell.padStart(widths[index])).join(""));
  row("", ["ms (quartiles)", "GFLOP/s", "× of apollo-ts", "bar", "× of no revectorizer", "bar"]);
  for (const entry of entries) {
    const { participant, setting, rounds, description, failure } = entry;
    if (failure !== null) {
      console.log(`${participant.label.padEnd(28)}– (${failure})`);
      continue;
    }
    const comparisons = [APOLLO, APOLLO_NARROW].flatMap((base) => {
      const ratios = ratiosTo(entries.find(({ participant }) => participant.name === base)!, entry);
      const bar = participant.bars.find(({ of }) => of === base)?.ratios[sizeIndex] ?? null;
      return [medianAndQuartiles(ratios), bar === null ? "" : `≥ ${bar}: ${median(ratios) >= bar ? "met" : "not met"}`];
    });
    row(participant.label, [
      medianAndQuartiles(rounds),
      (flops / median(rounds) / 1e6).toFixed(1),
      ...comparisons,
      `  ${description} ${setting.label}`,
    ]);
  }
}

// What cannot be written is told before anything is measured.
const out = resolve(flags.out);
if (statSync(out, { throwIfNoEntry: false })?.isFile() === false)
  throw new Error(`cannot write ${flags.out}: it is a folder or a device`);
checkWritable(dirname(out));
const participants = chosenParticipants();
const results: object[] = [];
console.log(describeMachine());
const folder = mkdtempSync(join(tmpdir(), "apollo-peers-"));
// Also when Ctrl-C ends the program; the peers hear that themselves.
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
for (const number of flags.sizes) {
  const size = GPT_SIZES[number - 1];
  const flops = flopsOf(size);
  console.log(`\n${nameOfSize(size)}: ${(flops / 1e9).toFixed(2)} GFLOP a step`);
  writeFirstWeights(folder, size);
  const run = { folder, seconds: flags.seconds, limitSeconds: flags.limit };
  const entries: Entry[] = [];
  for (const participant of participants) entries.push(await calibrate(participant, run));
  await measureRounds(entries, run);
  printTable(number - 1, entries, flops);
  results.push({
    size,
    flops,
    participants: entries.map(({ participant, setting, rounds, description, tried, failure }) => ({
      name: participant.name,
      setting: setting.label,
      ...{ description, rounds, tried, failure },
      medianMs: rounds.length === 0 ? null : median(rounds),
    })),
  });
  writeWhole(
    out,
    `${JSON.stringify({ machine: describeMachine(), date: new Date().toISOString(), results }, null, 2)}\n`,
  );
}
console.log(`\nin full: ${flags.out}`);

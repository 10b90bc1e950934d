/**
 * The same GPT training step in apollo-ts and in other frameworks: `npm run bench -- --peers [names] [--sizes 1,3]
 * [--rounds 5] [--seconds 6] [--limit 120] [--out file]`. Every process starts from the same weights and batch and
 * has to show the same losses; rounds are interleaved; ratios are between medians over the rounds.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { parseCount, parseList } from "../src/cli/parse.ts";
import { describeMachine } from "../src/lab/machine.ts";
import { nameOfSize, type StepSize } from "../src/lab/step-times.ts";
import { Gpt } from "../src/nn/index.ts";
import { median } from "../src/report/statistics.ts";
import { Random } from "../src/tensor/random.ts";
import { APOLLO, APOLLO_NARROW, PARTICIPANTS, type Participant, type Setting } from "./peers/participants.ts";
import { differenceInTraining, type RunOptions, runStep } from "./peers/run-step.ts";
import { writeStart } from "./peers/start.ts";
import { GPT_SIZES } from "./sizes.ts";

interface Flags {
  /** True for all. */
  peers: readonly string[] | true;
  /** Indices into the sizes. */
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

function parseSizes(text: string): number[] {
  return parseList(text).map((number) => {
    if (GPT_SIZES[number - 1] === undefined)
      throw new InvalidArgumentError(`There is no size ${number}, only 1 to ${GPT_SIZES.length}.`);
    return number - 1;
  });
}

const flags = new Command("npm run bench --")
  .requiredOption("--peers [names]", `some of ${PEER_NAMES.join(",")}; all when left out`, parseNames)
  .option("--sizes <numbers>", "which sizes, from 1; all when left out", parseSizes, [...GPT_SIZES.keys()])
  .option("--rounds <n>", "interleaved rounds", parseCount, 5)
  .option("--seconds <n>", "about how long each process measures", parseCount, 6)
  .option("--limit <n>", "seconds after which a process is given up", parseCount, 120)
  .option("--out <file>", "results as JSON", "bench/results/peers.json")
  .parse()
  .opts<Flags>();

const message = (error: unknown) => (error instanceof Error ? error.message : String(error));

function chosenParticipants(): Participant[] {
  return PARTICIPANTS.filter((participant) => {
    if (isOwn(participant)) return true;
    if (flags.peers !== true && !flags.peers.includes(participant.name)) return false;
    const missing = participant.missing();
    if (missing !== null) console.log(`${participant.label}: ${missing}`);
    return missing === null;
  });
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
      const ms = median((await runStep(setting, { ...run, seconds: CALIBRATION_SECONDS })).milliseconds);
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
  for (let round = 0; round < flags.rounds; round++) {
    let own: Awaited<ReturnType<typeof runStep>> | null = null;
    for (const entry of entries) {
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

function printTable(sizeIndex: number, entries: Entry[], flops: number): void {
  const ms = new Map(entries.map((entry) => [entry.participant.name, median(entry.rounds)]));
  const header = ["ms", "min–max", "GFLOP/s", "× of apollo-ts", "bar", "× of no revectorizer", "bar"];
  const widths = [9, 17, 9, 16, 16, 22, 16, 0];
  const row = (label: string, cells: string[]) =>
    console.log(label.padEnd(28) + cells.map((cell, index) => cell.padStart(widths[index])).join(""));
  row("", header);
  for (const { participant, setting, rounds, description, failure } of entries) {
    if (failure !== null) {
      console.log(`${participant.label.padEnd(28)}– (${failure})`);
      continue;
    }
    const own = ms.get(participant.name)!;
    const comparisons = [APOLLO, APOLLO_NARROW].flatMap((base) => {
      const ratio = own / ms.get(base)!;
      const bar = participant.bars.find(({ of }) => of === base)?.ratios[sizeIndex] ?? null;
      return [ratio.toFixed(2), bar === null ? "" : `≥ ${bar}: ${ratio >= bar ? "met" : "not met"}`];
    });
    const spread = `${Math.min(...rounds).toFixed(1)}–${Math.max(...rounds).toFixed(1)}`;
    row(participant.label, [
      own.toFixed(2),
      spread,
      (flops / own / 1e6).toFixed(1),
      ...comparisons,
      `  ${description} ${setting.label}`,
    ]);
  }
}

const participants = chosenParticipants();
const results: object[] = [];
console.log(describeMachine());
const folder = mkdtempSync(join(tmpdir(), "apollo-peers-"));
try {
  for (const sizeIndex of flags.sizes) {
    const size = GPT_SIZES[sizeIndex];
    const flops = flopsOf(size);
    console.log(`\n${nameOfSize(size)}: ${(flops / 1e9).toFixed(2)} GFLOP a step`);
    writeFirstWeights(folder, size);
    const run = { folder, seconds: flags.seconds, limitSeconds: flags.limit };
    const entries: Entry[] = [];
    for (const participant of participants) entries.push(await calibrate(participant, run));
    await measureRounds(entries, run);
    printTable(sizeIndex, entries, flops);
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
    mkdirSync(dirname(flags.out), { recursive: true });
    writeFileSync(
      flags.out,
      `${JSON.stringify({ machine: describeMachine(), date: new Date().toISOString(), results }, null, 2)}\n`,
    );
  }
  console.log(`\nin full: ${flags.out}`);
} finally {
  rmSync(folder, { recursive: true });
}

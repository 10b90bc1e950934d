/** One progress board for all processes of a suite: a bar for each run, and one for the whole. Plain lines without a terminal. */

import { MultiBar, Presets, type SingleBar } from "cli-progress";
import pc from "picocolors";
import { type Experiment, experimentHash } from "../lab/experiment.ts";
import type { WorkerMessage } from "../suites/suite-worker.ts";

type Told<Kind extends WorkerMessage["kind"]> = Extract<WorkerMessage, { kind: Kind }>;

/** "apollo-lvps lr 0.002 seed 0" */
export function nameOfRun({ name, seed, training }: Experiment): string {
  return `${name} lr ${training.learningRate.peak} seed ${seed}`;
}

export class SuiteBoard {
  readonly #bars: MultiBar | null;
  readonly #ofRun = new Map<string, SingleBar>();
  #whole: SingleBar | null = null;
  #counts = "";

  constructor(options: { isTerminal?: boolean } = {}) {
    const isTerminal = options.isTerminal ?? process.stderr.isTTY === true;
    this.#bars = isTerminal
      ? new MultiBar(
          {
            format: `${pc.bold("{name}")} {bar} {value}/{total}  {told}`,
            barsize: 20,
            hideCursor: true,
            clearOnComplete: true,
          },
          Presets.shades_classic,
        )
      : null;
  }

  count(done: number, known: number): void {
    this.#counts = `${done} of ${known} runs`;
    if (this.#bars === null) return;
    this.#whole ??= this.#bars.create(known, done, { name: pad("all runs"), told: "" });
    this.#whole.setTotal(known);
    this.#whole.update(done, { told: "known so far; the best learning rates add more" });
  }

  progress(experiment: Experiment, { step, steps, loss, validation }: Told<"progress">): void {
    const hash = experimentHash(experiment);
    const told = `loss ${loss.toFixed(3)}  val ${validation === null ? "–" : validation.toFixed(3)}`;
    const bar = this.#ofRun.get(hash) ?? this.#bars?.create(steps, step, { name: pad(nameOfRun(experiment)), told });
    if (bar === undefined) return;
    this.#ofRun.set(hash, bar);
    bar.update(step, { told });
  }

  end(experiment: Experiment, { status, reason }: Told<"end">): void {
    const hash = experimentHash(experiment);
    const bar = this.#ofRun.get(hash);
    if (bar !== undefined) this.#bars?.remove(bar);
    this.#ofRun.delete(hash);
    const line = `${nameOfRun(experiment)}: ${status}${reason === undefined ? "" : `, ${reason}`} (${this.#counts} before)`;
    if (this.#bars === null) console.error(line);
    else this.#bars.log(`${line}\n`);
  }

  stop(): void {
    this.#bars?.stop();
  }
}

const pad = (name: string) => name.padEnd(36);

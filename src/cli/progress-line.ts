/** One progress bar per run: step, loss, depth, N, tokens per second, time left. Plain lines where there is no terminal. */

import { Presets, SingleBar } from "cli-progress";
import pc from "picocolors";
import type { Progress } from "../lab/run.ts";

/** Steps over which speed and loss are averaged for display. */
const WINDOW = 20;
/** Without a terminal, a line is written this often: every so many percent of the run. */
const PLAIN_PERCENT = 10;

export class ProgressLine {
  readonly #name: string;
  readonly #bar: SingleBar | null;
  readonly #recent: Progress["record"][] = [];
  #validation = "–";
  #started = false;
  #nextPlain = PLAIN_PERCENT;

  constructor(name: string, options: { isTerminal?: boolean } = {}) {
    this.#name = name;
    const isTerminal = options.isTerminal ?? process.stderr.isTTY === true;
    this.#bar = isTerminal
      ? new SingleBar(
          {
            format: `${pc.bold(name.padEnd(12))} {bar} {value}/{total}  loss {loss}  val {validation}  depth {depth} of N={unique}  {speed} tok/s  {eta_formatted} left`,
            barsize: 20,
            hideCursor: true,
            clearOnComplete: false,
          },
          Presets.shades_classic,
        )
      : null;
  }

  update({ step, steps, record, evaluation }: Progress): void {
    this.#recent.push(record);
    if (this.#recent.length > WINDOW) this.#recent.shift();
    if (evaluation !== undefined) this.#validation = evaluation.loss.toFixed(3);
    const payload = {
      loss: mean(this.#recent.map(({ loss }) => loss)).toFixed(3),
      validation: this.#validation,
      depth: record.depth,
      unique: record.uniqueLayers,
      speed: Math.round(
        (1000 * mean(this.#recent.map(({ tokens }) => tokens))) / mean(this.#recent.map(({ elapsedMs }) => elapsedMs)),
      ),
    };
    if (this.#bar !== null) {
      if (!this.#started) this.#bar.start(steps, step, payload);
      else this.#bar.update(step, payload);
      this.#started = true;
    } else if ((100 * step) / steps >= this.#nextPlain) {
      this.#nextPlain += PLAIN_PERCENT;
      const { loss, validation, depth, unique, speed } = payload;
      console.error(
        `${this.#name}: step ${step} of ${steps}, loss ${loss}, validation ${validation}, depth ${depth} of N=${unique}, ${speed} tokens/s`,
      );
    }
  }

  stop(): void {
    if (this.#started) this.#bar?.stop();
  }
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/**
 * A run as it lies on disk: the types of its files, and pure functions that read their text.
 * The folder itself is read by `run-files.ts`; everything here also runs in a browser.
 */

export type RunStatus = "running" | "finished" | "interrupted" | "failed";

/** Size of the trained model. */
export interface RunModel {
  family: "gpt" | "bert";
  /** L, the target depth. */
  layers: number;
  hidden: number;
  heads: number;
  context: number;
  vocabulary: number;
  /** Parameters of the full-depth model. */
  parameters: number;
}

/** Probability of one depth under a stage's sampler. */
export interface DepthProbability {
  depth: number;
  probability: number;
}

/** One stage: N unique layers between two growths. */
export interface RunStage {
  /** N */
  uniqueLayers: number;
  firstStep: number;
  /** First step that no longer belongs to the stage. */
  endStep: number;
  /** The sampler's probabilities over N..L. */
  depths: DepthProbability[];
  /** Source of each of the N layers in the stage before; null in the first stage, or where growth is not a copy. */
  growMap: number[] | null;
  /** For each depth, the weight index of every position, lowest position first. */
  layerMaps: { [depth: string]: number[] };
}

/** Where a run was computed. */
export interface RunRuntime {
  node: string;
  /** The kernel set and, of SIMD kernels, the variant: "simd wide". */
  kernels: string;
  threads: number;
  cpu: string;
}

/** What training took. */
export interface RunCosts {
  modelFlops: number;
  layerFlops: number;
  elapsedMs: number;
  tokens: number;
}

/** Contents of `run.json`. */
export interface RunHeader {
  schema: 1;
  name: string;
  recipe: string;
  model: RunModel;
  steps: number;
  batch: number;
  seed: number;
  /** Tokens of the training text: one epoch. */
  trainTokens?: number;
  /** Validation loss of guessing every token by its frequency in the training text, in nats. */
  unigramLoss?: number;
  stages: RunStage[];
  /** What was spent on the small model that the run began from; its costs do not contain it. */
  smallModel?: RunCosts & { layers: number; hidden: number };
  /** What was spent on learning how to make the first weights; the run's costs begin with it. */
  preparation?: RunCosts;
  /** Where the run began. */
  runtime: RunRuntime;
  /** Where it went on after it was cut off, as often as that was elsewhere. */
  continuedOn?: RunRuntime[];
  /** The states of the code that made it, from its beginning on; absent in early runs. */
  revisions?: string[];
  status: RunStatus;
  /** Why the run was interrupted or failed. */
  reason?: string;
}

/** One line of `steps.jsonl`; every quantity is that of this step alone. */
export interface StepRecord {
  step: number;
  /** Training loss in nats, at the sampled depth; NaN where the run diverged. */
  loss: number;
  /** Layers executed, L_t. */
  depth: number;
  /** N */
  uniqueLayers: number;
  /** Layers that learned, the uppermost of those executed, where not all did. */
  trainedLayers?: number;
  /** Groups of layers that are tied from this update on, where their number changed. */
  tiedGroups?: number;
  learningRate: number;
  /** Global gradient norm before clipping; NaN where the run diverged. */
  gradNorm: number;
  /** Model FLOPs with the head. */
  modelFlops: number;
  /** Model FLOPs of the transformer layers alone. */
  layerFlops: number;
  /** Floating-point operations that the kernels really executed. */
  executedFlops: number;
  elapsedMs: number;
  tokens: number;
}

/** One line of `evaluations.jsonl`; costs are cumulative and leave out the time of evaluation. */
export interface EvaluationRecord {
  /** Updates done. */
  step: number;
  /** Validation loss in nats at full depth L; NaN where the run diverged. */
  loss: number;
  /** Validation loss in nats at depth N. */
  lossAtUniqueDepth: number;
  modelFlops: number;
  layerFlops: number;
  elapsedMs: number;
  tokens: number;
}

/** A whole run, read back. */
export interface RunLog {
  header: RunHeader;
  /** Contents of `experiment.json`; undefined where the file is missing. */
  experiment: unknown;
  steps: StepRecord[];
  evaluations: EvaluationRecord[];
}

/** The texts of a run folder's files. */
export interface RunTexts {
  /** How error messages call the run, for instance its folder. */
  name: string;
  /** `run.json` */
  header: string;
  /** `experiment.json` */
  experiment?: string;
  /** `steps.jsonl` */
  steps: string;
  /** `evaluations.jsonl` */
  evaluations: string;
}

const stepFields = [
  "step",
  "loss",
  "depth",
  "uniqueLayers",
  "learningRate",
  "gradNorm",
  "modelFlops",
  "layerFlops",
  "executedFlops",
  "elapsedMs",
  "tokens",
] as const satisfies readonly (keyof StepRecord)[];

const evaluationFields = [
  "step",
  "loss",
  "lossAtUniqueDepth",
  "modelFlops",
  "layerFlops",
  "elapsedMs",
  "tokens",
] as const satisfies readonly (keyof EvaluationRecord)[];

/** JSON writes a number that is not finite as null; only these may be so. */
const fieldsThatMayDiverge: ReadonlySet<string> = new Set(["loss", "lossAtUniqueDepth", "gradNorm"]);

/**
 * The records of a JSONL text, one per line. A last line that has no line end and does not parse was cut while it was
 * written, and is left out; empty lines are passed over.
 * @throws Error naming the text and the line, when any other line is not JSON.
 */
export function parseJsonLines(text: string, name = "JSONL text"): unknown[] {
  const records: unknown[] = [];
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index].trim();
    if (line === "") continue;
    try {
      records.push(JSON.parse(line));
    } catch {
      if (index === lines.length - 1) break;
      throw new Error(`${name}, line ${index + 1} is not JSON: ${excerpt(line)}`);
    }
  }
  return records;
}

/** One record as a line of JSONL, line end included. */
export function formatRecord(record: StepRecord | EvaluationRecord | Record<string, unknown>): string {
  return `${JSON.stringify(record)}\n`;
}

/**
 * Reads a run from the texts of its files.
 * @throws Error naming the file, the place and the value, when something is missing or malformed.
 */
export function parseRun(texts: RunTexts): RunLog {
  const experimentName = `${texts.name}/experiment.json`;
  return {
    header: parseHeader(texts.header, `${texts.name}/run.json`),
    experiment: texts.experiment === undefined ? undefined : parseJson(texts.experiment, experimentName),
    steps: parseStepRecords(texts.steps, `${texts.name}/steps.jsonl`),
    evaluations: parseEvaluationRecords(texts.evaluations, `${texts.name}/evaluations.jsonl`),
  };
}

/** What is missing from the records of a run that says it is finished, one sentence per file. */
export function missingRecords({ header, steps, evaluations }: RunLog): string[] {
  if (header.status !== "finished") return [];
  const last = evaluations.at(-1)?.step;
  const missing = [
    steps.length < header.steps && `steps.jsonl holds ${steps.length} of ${header.steps} steps`,
    last === undefined && "evaluations.jsonl holds nothing",
    last !== undefined && last < header.steps && `evaluations.jsonl ends after step ${last} of ${header.steps}`,
  ];
  return missing
    .filter((what) => what !== false)
    .map(
      (what) => `${header.name} is marked as finished, but its ${what}: its numbers are not those of the whole run.`,
    );
}

/** The records of `steps.jsonl`; see `parseJsonLines`. */
export function parseStepRecords(text: string, name = "steps.jsonl"): StepRecord[] {
  const records = parseRecords(text, name, stepFields) as unknown as StepRecord[];
  for (let index = 1; index < records.length; index++) {
    if (records[index].step <= records[index - 1].step) {
      throw new Error(`${name}: step ${records[index].step} comes after step ${records[index - 1].step}`);
    }
  }
  return records;
}

/** The records of `evaluations.jsonl`; see `parseJsonLines`. One step may be evaluated twice (before and after growth). */
export function parseEvaluationRecords(text: string, name = "evaluations.jsonl"): EvaluationRecord[] {
  const records = parseRecords(text, name, evaluationFields) as unknown as EvaluationRecord[];
  for (let index = 1; index < records.length; index++) {
    if (records[index].step < records[index - 1].step) {
      throw new Error(`${name}: step ${records[index].step} comes after step ${records[index - 1].step}`);
    }
  }
  return records;
}

/**
 * The contents of `run.json`.
 * @throws Error naming the first field that is missing or malformed.
 */
export function parseHeader(text: string, name = "run.json"): RunHeader {
  const value = parseJson(text, name);
  const header = new Fields(value, name);
  if (header.at("schema") !== 1)
    throw new Error(`${name}: schema is ${show(header.at("schema"))}, and only 1 is known`);
  header.string("name");
  header.string("recipe");
  for (const field of ["steps", "batch", "seed"]) header.number(field);
  const status = header.string("status");
  if (!["running", "finished", "interrupted", "failed"].includes(status)) {
    throw new Error(`${name}: status is ${show(status)}, not running, finished, interrupted or failed`);
  }
  const model = header.object("model");
  const family = model.string("family");
  if (family !== "gpt" && family !== "bert")
    throw new Error(`${name}: model.family is ${show(family)}, not gpt or bert`);
  for (const field of ["layers", "hidden", "heads", "context", "vocabulary", "parameters"]) model.number(field);
  checkRuntime(header.object("runtime"));
  if (header.at("continuedOn") !== undefined)
    header.list("continuedOn").forEach((entry, index) => {
      checkRuntime(new Fields(entry, name, `continuedOn[${index}]`));
    });
  if (header.at("revisions") !== undefined && !header.list("revisions").every((entry) => typeof entry === "string"))
    throw new Error(`${name}: revisions are ${show(header.at("revisions"))}, not a list of texts`);
  header.list("stages").forEach((entry, index) => {
    const stage = new Fields(entry, name, `stages[${index}]`);
    for (const field of ["uniqueLayers", "firstStep", "endStep"]) stage.number(field);
    stage.list("depths").forEach((depth, place) => {
      const fields = new Fields(depth, name, `stages[${index}].depths[${place}]`);
      fields.number("depth");
      fields.number("probability");
    });
    if (stage.at("growMap") !== null) stage.numbers("growMap");
    const maps = stage.object("layerMaps");
    for (const depth of Object.keys(maps.value)) maps.numbers(depth);
  });
  return value as RunHeader;
}

function checkRuntime(runtime: Fields): void {
  for (const field of ["node", "kernels", "cpu"]) runtime.string(field);
  runtime.number("threads");
}

function parseRecords(text: string, name: string, fields: readonly string[]): Record<string, number>[] {
  return parseJsonLines(text, name).map((value, index) => {
    const record = new Fields(value, name, `record ${index + 1}`);
    for (const field of fields) {
      if (record.value[field] === null && fieldsThatMayDiverge.has(field)) record.value[field] = Number.NaN;
      else record.number(field);
    }
    return record.value as Record<string, number>;
  });
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name} is not JSON: ${excerpt(text)}`);
  }
}

/** Reads fields of one JSON object and names the place when one does not fit. */
class Fields {
  readonly value: Record<string, unknown>;
  private readonly file: string;
  private readonly place: string;

  constructor(value: unknown, file: string, place = "") {
    this.file = file;
    this.place = place;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new Error(`${file}: ${place || "the file"} is ${show(value)}, not an object`);
    }
    this.value = value as Record<string, unknown>;
  }

  at(field: string): unknown {
    return this.value[field];
  }

  number(field: string): number {
    const value = this.value[field];
    if (typeof value !== "number" || !Number.isFinite(value)) this.refuse(field, "a number");
    return value as number;
  }

  string(field: string): string {
    if (typeof this.value[field] !== "string") this.refuse(field, "a string");
    return this.value[field] as string;
  }

  object(field: string): Fields {
    return new Fields(this.value[field], this.file, this.path(field));
  }

  list(field: string): unknown[] {
    if (!Array.isArray(this.value[field])) this.refuse(field, "a list");
    return this.value[field] as unknown[];
  }

  numbers(field: string): number[] {
    const list = this.list(field);
    if (!list.every((entry) => typeof entry === "number" && Number.isFinite(entry))) {
      this.refuse(field, "a list of numbers");
    }
    return list as number[];
  }

  private path(field: string): string {
    return this.place === "" ? field : `${this.place}.${field}`;
  }

  private refuse(field: string, wanted: string): never {
    throw new Error(`${this.file}: ${this.path(field)} is ${show(this.value[field])}, not ${wanted}`);
  }
}

function show(value: unknown): string {
  return value === undefined ? "missing" : excerpt(JSON.stringify(value));
}

/** On one line. */
function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 57)}…` : line;
}

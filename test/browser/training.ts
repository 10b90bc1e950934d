/** Ten steps of Apollo on a small GPT: the same module runs in Node, in pages and in their workers. */

import type { EngineInfo, EngineOptions } from "../../src/index.ts";

export type Library = typeof import("../../src/index.ts");

export interface TrainingOptions extends EngineOptions {
  /** Has the memory grow in the middle of every step. */
  growsMemory?: boolean;
  /** Begins before its threads are there. */
  isImpatient?: boolean;
}

export interface Outcome {
  engine: Omit<EngineInfo, "origins" | "probes">;
  losses: number[];
  uniqueLayers: number[];
  /** Depends on every bit of every weight after the last step. */
  weights: number;
  /** The memory's size after each step. */
  reservedBytes: number[];
  /** How often a buffer that was seen before a step was no longer the memory's after it. */
  replacedBuffers: number;
}

const STEPS = 10;
const BATCH = 8;
const SIZE = { layers: 4, hidden: 32, heads: 2, context: 32, vocabulary: 256 };
/** More than the memory's own step of growth. */
const GROWTH_BYTES = 3 << 20;

export async function trainTenSteps(library: Library, options: TrainingOptions): Promise<Outcome> {
  const { AdamW, apollo, Batches, configureEngine, engineInfo, engineReady, Gpt, memory, Tensor, train } = library;
  const { growsMemory = false, isImpatient = false, ...engineOptions } = options;
  configureEngine(engineOptions);
  if (!isImpatient) await engineReady();

  const { context, layers } = SIZE;
  const model = new Gpt({ ...SIZE, dropout: 0.1, seed: 7 });
  const tokens = Int32Array.from({ length: 5000 }, (_, index) => (index * index * 7 + (index >> 4)) % 61);
  const batches = new Batches({ tokens, context, batchSize: BATCH, seed: 7 });
  const taken: number[] = [];
  const outcome = { losses: [], uniqueLayers: [], reservedBytes: [], replacedBuffers: 0 } as Pick<
    Outcome,
    "losses" | "uniqueLayers" | "reservedBytes" | "replacedBuffers"
  >;
  let buffer = memory.buffer;
  const training = train({
    model,
    method: apollo({ stages: [1, 2, 4], boundaries: [0.3, 0.6] }, { steps: STEPS, targetDepth: layers }),
    optimizer: new AdamW(model.parameters(), { weightDecay: 0.01 }),
    learningRate: () => 3e-3,
    batchAt: (step) => {
      const { inputs, targets } = batches.batchAt(step);
      const ids = Tensor.from(inputs, [BATCH, context], "i32");
      if (growsMemory) taken.push(memory.allocate(GROWTH_BYTES));
      return { inputs: ids, targets: Tensor.from(targets, [BATCH, context], "i32") };
    },
    tokensPerBatch: BATCH * context,
    seed: 7,
  });
  for (const { loss, uniqueLayers } of training) {
    outcome.losses.push(loss);
    outcome.uniqueLayers.push(uniqueLayers);
    outcome.reservedBytes.push(memory.reservedBytes);
    if (memory.buffer !== buffer) outcome.replacedBuffers++;
    buffer = memory.buffer;
  }
  for (const address of taken) memory.release(address, GROWTH_BYTES);

  const { kernels, variant, threads, shared } = engineInfo();
  return { engine: { kernels, variant, threads, shared }, ...outcome, weights: fingerprint(model.stateDict()) };
}

function fingerprint(state: ReturnType<InstanceType<Library["Gpt"]>["stateDict"]>): number {
  let hash = 0x811c9dc5;
  for (const { values } of state.values()) {
    for (const bits of new Uint32Array(Float32Array.from(values).buffer)) hash = Math.imul(hash ^ bits, 0x01000193);
  }
  return hash >>> 0;
}

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { train } from "../../src/apollo/algorithm.ts";
import type { LayeredModel } from "../../src/apollo/layered-model.ts";
import { Bert, type CausalBatch, Gpt, type MaskedBatch } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { apollo } from "../../src/recipes/apollo.ts";
import { configureEngine, type EngineOptions, engineInfo, engineReady } from "../../src/tensor/engine.ts";
import { Random } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { ThreadPool } from "../../src/tensor/thread-pool.ts";
import { expectSameNumbers, expectSameWeights, weightsOf } from "../nn/tiny-models.ts";
import { CAN_JOIN_VECTOR_PAIRS, FUSED_VARIANTS } from "../variants.ts";

// Large enough for every kernel to have more than one unit of work, odd enough for cut tiles.
const SIZE = { layers: 6, hidden: 36, heads: 3, context: 19, vocabulary: 67, dropout: 0.1 };
const ROWS = 5;
const TOKENS = ROWS * SIZE.context;
const FAMILIES = ["gpt", "bert"] as const;
type Family = (typeof FAMILIES)[number];

const indices = (shape: number[], value: (index: number) => number) =>
  Tensor.from(
    Int32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, index) => value(index)),
    shape,
    "i32",
  );

function causalBatch(step: number): CausalBatch {
  const random = Random.stream(3, `causal ${step}`);
  const draw = () => indices([ROWS, SIZE.context], () => random.integer(SIZE.vocabulary));
  return { inputs: draw(), targets: draw() };
}

function maskedBatch(step: number): MaskedBatch {
  const random = Random.stream(3, `masked ${step}`);
  const places = random.permutation(TOKENS).slice(0, 41).sort();
  return {
    inputs: indices([ROWS, SIZE.context], () => random.integer(SIZE.vocabulary)),
    positions: indices([places.length], (index) => places[index]),
    targets: indices([places.length], () => random.integer(SIZE.vocabulary)),
  };
}

/** Everything that a training leaves behind. */
interface Outcome {
  losses: number[];
  gradNorms: number[];
  weights: Map<string, number[]>;
  moments: Map<string, number[]>;
  /** Commands that were cut into tasks for several threads. */
  sharedCommands: number;
}

/** Trains with a freshly chosen engine in which no work is too small to be shared. */
async function trainWith(engine: EngineOptions, family: Family, steps: number): Promise<Outcome> {
  configureEngine({ kernels: "simd", ...engine }, { inlineNanoseconds: 0 });
  await engineReady();
  let sharedCommands = 0;
  const { partsFor } = ThreadPool.prototype;
  ThreadPool.prototype.partsFor = function (nanoseconds) {
    const parts = partsFor.call(this, nanoseconds);
    if (parts > 1) sharedCommands++;
    return parts;
  };
  try {
    const model = family === "gpt" ? new Gpt(SIZE) : new Bert(SIZE);
    const optimizer = new AdamW(model.parameters());
    const method = apollo(
      { stages: [1, 3, 6], boundaries: [0.4, 0.8], depth: { sampler: "lvps" } },
      { steps, targetDepth: SIZE.layers },
    );
    const records = [
      ...train({
        model: model as unknown as LayeredModel<unknown>,
        method,
        optimizer,
        learningRate: () => 3e-3,
        batchAt: family === "gpt" ? causalBatch : maskedBatch,
        tokensPerBatch: TOKENS,
        seed: 4,
      }),
    ];
    const moments = new Map<string, number[]>();
    for (const [name, parameter] of model.namedParameters()) {
      const averages = Object.entries(optimizer.state.get(parameter)!.averages);
      for (const [moment, { numbers }] of averages) moments.set(`${name}.${moment}`, Array.from(numbers));
    }
    return {
      losses: records.map(({ loss }) => loss),
      gradNorms: records.map(({ gradNorm }) => gradNorm),
      weights: weightsOf(model),
      moments,
      sharedCommands,
    };
  } finally {
    ThreadPool.prototype.partsFor = partsFor;
  }
}

function expectSameOutcome(actual: Outcome, expected: Outcome): void {
  expectSameNumbers(actual.losses, expected.losses, "losses");
  expectSameNumbers(actual.gradNorms, expected.gradNorms, "gradient norms");
  expectSameWeights(actual.weights, expected.weights);
  expectSameWeights(actual.moments, expected.moments);
}

/** |a − b|/|b| over all numbers of all names. */
function distance(actual: Map<string, number[]>, expected: Map<string, number[]>): number {
  let [difference, norm] = [0, 0];
  for (const [name, values] of expected) {
    values.forEach((value, index) => {
      difference += (actual.get(name)![index] - value) ** 2;
      norm += value ** 2;
    });
  }
  return Math.sqrt(difference / norm);
}

describe("a whole training", () => {
  after(() => configureEngine());

  for (const family of FAMILIES) {
    it(`${family}: losses, weights and moments have the same bits with 1, 2 and 3 threads`, async () => {
      const one = await trainWith({ threads: 1 }, family, 30);
      expect(one.sharedCommands).to.equal(0);
      expect(new Set(one.losses).size).to.equal(30);
      for (const threads of [2, 3]) {
        const several = await trainWith({ threads }, family, 30);
        // 30 steps of one layer and more, each with dozens of kernels.
        expect(several.sharedCommands).to.be.greaterThan(30 * 30);
        expectSameOutcome(several, one);
      }
    });

    it(`${family}: the same bits with every variant that fuses; plain SIMD within 1e-5`, async () => {
      const relaxed = await trainWith({ variant: "relaxed", threads: 1 }, family, 10);
      for (const variant of FUSED_VARIANTS) {
        expectSameOutcome(await trainWith({ variant, threads: 1 }, family, 10), relaxed);
        expect(engineInfo().variant).to.equal(variant);
      }

      const [fused, rounded] = [
        await trainWith({ variant: "relaxed", threads: 1 }, family, 3),
        await trainWith({ variant: "plain", threads: 1 }, family, 3),
      ];
      expect(engineInfo().variant).to.equal("plain");
      expect(rounded.losses[0] / fused.losses[0]).to.be.closeTo(1, 1e-5);
      expect(rounded.gradNorms[0] / fused.gradNorms[0]).to.be.closeTo(1, 1e-5);
      expect(distance(rounded.moments, fused.moments)).to.be.at.most(1e-5);
      expect(distance(rounded.weights, fused.weights)).to.be.at.most(1e-5);
    });
  }
});

describe("a training in a process of its own", () => {
  const program = fileURLToPath(new URL("./variant-program.ts", import.meta.url));
  const train = async (variant: string, threads: number) => {
    const env = { ...process.env, APOLLO_SIMD: variant, APOLLO_THREADS: String(threads) };
    const { stdout } = await promisify(execFile)(process.execPath, [program], { env });
    return JSON.parse(stdout);
  };

  it("gives the same bits with pairs of vectors joined and without", async function () {
    if (!CAN_JOIN_VECTOR_PAIRS) this.skip();
    const [relaxed, wide] = await Promise.all([train("relaxed", 1), train("wide", 3)]);
    const { losses, weights } = relaxed;
    expect(new Set(losses).size).to.equal(10);
    expect(relaxed).to.deep.equal({ variant: "relaxed", threads: 1, joinsVectorPairs: false, losses, weights });
    expect(wide).to.deep.equal({ variant: "wide", threads: 3, joinsVectorPairs: true, losses, weights });
  });
});

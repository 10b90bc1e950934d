import { expect } from "chai";
import fc from "fast-check";
import { train } from "../../src/apollo/algorithm.ts";
import { type CostSize, traceCost, trainingFlops } from "../../src/apollo/cost.ts";
import { layerMap } from "../../src/apollo/layer-map.ts";
import type { Method } from "../../src/apollo/method.ts";
import { planFromMap } from "../../src/apollo/step-plan.ts";
import { Bert, type CausalBatch, Gpt, type MaskedBatch } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** The depths of the release's 40 example micro-batches with their N: means 3, 4.25, 8.08 and 12 (methods A.11). */
const RELEASE_TRACE = [
  { N: 1, depths: [1, 8, 2, 1] },
  { N: 3, depths: [3, 8, 3, 3] },
  { N: 6, depths: [6, 12, 6, 8, 6, 6, 12, 9, 6, 8, 12, 6] },
  { N: 12, depths: new Array<number>(20).fill(12) },
].flatMap(({ N, depths }) => depths.map((depth) => ({ N, depth })));

const SIZE = { layers: 12, hidden: 8, heads: 2, context: 6, vocabulary: 11 };
const BATCH = 2;
const TOKENS = BATCH * SIZE.context;

/** One stage of N = L that executes a given trace of depths. */
function traceMethod(trace: readonly { N: number; depth: number }[]): Method {
  return {
    name: "trace",
    stages: [{ uniqueLayers: SIZE.layers, firstStep: 0, endStep: trace.length }],
    planStep: ({ step }) => planFromMap(layerMap("interp_floor", trace[step].N, trace[step].depth)),
    planFullDepth: (N) => planFromMap(layerMap("interp_floor", N, SIZE.layers)),
    grow: () => {},
    depthDraw: "step",
    sharedGradient: "sum",
  };
}

const ids = (values: number[], shape: number[]) => Tensor.from(values, shape, "i32");
const tokens = () => Array.from({ length: TOKENS }, (_, index) => (index * 7) % SIZE.vocabulary);

const causal = (): CausalBatch => ({
  inputs: ids(tokens(), [BATCH, SIZE.context]),
  targets: ids(tokens(), [BATCH, SIZE.context]),
});

const masked = (count: number) => (): MaskedBatch => ({
  inputs: ids(tokens(), [BATCH, SIZE.context]),
  positions: ids(
    Array.from({ length: count }, (_, index) => index),
    [count],
  ),
  targets: ids(tokens().slice(0, count), [count]),
});

function recordsOf(family: "gpt" | "bert", trace: readonly { N: number; depth: number }[], maskedTokens = TOKENS) {
  const model = family === "gpt" ? new Gpt(SIZE) : new Bert(SIZE);
  return [
    ...train<never>({
      model: model as never,
      method: traceMethod(trace),
      optimizer: new AdamW(model.parameters()),
      learningRate: () => 1e-3,
      batchAt: (family === "gpt" ? causal : masked(maskedTokens)) as () => never,
      tokensPerBatch: TOKENS,
      seed: 1,
    }),
  ];
}

const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe("model FLOPs of training", () => {
  const sizes: { title: string; family: "gpt" | "bert"; maskedTokens?: number; size: CostSize }[] = [
    { title: "GPT", family: "gpt", size: SIZE },
    { title: "BERT with logits at all positions", family: "bert", size: { ...SIZE, headTransform: true } },
    {
      title: "BERT with logits at the masked positions",
      family: "bert",
      maskedTokens: 3,
      size: { ...SIZE, headTransform: true, projectedFraction: 3 / TOKENS },
    },
  ];
  for (const { title, family, maskedTokens, size } of sizes) {
    it(`${title}: counted = closed form on the release's trace of 366 executed layers`, () => {
      const records = recordsOf(family, RELEASE_TRACE, maskedTokens);
      expect(total(records.map(({ depth }) => depth))).to.equal(366);
      const cost = traceCost({
        depths: RELEASE_TRACE.map(({ depth }) => depth),
        targetDepth: SIZE.layers,
        size,
        tokensPerStep: TOKENS,
      });
      expect(cost.executedLayers).to.equal(366);
      expect(cost.layerRatio).to.equal(0.7625);
      expect(total(records.map(({ modelFlops }) => modelFlops))).to.be.closeTo(cost.modelFlops, 1e-6);
      expect(total(records.map(({ layerFlops }) => layerFlops))).to.equal(cost.layerFlops);
    });

    it(`${title}: every step of any depth, layers and head apart`, () => {
      const steps = fc
        .integer({ min: 1, max: 12 })
        .chain((N) => fc.record({ N: fc.constant(N), depth: fc.integer({ min: N, max: 12 }) }));
      fc.assert(
        fc.property(fc.array(steps, { minLength: 1, maxLength: 4 }), (trace) => {
          recordsOf(family, trace, maskedTokens).forEach(({ modelFlops, layerFlops }, step) => {
            const expected = trainingFlops({ size, depth: trace[step].depth, tokens: TOKENS });
            expect(layerFlops).to.equal(expected.layerFlops);
            expect(modelFlops).to.be.closeTo(expected.modelFlops, 1e-6);
          });
        }),
        { seed: 41, numRuns: 15 },
      );
    });
  }

  it("executed FLOPs stay below model FLOPs where attention is causal: its upper half is skipped", () => {
    for (const { modelFlops, executedFlops, depth } of recordsOf("gpt", RELEASE_TRACE)) {
      expect(executedFlops).to.be.lessThan(modelFlops);
      // All that can be skipped is the attention: 4sh forward and twice that backward, per token and layer.
      expect(modelFlops - executedFlops).to.be.lessThan(3 * TOKENS * depth * 4 * SIZE.context * SIZE.hidden);
    }
  });
});

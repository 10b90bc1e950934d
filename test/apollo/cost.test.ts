import { expect } from "chai";
import fc from "fast-check";
import {
  type CostSize,
  expectedScheduleCost,
  headFlopsPerToken,
  headInLayers,
  layerFlopsPerToken,
  traceCost,
  trainingFlops,
} from "../../src/apollo/cost.ts";
import { type DepthSamplerOptions, depthSampler } from "../../src/apollo/depth-sampler.ts";
import { BOUNDARY_PRESETS, type Stage, stagePlan } from "../../src/apollo/schedule.ts";

const bertBase: CostSize = { hidden: 768, context: 512, vocabulary: 30522, headTransform: true };
const bertLarge: CostSize = { hidden: 1024, context: 512, vocabulary: 30522, headTransform: true };
const gptBase: CostSize = { hidden: 768, context: 1024, vocabulary: 50257 };
const masked = { projectedFraction: 0.15 };

const lvps = (variant: DepthSamplerOptions["lvps"]): DepthSamplerOptions => ({ sampler: "lvps", lvps: variant });

/** Holds a number to the last digit that the specification prints. */
function expectPrinted(found: number, printed: string, label: string): void {
  const digits = printed.split(".")[1]?.length ?? 0;
  expect(found, label).to.be.closeTo(Number(printed), 0.5 * 10 ** -digits + 1e-9);
}

/** One update per epoch: boundaries are epochs. */
function costOf(depth: DepthSamplerOptions, size: CostSize, options: { stages?: number[]; epochs?: 35 | 40 } = {}) {
  const { stages = [1, 3, 6, 12], epochs = 40 } = options;
  const targetDepth = stages[stages.length - 1];
  const boundaries = BOUNDARY_PRESETS[epochs === 40 ? "paper-bert" : "paper-gpt"];
  const plan = stagePlan({ stages, boundaries, steps: epochs, targetDepth });
  const sampler = depthSampler(depth);
  const expectedDepth = ({ uniqueLayers }: Stage) => sampler.expectedDepth(uniqueLayers, targetDepth);
  return expectedScheduleCost({ stages: plan, expectedDepth, targetDepth, size });
}

describe("FLOPs per token", () => {
  it("make the head as many layers as the specification says", () => {
    expect(layerFlopsPerToken(bertBase)).to.equal(15_728_640);
    expect(headFlopsPerToken(bertBase)).to.equal(48_061_440);
    expectPrinted(headInLayers(bertBase), "3.056", "BERT-Base");
    expectPrinted(headInLayers({ ...bertBase, ...masked }), "0.458", "BERT-Base, masked positions");
    expectPrinted(headInLayers(gptBase), "4.462", "GPT-Base");
    expectPrinted(headInLayers(bertLarge), "2.370", "BERT-Large");
    // ELECTRA's way: a dense embedding lookup, and 80 of 512 positions projected.
    const lookup = 2 * bertBase.hidden * bertBase.vocabulary;
    const electra = lookup + headFlopsPerToken({ ...bertBase, projectedFraction: 80 / 512 });
    expectPrinted(electra / layerFlopsPerToken(bertBase), "3.458", "ELECTRA-style");
  });

  it("give the vocabularies of the scale-down guidance", () => {
    const small = (hidden: number, context: number, vocabulary: number) =>
      headInLayers({ hidden, context, vocabulary });
    expect(small(128, 128, 8000)).to.be.closeTo(4.46, 0.01);
    expect(small(64, 64, 4000)).to.be.closeTo(4.46, 0.01);
    expect(small(128, 128, 32000)).to.be.closeTo(18, 0.2);
    expect(small(128, 128, 256)).to.be.below(0.15);
  });

  it("add up over a step: 3·tokens·[Lt(24h² + 4sh) + head]", () => {
    const size = { hidden: 8, context: 4, vocabulary: 10 };
    // Layer 24·64 + 4·4·8 = 1664, head 2·8·10 = 160.
    expect(trainingFlops({ size, depth: 3, tokens: 5 })).to.deep.equal({ layerFlops: 74_880, modelFlops: 77_280 });
  });

  it("refuse sizes that are none", () => {
    expect(() => headFlopsPerToken({ ...bertBase, projectedFraction: 0 })).to.throw("not be 0");
    expect(() => headFlopsPerToken({ ...bertBase, projectedFraction: 1.5 })).to.throw("not be 1.5");
    expect(() => layerFlopsPerToken({ hidden: 0, context: 8 })).to.throw("hidden must be a number above 0, not 0");
    expect(() => headFlopsPerToken({ hidden: 8, vocabulary: Number.NaN })).to.throw("vocabulary must be");
  });
});

describe("expectedScheduleCost", () => {
  const rows: [DepthSamplerOptions, early: string, total: string, layers: string, head: string, masked: string][] = [
    [lvps("floor"), "61.78", "421.78", ".8787", ".9033", ".8832"],
    [lvps("int"), "62.68", "422.68", ".8806", ".9048", ".8850"],
    [lvps("floorIncl"), "64.04", "424.04", ".8834", ".9071", ".8877"],
    [lvps("round"), "66.24", "426.24", ".8880", ".9107", ".8921"],
    [lvps("release"), "54.80", "414.80", ".8642", ".8917", ".8692"],
    [{ sampler: "es", es: "release" }, "81.08", "441.08", ".9189", ".9354", ".9219"],
    [{ sampler: "us" }, "82.00", "442.00", ".9208", ".9369", ".9237"],
    [{ sampler: "es", es: "round" }, "82.00", "442.00", ".9208", ".9369", ".9237"],
    [{ sampler: "fs" }, "120", "480", "1", "1", "1"],
    [{ sampler: "none" }, "44.00", "404.00", ".8417", ".8738", ".8475"],
  ];
  for (const [depth, early, total, layers, head, projected] of rows) {
    const cost = costOf(depth, bertBase);
    const label = depthSampler(depth).name;
    it(`of BERT-Base with ${label} is that of the specification`, () => {
      const firstEpochs = cost.stages.slice(0, 3).reduce((sum, stage) => sum + stage.executedLayers, 0);
      expectPrinted(firstEpochs, early, "first ten epochs");
      expectPrinted(cost.executedLayers, total, "total");
      expect(cost.scratchLayers).to.equal(480);
      expectPrinted(cost.layerRatio, layers, "layers only");
      expectPrinted(cost.modelRatio, head, "with head");
      expectPrinted(costOf(depth, { ...bertBase, ...masked }).modelRatio, projected, "head on 15 %");
    });
  }

  it("of StackBERT's 5, 7 and 28 epochs is that of the specification", () => {
    const stages = stagePlan({ stages: [3, 6, 12], boundaries: [5 / 40, 12 / 40], steps: 40, targetDepth: 12 });
    const expectedDepth = ({ uniqueLayers }: Stage) => uniqueLayers;
    const cost = expectedScheduleCost({ stages, expectedDepth, targetDepth: 12, size: bertBase });
    expect(cost.stages[0].executedLayers + cost.stages[1].executedLayers).to.equal(57);
    expect(cost.executedLayers).to.equal(393);
    expectPrinted(cost.layerRatio, ".8188", "layers only");
  });

  it("of GPT over 35 epochs is that of the specification", () => {
    const printed: [DepthSamplerOptions, layers: string, head: string][] = [
      [lvps("floor"), ".8614", ".8990"],
      [lvps("release"), ".8448", ".8868"],
      [lvps("int"), ".8635", ".9005"],
      [{ sampler: "none" }, ".8190", ".8681"],
    ];
    for (const [depth, layers, head] of printed) {
      const cost = costOf(depth, gptBase, { epochs: 35 });
      expectPrinted(cost.layerRatio, layers, `${depthSampler(depth).name}, layers only`);
      expectPrinted(cost.modelRatio, head, `${depthSampler(depth).name}, with head`);
    }
  });

  it("of 24 layers is that of the specification", () => {
    const printed: [stages: number[], floor: string, release: string][] = [
      [[3, 6, 12, 24], ".8869", ".8692"],
      [[1, 6, 12, 24], ".8790", ".8629"],
      [[1, 3, 6, 24], ".8362", ".8194"],
      [[1, 3, 12, 24], ".8708", ".8555"],
    ];
    for (const [stages, floor, release] of printed) {
      expectPrinted(costOf(lvps("floor"), bertLarge, { stages }).layerRatio, floor, `${stages} floor`);
      expectPrinted(costOf(lvps("release"), bertLarge, { stages }).layerRatio, release, `${stages} release`);
    }
    expectPrinted(costOf(lvps("floor"), bertLarge, { stages: [3, 6, 12, 24] }).modelRatio, ".8971", "floor, head");
    expectPrinted(costOf(lvps("release"), bertLarge, { stages: [3, 6, 12, 24] }).modelRatio, ".8809", "release, head");
  });

  it("places the crossing epochs that the reported savings imply", () => {
    // After the early stages every epoch costs L + c; Scratch costs 40 or 35 of those.
    const crossing = (saving: number, early: number, epochs: number, c: number, growthEpoch = 10) =>
      growthEpoch + ((1 - saving) * epochs * (12 + c) - early - growthEpoch * c) / (12 + c);
    const early = (depth: DepthSamplerOptions, epochs: 35 | 40 = 40) =>
      costOf(depth, bertBase, { epochs })
        .stages.slice(0, 3)
        .reduce((sum, { executedLayers }) => sum + executedLayers, 0);
    const bert = headInLayers(bertBase);
    const gpt = headInLayers(gptBase);
    expectPrinted(crossing(0.416, early(lvps("floor")), 40, 0), "28.2", "LVPS floor");
    expectPrinted(crossing(0.416, early(lvps("floor")), 40, bert), "27.2", "LVPS floor, head");
    expectPrinted(crossing(0.416, early(lvps("release")), 40, 0), "28.8", "LVPS release");
    expectPrinted(crossing(0.416, early(lvps("release")), 40, bert), "27.7", "LVPS release, head");
    expectPrinted(crossing(0.375, early({ sampler: "es", es: "round" }), 40, 0), "28.2", "ES");
    expectPrinted(crossing(0.375, early({ sampler: "es", es: "round" }), 40, bert), "27.5", "ES, head");
    expectPrinted(crossing(0.245, 120, 40, 0), "30.2", "FS");
    expectPrinted(crossing(0.323, 44, 40, 0), "33.4", "without sampling");
    expectPrinted(crossing(0.323, 44, 40, bert), "32.1", "without sampling, head");
    expectPrinted(crossing(0.397, early(lvps("floor")), 40, 0), "29.0", "Apollo-S");
    expectPrinted(crossing(0.295, 57, 40, 0, 12), "35.5", "StackBERT");
    expectPrinted(crossing(0.295, 57, 40, bert, 12), "34.0", "StackBERT, head");
    expectPrinted(crossing(0.479, early(lvps("floor"), 35), 35, 0), "23.1", "GPT");
    expectPrinted(crossing(0.479, early(lvps("floor"), 35), 35, gpt), "21.8", "GPT, head");
  });

  it("places the bump of the release's figure", () => {
    const atGrowth = (size: CostSize, end: number, convention: "layerFlops" | "modelFlops") => {
      const cost = costOf(lvps("release"), size);
      const early = cost.stages.slice(0, 3).reduce((sum, stage) => sum + stage[convention], 0);
      return (end * early) / (convention === "layerFlops" ? cost.scratchLayerFlops : cost.scratchModelFlops);
    };
    expectPrinted(atGrowth(gptBase, 15.6, "layerFlops"), "1.78", "GPT, layers only");
    expectPrinted(atGrowth(gptBase, 15.6, "modelFlops"), "2.355", "GPT, with head");
    expectPrinted(atGrowth(bertBase, 10.5, "layerFlops"), "1.20", "BERT, layers only");
    expectPrinted(atGrowth(bertBase, 10.5, "modelFlops"), "1.49", "BERT, with head");
  });

  it("is R = [Σ steps·E + c·T]/[T(L + c)] for any schedule and size", () => {
    const sizes = fc.record({
      hidden: fc.integer({ min: 8, max: 2048 }),
      context: fc.integer({ min: 1, max: 4096 }),
      vocabulary: fc.integer({ min: 2, max: 60000 }),
      headTransform: fc.boolean(),
      projectedFraction: fc.double({ min: 0.01, max: 1, noNaN: true }),
    });
    const cut = fc.integer({ min: 1, max: 99 });
    fc.assert(
      fc.property(
        sizes,
        cut,
        fc.constantFrom(...rows),
        fc.integer({ min: 1, max: 4096 }),
        (size, end, [depth], tokensPerStep) => {
          const stages = stagePlan({ stages: [4, 12], boundaries: [end / 100], steps: 100, targetDepth: 12 });
          const sampler = depthSampler(depth);
          const expectedDepth = ({ uniqueLayers }: Stage) => sampler.expectedDepth(uniqueLayers, 12);
          const cost = expectedScheduleCost({ stages, expectedDepth, targetDepth: 12, size, tokensPerStep });
          const layers = end * sampler.expectedDepth(4, 12) + (100 - end) * 12;
          const c = headInLayers(size);
          expect(cost.executedLayers).to.be.closeTo(layers, 1e-9);
          expect(cost.layerRatio).to.be.closeTo(layers / 1200, 1e-12);
          expect(cost.modelRatio).to.be.closeTo((layers + c * 100) / (100 * (12 + c)), 1e-12);
          expect(cost.layerFlops / (3 * tokensPerStep * layers * layerFlopsPerToken(size))).to.be.closeTo(1, 1e-12);
          for (const convention of ["layerFlops", "modelFlops"] as const) {
            const total = cost.stages.reduce((sum, stage) => sum + stage[convention], 0);
            expect(total / cost[convention]).to.be.closeTo(1, 1e-12);
          }
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe("traceCost", () => {
  // N = 1: {1:2, 2:1, 8:1}; N = 3: {3:3, 8:1}; N = 6: {6:6, 8:2, 9:1, 12:3}; N = 12: {12:20}.
  const depths = [1, 8, 1, 2, 3, 3, 3, 8, 6, 12, 8, 6, 12, 9, 6, 6, 8, 6, 6, 12, ...new Array<number>(20).fill(12)];

  it("of the release's forty draws executes 366 of 480 layers", () => {
    const bert = traceCost({ depths, targetDepth: 12, size: bertBase });
    expect([bert.executedLayers, bert.scratchLayers]).to.deep.equal([366, 480]);
    expect(bert.layerRatio).to.be.closeTo(0.7625, 1e-12);
    expectPrinted(bert.modelRatio, ".811", "BERT");
    expectPrinted(traceCost({ depths, targetDepth: 12, size: gptBase }).modelRatio, ".827", "GPT");
  });

  it("is the sum of its steps", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 50 }), (drawn) => {
        const cost = traceCost({ depths: drawn, targetDepth: 12, size: gptBase, tokensPerStep: 64 });
        const steps = drawn.map((depth) => trainingFlops({ size: gptBase, depth, tokens: 64 }));
        for (const convention of ["layerFlops", "modelFlops"] as const) {
          const total = steps.reduce((sum, step) => sum + step[convention], 0);
          expect(cost[convention] / total).to.be.closeTo(1, 1e-12);
        }
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("refuses an empty trace", () => {
    expect(() => traceCost({ depths: [], targetDepth: 12, size: gptBase })).to.throw("at least one depth");
  });
});

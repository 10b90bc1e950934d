import { expect } from "chai";
import { type LayeredModel, train } from "../../src/apollo/algorithm.ts";
import { type Experiment, type ExperimentInput, parseExperiment } from "../../src/lab/experiment.ts";
import { buildModel, estimateMemory, evaluationBatch } from "../../src/lab/memory-estimate.ts";
import type { Bert, Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

type Size = Omit<ExperimentInput["model"], "family">;

function experimentOf(family: "gpt" | "bert", model: Size, batch: number): Experiment {
  return parseExperiment({
    name: "measured",
    model: { family, ...model },
    recipe: { kind: "scratch" },
    training: { steps: 2, batch, learningRate: { peak: 1e-3 } },
  });
}

/** The most bytes in use during two whole steps, above what was in use before. */
function measuredPeak(experiment: Experiment): number {
  const { model: size, training } = experiment;
  const random = new Random(1);
  const draw = (count: number, below: number, shape: number[]) =>
    Tensor.from(
      Int32Array.from({ length: count }, () => random.integer(below)),
      shape,
      "i32",
    );
  const tokens = training.batch * size.context;
  const masked = Math.round(0.15 * tokens);
  const before = memory.liveBytes;
  memory.resetPeak();
  const model: Gpt | Bert = buildModel(experiment);
  const optimizer = new AdamW(model.parameters());
  const steps = train({
    model: model as LayeredModel<never>,
    method: scratch({}, { steps: 2, targetDepth: size.layers }),
    optimizer,
    learningRate: () => 1e-3,
    batchAt: () => {
      const inputs = draw(tokens, size.vocabulary, [training.batch, size.context]);
      if (size.family === "gpt")
        return { inputs, targets: draw(tokens, size.vocabulary, inputs.shape as number[]) } as never;
      return {
        inputs,
        positions: draw(masked, tokens, [masked]),
        targets: draw(masked, size.vocabulary, [masked]),
      } as never;
    },
    tokensPerBatch: tokens,
    seed: 1,
  });
  for (const _ of steps);
  const peak = memory.peakBytes - before;
  for (const state of optimizer.state.values()) for (const average of Object.values(state.averages)) average.release();
  for (const parameter of model.parameters()) parameter.release();
  return peak;
}

describe("the memory estimate", () => {
  const cases: [family: "gpt" | "bert", size: Size, batch: number][] = [
    ["gpt", { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 }, 8],
    ["gpt", { layers: 2, hidden: 64, heads: 4, context: 64, vocabulary: 8192 }, 8],
    ["gpt", { layers: 3, hidden: 128, heads: 4, context: 64, vocabulary: 1024, dropout: 0.1 }, 8],
    ["bert", { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 }, 8],
    ["bert", { layers: 4, hidden: 64, heads: 4, context: 64, vocabulary: 4096, dropout: 0.1 }, 16],
    ["bert", { layers: 3, hidden: 128, heads: 4, context: 64, vocabulary: 2048, dropout: 0.1 }, 16],
  ];
  for (const [family, size, batch] of cases) {
    const { layers, hidden, vocabulary } = size;
    it(`is no less than a step takes, and at most a quarter more: ${family} L=${layers} d=${hidden} V=${vocabulary}`, () => {
      const experiment = experimentOf(family, size, batch);
      const { totalBytes } = estimateMemory(experiment);
      const peak = measuredPeak(experiment);
      expect(totalBytes / peak, `${totalBytes} estimated, ${peak} measured`).to.be.within(1, 1.25);
    });
  }

  it("leaves evaluation 2048 tokens, or as many sequences as fit into a training step, at least one", () => {
    const experiment = experimentOf("gpt", { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 }, 8);
    expect(evaluationBatch(experiment)).to.equal(32);
    const shallow = experimentOf("gpt", { layers: 1, hidden: 64, heads: 4, context: 64, vocabulary: 256 }, 8);
    expect(evaluationBatch(shallow)).to.be.within(9, 16);
    const wide = experimentOf("gpt", { layers: 1, hidden: 8, heads: 1, context: 64, vocabulary: 50000 }, 1);
    // The logits of two sequences would be twice those that training holds at a time.
    expect(evaluationBatch(wide)).to.equal(1);
    const long = experimentOf("gpt", { layers: 1, hidden: 8, heads: 1, context: 4096, vocabulary: 16 }, 1);
    expect(evaluationBatch(long)).to.equal(1);
  });
});

import { expect } from "chai";
import { type StepRecord, train } from "../../src/apollo/algorithm.ts";
import type { LayeredModel } from "../../src/apollo/layered-model.ts";
import type { Method } from "../../src/apollo/method.ts";
import { backward, countFlops, gradientCheckpoint, matmul, mul, tanh } from "../../src/autograd/index.ts";
import { type Bert, Gpt, type Module } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { apollo } from "../../src/recipes/apollo.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  causalBatch,
  expectSameNumbers,
  expectSameWeights,
  maskedBatch,
  TINY_TOKENS,
  tinyBert,
  tinyGpt,
  weightsOf,
} from "../nn/tiny-models.ts";

const LAYERS = 6;
const STEPS = 12;

function trained(make: () => Gpt | Bert, planned: Partial<Method>, gradientCheckpointing: boolean) {
  const model = make();
  const method = apollo(
    { stages: [1, 3, 6], boundaries: [0.4, 0.8], depth: { sampler: "lvps" } },
    { steps: STEPS, targetDepth: LAYERS },
  );
  const records: StepRecord[] = [
    ...train({
      model: model as unknown as LayeredModel<unknown>,
      method: { ...method, ...planned },
      optimizer: new AdamW(model.parameters()),
      learningRate: () => 3e-3,
      batchAt: model instanceof Gpt ? causalBatch : maskedBatch,
      tokensPerBatch: TINY_TOKENS,
      seed: 5,
      microBatches: 2,
      gradientCheckpointing,
    }),
  ];
  return { records, weights: weightsOf(model as Module) };
}

describe("gradient checkpointing", () => {
  const models = {
    gpt: () => tinyGpt({ layers: LAYERS, dropout: 0.2 }),
    bert: () => tinyBert({ layers: LAYERS, dropout: 0.2 }),
  };
  for (const [family, make] of Object.entries(models)) {
    it(`${family}: a progressive training with dropout and shared layers has the same bits`, () => {
      const [kept, replayed] = [false, true].map((checkpointing) => trained(make, {}, checkpointing));
      expectSameNumbers(
        replayed.records.map(({ loss }) => loss),
        kept.records.map(({ loss }) => loss),
        "losses",
      );
      expectSameNumbers(
        replayed.records.map(({ gradNorm }) => gradNorm),
        kept.records.map(({ gradNorm }) => gradNorm),
        "gradient norms",
      );
      expectSameWeights(replayed.weights, kept.weights);
      expect(new Set(kept.records.map(({ loss }) => loss)).size).to.equal(STEPS);
    });
  }

  it("leaves model FLOPs as they are, and executes the layers' forward pass once more", () => {
    const [kept, replayed] = [false, true].map((checkpointing) => trained(models.gpt, {}, checkpointing).records);
    replayed.forEach(({ modelFlops, layerFlops, executedFlops }, step) => {
      expect([modelFlops, layerFlops]).to.deep.equal([kept[step].modelFlops, kept[step].layerFlops]);
      const more = executedFlops - kept[step].executedFlops;
      // Forward is a third of a layer's model FLOPs; causal attention executes about half of its share.
      expect(more / (layerFlops / 3)).to.be.within(0.8, 1);
    });
  });

  it("trains what is trainable, and leaves frozen layers alone", () => {
    const planned: Partial<Method> = {
      planStep: ({ uniqueLayers }) => ({
        positions: Array.from({ length: uniqueLayers }, (_, weight) => ({ weight, branchScale: 1 })),
        trainable: [uniqueLayers - 1],
      }),
    };
    const [kept, replayed] = [false, true].map((checkpointing) => trained(models.gpt, planned, checkpointing));
    expectSameWeights(replayed.weights, kept.weights);
  });

  it("at least halves what a step holds beyond the parameters", () => {
    const size = { layers: 8, hidden: 32, heads: 2, context: 64, vocabulary: 64 };
    const model = new Gpt(size);
    const random = new Random(1);
    const draw = () => {
      const ids = Int32Array.from({ length: 8 * 64 }, () => random.integer(64));
      return Tensor.from(ids, [8, 64], "i32");
    };
    const peak = (gradientCheckpointing: boolean) =>
      scope(() => {
        const batch = { inputs: draw(), targets: draw() };
        for (const parameter of model.parameters()) parameter.grad = null;
        backward(model.loss(batch, { gradientCheckpointing }));
        model.zeroGrad();
        memory.resetPeak();
        const before = memory.liveBytes;
        backward(model.loss(batch, { gradientCheckpointing }));
        const gradients = model.parameters().reduce((total, { size: count }) => total + 4 * count, 0);
        model.zeroGrad();
        return memory.peakBytes - before - gradients;
      });
    const [kept, replayed] = [peak(false), peak(true)];
    expect(replayed / kept, `${replayed} instead of ${kept} bytes`).to.be.lessThan(0.5);
    for (const parameter of model.parameters()) parameter.release();
  });

  it("counts a section's replay in the section, and frees its graph at once", () => {
    scope(() => {
      const [x, weight] = [1, 2].map(() => {
        const tensor = Tensor.from(new Float32Array(9).fill(0.5), [3, 3]);
        tensor.requiresGrad = true;
        return tensor;
      });
      const { flops } = countFlops(() => {
        const y = gradientCheckpoint((input) => tanh(matmul(mul(input, input), weight)), x, [weight, weight]);
        backward(y.sum());
      });
      const product = 2 * 27;
      expect(flops.model).to.equal(3 * product);
      expect(flops.executed).to.equal(4 * product);
      expect(x.grad).not.to.equal(null);
      // A parameter that is named twice still receives its gradient once.
      const again = Tensor.from(weight.toFlatArray(), [3, 3]);
      again.requiresGrad = true;
      backward(tanh(matmul(mul(x, x), again)).sum());
      expectSameNumbers(weight.grad!.numbers, again.grad!.numbers);
    });
  });

  it("refuses a body that changes the shape", () => {
    const x = Tensor.from([1, 2], [2]);
    expect(() => gradientCheckpoint((input) => input.sum(), x, [])).to.throw(
      "gradientCheckpoint: the body made [] of [2]; it must keep the shape",
    );
  });
});

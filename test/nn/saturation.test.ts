import { expect } from "chai";
import { saturate } from "../../bench/saturate.ts";
import { noGrad } from "../../src/autograd/index.ts";
import { type CausalBatch, Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { clipCoefficient, gradientNorm } from "../../src/optim/clip.ts";
import { configureEngine, type EngineOptions } from "../../src/tensor/engine.ts";
import type { Kernels } from "../../src/tensor/kernels.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { type Written, writtenDuring } from "../tensor/denormals.ts";
import { TESTED_VARIANTS } from "../variants.ts";

const SIZE = { hidden: 32, layers: 2, heads: 2, context: 24, vocabulary: 300 };
const BATCH = 4;
const STEPS = 4;

interface Situation {
  activation: "gelu" | "gelu-tanh";
  fused: boolean;
}

/**
 * Random tokens; the targets random too, so that they have next to no probability, or those that the model is sure of,
 * so that all gradients are small.
 */
function drawBatch(model: Gpt, random: Random, isLearnt: boolean): CausalBatch {
  const draw = () => Int32Array.from({ length: BATCH * SIZE.context }, () => random.integer(SIZE.vocabulary));
  const shape = [BATCH, SIZE.context];
  const inputs = Tensor.from(draw(), shape, "i32");
  if (!isLearnt) return { inputs, targets: Tensor.from(draw(), shape, "i32") };
  return { inputs, targets: noGrad(() => model.forward(inputs)).argmax({ axes: -1 }) };
}

/** What every kernel writes in a few training steps of a saturated GPT. */
function train(engine: EngineOptions, { activation, fused }: Situation): Map<keyof Kernels, Written> {
  configureEngine({ ...engine, threads: 1 });
  const model = new Gpt({ ...SIZE, activation, seed: 1 });
  saturate(model);
  for (const block of model.blocks) block.attention.fused = fused;
  const parameters = model.parameters();
  const optimizer = new AdamW(parameters);
  const random = new Random(1);
  return writtenDuring(() => {
    for (let step = 0; step < STEPS; step++) {
      scope(() => model.loss(drawBatch(model, random, step % 2 === 1)).backward());
      optimizer.step({ learningRate: 1e-3, gradientScale: clipCoefficient(gradientNorm(parameters), 1) });
      for (const parameter of parameters) parameter.zeroGrad();
    }
  });
}

const share = ({ denormals, elements }: Written) => denormals / elements;

describe("training with saturated softmaxes and GELUs", () => {
  afterEach(() => configureEngine());

  for (const activation of ["gelu", "gelu-tanh"] as const) {
    for (const variant of TESTED_VARIANTS) {
      it(`writes no subnormal number (simd, ${variant}, ${activation})`, () => {
        const written = train({ kernels: "simd", variant }, { activation, fused: true });
        for (const kernel of ["attentionBackward", "crossEntropyBackward", "matmul", "adamw"] as const)
          expect(written.get(kernel)!.elements, kernel).to.be.greaterThan(10_000);
        for (const [kernel, { denormals }] of written) expect(denormals, kernel).to.equal(0);
      });
    }
  }

  it("writes hardly any with attention as plain operations, where small weights meet small gradients", () => {
    for (const variant of TESTED_VARIANTS) {
      const written = train({ kernels: "simd", variant }, { activation: "gelu-tanh", fused: false });
      for (const kernel of ["softmax", "softmaxBackward", "crossEntropyBackward", "matmul"] as const)
        expect(written.get(kernel)!.elements, kernel).to.be.greaterThan(10_000);
      for (const [kernel, counts] of written) expect(counts.denormals, kernel).to.be.at.most(1e-4 * counts.elements);
    }
  });

  it("would write many: the reference kernels, which do nothing against them, do", () => {
    const fused = train({ kernels: "reference" }, { activation: "gelu", fused: true });
    expect(share(fused.get("crossEntropyBackward")!)).to.be.greaterThan(0.1);
    expect(share(fused.get("attentionBackward")!)).to.be.greaterThan(0.005);
    expect(share(fused.get("matmul")!)).to.be.greaterThan(1e-4);
    expect(share(fused.get("adamw")!)).to.be.greaterThan(1e-3);
    const readable = train({ kernels: "reference" }, { activation: "gelu", fused: false });
    for (const kernel of ["softmax", "softmaxBackward"] as const)
      expect(share(readable.get(kernel)!), kernel).to.be.greaterThan(0.03);
  });
});

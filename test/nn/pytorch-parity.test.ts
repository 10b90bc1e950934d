import { readFileSync } from "node:fs";
import { expect } from "chai";
import { train } from "../../src/apollo/algorithm.ts";
import type { Method } from "../../src/apollo/method.ts";
import { sharedPath } from "../../src/apollo/shared-layers.ts";
import { planFromMap } from "../../src/apollo/step-plan.ts";
import { crossEntropy, gelu, layerNorm } from "../../src/autograd/index.ts";
import { Bert, type CausalBatch, Gpt, type MaskedBatch } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { clipGradNorm } from "../../src/optim/clip.ts";
import type { Optimizer } from "../../src/optim/optimizer.ts";
import { Sgd } from "../../src/optim/sgd.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { scope } from "../../src/tensor/scope.ts";
import { type Shape, sizeOf } from "../../src/tensor/shape.ts";
import type { DType } from "../../src/tensor/storage.ts";
import { Parameter, Tensor } from "../../src/tensor/tensor.ts";

// What the fixtures hold is written, and said, in scripts/pytorch-parity.py.

interface Size {
  layers: number;
  hidden: number;
  heads: number;
  context: number;
  vocabulary: number;
  batch: number;
  tokens: number;
}

interface TrainingCase<ModelSize extends Size> {
  size: ModelSize;
  logits: number[];
  loss: number;
  gradients: Record<string, number[]>;
  learningRates: number[];
  losses: number[];
  gradNorms: number[];
}

type GptSize = Size & { map?: number[] };
type BertSize = Size & { masked: number };

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/pytorch/${name}.json`, import.meta.url), "utf8"));
const gptCases: Record<"straight" | "shared", TrainingCase<GptSize>> = fixture("gpt");
const bertCases: {
  straight: TrainingCase<BertSize>;
  padded: { mask: number[]; positions: number[]; logits: number[] };
} = fixture("bert");
const operations = fixture("operations");

/** A number in [0, 1) with 16 bits that depends on two integers: the formula of the script. */
function fraction(stream: number, index: number): number {
  let bits = (Math.imul(stream, 0x9e3779b1) + Math.imul(index, 0x85ebca6b)) | 0;
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
  return ((bits ^ (bits >>> 15)) >>> 16) / 65536;
}

const values = (stream: number, size: number, centre = 0, spread = 1) =>
  Float64Array.from({ length: size }, (_, index) => centre + spread * (2 * fraction(stream, index) - 1));

const integers = (stream: number, size: number, bound: number) =>
  Int32Array.from({ length: size }, (_, index) => Math.floor(fraction(stream, index) * bound));

const i32 = (numbers: ArrayLike<number>, shape: Shape) => Tensor.from(numbers, shape, "i32");

function fill(model: Gpt | Bert): void {
  [...model.namedParameters()].forEach(([name, parameter], stream) => {
    const { size, rank } = parameter;
    const numbers =
      rank > 1 ? values(stream, size, 0, 0.5) : values(stream, size, name.endsWith("orm.weight") ? 1 : 0, 0.25);
    parameter.numbers.set(numbers);
  });
}

/** Every element within `tolerance` of the largest expected absolute value. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string, tolerance = 1e-5): void {
  expect(actual.length, `length of ${what}`).to.equal(expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs));
  const worst = Math.max(...Array.from(expected, (value, index) => Math.abs(actual[index] - value)));
  expect(worst, what).to.be.at.most(tolerance * largest);
}

function causalBatch({ batch, tokens, vocabulary }: Size, step: number): CausalBatch {
  const part = (offset: number) =>
    i32(integers(1000 + 10 * step + offset, batch * tokens, vocabulary), [batch, tokens]);
  return { inputs: part(0), targets: part(1) };
}

function maskedBatch({ batch, tokens, vocabulary, masked }: BertSize, step: number) {
  const stream = 1000 + 10 * step;
  const every = Math.floor((batch * tokens) / masked);
  return {
    inputs: i32(integers(stream, batch * tokens, vocabulary), [batch, tokens]),
    types: i32(integers(stream + 1, batch * tokens, 2), [batch, tokens]),
    positions: i32(
      Int32Array.from({ length: masked }, (_, index) => index * every + (step % every)),
      [masked],
    ),
    targets: i32(integers(stream + 2, masked, vocabulary), [masked]),
  };
}

/** A Bert whose batches bring token types along, which the training loop knows nothing of. */
class TypedBert extends Bert {
  override loss(batch: MaskedBatch & { types: Tensor }, options: Parameters<Bert["loss"]>[1]): Tensor {
    return super.loss(batch, { ...options, types: batch.types });
  }
}

function expectGradients(model: Gpt | Bert, expected: Record<string, number[]>): void {
  const named = model.namedParameters();
  expect([...named.keys()]).to.deep.equal(Object.keys(expected));
  for (const [name, { grad }] of named) expectClose(grad!.numbers, expected[name], `gradient of ${name}`);
}

/** Ten updates through the training loop. */
function expectTraining(
  model: Gpt | Bert,
  { losses, gradNorms, learningRates }: TrainingCase<Size>,
  { map, batchAt }: { map: number[]; batchAt: (step: number) => unknown },
): void {
  const plan = planFromMap(map);
  const method: Method = {
    name: "fixed",
    stages: [{ uniqueLayers: model.blocks.length, firstStep: 0, endStep: losses.length }],
    planStep: () => plan,
    planFullDepth: () => planFromMap([...model.blocks.keys()]),
    grow: () => expect.fail("one stage does not grow"),
    depthDraw: "step",
    sharedGradient: "sum",
  };
  const records = [
    ...train<never>({
      model: model as never,
      method,
      optimizer: new AdamW(model.parameters(), { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 }),
      learningRate: (update) => learningRates[update],
      batchAt: batchAt as never,
      tokensPerBatch: 14,
      seed: 0,
      clipNorm: 1,
    }),
  ];
  expect(records).to.have.length(10);
  records.forEach(({ loss, gradNorm }, update) => {
    expectClose([loss], [losses[update]], `loss of update ${update}`);
    expectClose([gradNorm], [gradNorms[update]], `gradient norm of update ${update}`);
  });
}

for (const kernels of KERNEL_SETS) {
  describe(`as PyTorch, within 1e-5 of the largest element (${kernels} kernels)`, () => {
    before(() => configureEngine({ kernels, threads: 1 }));
    after(() => configureEngine());

    for (const name of ["straight", "shared"] as const) {
      const training = gptCases[name];
      const { size } = training;
      const map = size.map ?? Array.from({ length: size.layers }, (_, index) => index);

      it(`GPT of layers ${map}: logits, loss and every gradient`, () => {
        const model = new Gpt(size);
        fill(model);
        scope(() => {
          const path = sharedPath(model.blocks, planFromMap(map));
          expectClose(model.forward(causalBatch(size, 0).inputs, { path }).numbers, training.logits, "logits");
          const loss = model.loss(causalBatch(size, 0), { path });
          expectClose([loss.item()], [training.loss], "loss");
          loss.backward();
          expectGradients(model, training.gradients);
        });
      });

      it(`GPT of layers ${map}: ten updates`, () => {
        const model = new Gpt(size);
        fill(model);
        expectTraining(model, training, { map, batchAt: (step) => causalBatch(size, step) });
      });
    }

    const { straight, padded } = bertCases;
    const { size } = straight;

    it("BERT: logits at the masked positions, loss and every gradient", () => {
      const model = new TypedBert(size);
      fill(model);
      scope(() => {
        const batch = maskedBatch(size, 0);
        expectClose(model.forward(batch.inputs, batch.positions, batch).numbers, straight.logits, "logits");
        const loss = model.loss(batch, {});
        expectClose([loss.item()], [straight.loss], "loss");
        loss.backward();
        expectGradients(model, straight.gradients);
      });
    });

    it("BERT: ten updates", () => {
      const model = new TypedBert(size);
      fill(model);
      expectTraining(model, straight, { map: [0, 1, 2], batchAt: (step) => maskedBatch(size, step) });
    });

    it("BERT: logits where the end of a sequence is padding", () => {
      const model = new Bert(size);
      fill(model);
      scope(() => {
        const { inputs, types } = maskedBatch(size, 0);
        const mask = Tensor.from(padded.mask, [size.batch, 1, 1, size.tokens]);
        const logits = model.forward(inputs, i32(padded.positions, [padded.positions.length]), { types, mask });
        expectClose(logits.numbers, padded.logits, "logits");
      });
    });
  });

  for (const dtype of kernels === "reference" ? (["f32", "f64"] as const) : (["f32"] as const)) {
    const tolerance = dtype === "f64" ? 1e-8 : 2e-6;
    const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) =>
      expectClose(actual, expected, what, tolerance);

    describe(`as PyTorch, within ${tolerance.toExponential()} of the largest element (${dtype}, ${kernels} kernels)`, () => {
      before(() => configureEngine({ kernels, threads: 1 }));
      after(() => configureEngine());

      it("layerNorm and its gradients", () => {
        for (const { epsilon, output, gradients } of operations.layerNorm) {
          const inputs = [
            leaf(values(0, 42, 0.5, 2), [3, 2, 7], dtype),
            leaf(values(1, 7, 1, 0.5), [7], dtype),
            leaf(values(2, 7, 0, 0.5), [7], dtype),
          ];
          expectOutputAndGradients(layerNorm(inputs[0], inputs[1], inputs[2], { epsilon }), inputs, {
            output,
            gradients,
            close,
          });
        }
      });

      it("gelu and its gradient, both forms", () => {
        for (const { approximate, output, gradients } of operations.gelu) {
          const x = leaf([...values(3, 32, 0, 4), 0, -30, 30, -6, 6, 0.0009765625], [38], dtype);
          expectOutputAndGradients(gelu(x, { approximate }), [x], { output, gradients, close });
        }
      });

      it("crossEntropy with an ignored target, smoothed or not, and its gradient", () => {
        for (const { labelSmoothing, reduction, targets, output, gradient } of operations.crossEntropy) {
          const logits = leaf(values(4, 30, 0, 4), [6, 5], dtype);
          const loss = crossEntropy(logits, i32(targets, [6]), { ignoreIndex: -1, labelSmoothing, reduction });
          close(loss.numbers, output, `${reduction} with smoothing ${labelSmoothing}`);
          loss.sum().backward();
          close(logits.grad!.numbers, gradient, `gradient of ${reduction} with smoothing ${labelSmoothing}`);
        }
      });

      it("AdamW over eight updates of a falling learning rate", () => {
        for (const { options, parameters } of operations.adamw) {
          expectUpdates((made) => new AdamW(made, options), parameters, dtype, close);
        }
      });

      it("Sgd over eight updates of a falling learning rate", () => {
        for (const { options, parameters } of operations.sgd) {
          expectUpdates((made) => new Sgd(made, options), parameters, dtype, close);
        }
      });

      it("clipGradNorm, above and below the maximum", () => {
        for (const { maximum, norm, gradients } of operations.clip) {
          const parameters = matrixAndBias(dtype);
          parameters.forEach((parameter, index) => (parameter.grad = formulaGradient(parameter, 0, index)));
          close([clipGradNorm(parameters, maximum)], [norm], "norm");
          parameters.forEach(({ grad }, index) => close(grad!.numbers, gradients[index], `gradient ${index}`));
        }
      });
    });
  }
}

type Close = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => void;

function leaf(numbers: ArrayLike<number>, shape: Shape, dtype: DType): Tensor {
  const tensor = Tensor.from(numbers, shape, dtype);
  tensor.requiresGrad = true;
  return tensor;
}

/** The output, and the gradients of Σ output·(1, 2, 3, …)/size. */
function expectOutputAndGradients(
  actual: Tensor,
  inputs: Tensor[],
  { output, gradients, close }: { output: number[]; gradients: number[][]; close: Close },
): void {
  close(actual.numbers, output, "output");
  const weights = Float64Array.from({ length: actual.size }, (_, index) => (index + 1) / actual.size);
  actual
    .mul(Tensor.from(weights, actual.shape, actual.dtype))
    .sum()
    .backward();
  inputs.forEach(({ grad }, index) => close(grad!.numbers, gradients[index], `gradient of input ${index}`));
}

function matrixAndBias(dtype: DType): Parameter[] {
  const from = (stream: number, shape: Shape) =>
    new Parameter(shape, (numbers) => numbers.set(values(stream, sizeOf(shape))), dtype);
  return [from(6, [3, 5]), from(7, [5])];
}

const formulaGradient = ({ size, shape, dtype }: Parameter, update: number, index: number) =>
  Tensor.from(values(20 + 2 * update + index, size, 0, 2), shape, dtype);

function expectUpdates(
  make: (parameters: Parameter[]) => Optimizer,
  expected: number[][],
  dtype: DType,
  close: Close,
): void {
  const parameters = matrixAndBias(dtype);
  const optimizer = make(parameters);
  for (let update = 0; update < 8; update++) {
    parameters.forEach((parameter, index) => {
      parameter.zeroGrad();
      if (!(update === 2 && index === 1)) parameter.grad = formulaGradient(parameter, update, index);
    });
    optimizer.step({ learningRate: 0.1 / (1 + update) });
  }
  parameters.forEach(({ numbers }, index) => close(numbers, expected[index], `parameter ${index}`));
}

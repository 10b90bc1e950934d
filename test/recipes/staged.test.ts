import { expect } from "chai";
import fc from "fast-check";
import { train } from "../../src/apollo/algorithm.ts";
import { doubleWidth, type StateKind } from "../../src/apollo/growth/double-width.ts";
import type { Values } from "../../src/apollo/growth/widen.ts";
import type { SizedModel } from "../../src/apollo/layered-model.ts";
import type { SmallModel } from "../../src/apollo/method.ts";
import { Gpt, straightPath } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { learningRateSchedule } from "../../src/optim/learning-rate.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { type StagedOptions, staged } from "../../src/recipes/staged.ts";
import { scope } from "../../src/tensor/scope.ts";
import {
  begin,
  KINDS,
  type Kind,
  largestDifference,
  logitsOf,
  type Model,
  modelOf,
  type Size,
} from "../nn/growing-models.ts";
import { causalBatch, expectSameNumbers, maskedBatch, randomise, TINY_TOKENS } from "../nn/tiny-models.ts";

const batchOf = (model: Model, step: number) =>
  (model.family === "gpt" ? causalBatch(step) : maskedBatch(step)) as never;

function trained(model: Model, optimizer: AdamW, updates: number): void {
  const method = scratch({}, { steps: updates, targetDepth: model.blocks.length });
  const data = { batchAt: (step: number) => batchOf(model, step), tokensPerBatch: TINY_TOKENS, seed: 1 };
  for (const _ of train<never>({ model: model as never, method, optimizer, learningRate: () => 1e-2, ...data }));
}

/** A small model and its state, as a run leaves them; after random weights and some updates. */
function smallOf(kind: Kind, size: Size, seed: number, updates = 0): { model: Model; small: SmallModel } {
  const model = modelOf(kind, size);
  randomise(model, seed);
  const optimizer = new AdamW(model.parameters());
  if (updates > 0) trained(model, optimizer, updates);
  const state = [...model.namedParameters()].flatMap(([name, parameter]) => {
    const found = optimizer.state.get(parameter);
    if (found === undefined) return [];
    const averages = Object.entries(found.averages).map(([average, { shape, numbers }]): [string, Values] => [
      average,
      { shape, values: Float32Array.from(numbers) },
    ]);
    return [[name, { step: found.step, averages: Object.fromEntries(averages) }] as const];
  });
  return { model, small: { size: model.size, weights: model.stateDict(), state: new Map(state) } };
}

function grown(kind: Kind, to: Size, small: SmallModel, options: StagedOptions = {}) {
  const model = modelOf(kind, to);
  const optimizer = new AdamW(model.parameters());
  const { operator } = begin((call) => staged(options, call), model, small, { optimizer });
  expect(operator).to.equal(null);
  return { model, optimizer };
}

/** What the release's code makes of a tensor, written down by the shapes of GPT and BERT: heads and axes unheard of. */
function doubledByHand(name: string, { shape, values }: Values): number[] {
  const twice = (row: number[]) => [...row, ...row];
  const rows = (columns: number) =>
    Array.from({ length: values.length / columns }, (_, row) =>
      Array.from({ length: columns }, (_, column) => values[row * columns + column]),
    );
  const columns = shape[shape.length - 1];
  const thirds = (row: number[]) =>
    [0, 1, 2].map((third) => row.slice((third * columns) / 3, ((third + 1) * columns) / 3));
  if (name === "head.bias") return Array.from(values);
  if (/Embedding\.weight$/.test(name)) return rows(columns).flatMap(twice);
  const isPacked = name.includes(".qkv.");
  const parts = (row: number[]) => (isPacked ? thirds(row) : [row]);
  if (shape.length === 1) return parts(rows(columns)[0]).flatMap(twice);
  const zeros = (row: number[]) => row.map(() => 0);
  return [
    ...rows(columns).flatMap((row) => parts(row).flatMap((part) => [...part, ...zeros(part)])),
    ...rows(columns).flatMap((row) => parts(row).flatMap((part) => [...zeros(part), ...part])),
  ];
}
const isLastNorm = (name: string, kind: Kind) => name.startsWith(kind === "gpt" ? "finalNorm." : "head.norm.");

describe("staged training: twice the width", () => {
  for (const kind of KINDS) {
    it(`${kind}: logits stay, to 1e-5`, () => {
      const sizes = fc.record({ layers: fc.integer({ min: 1, max: 3 }), heads: fc.integer({ min: 1, max: 3 }) });
      const property = fc.property(sizes, fc.nat(), ({ layers, heads }, seed) => {
        const { model, small } = smallOf(kind, { layers, heads }, seed);
        const logits = logitsOf(model);
        const scale = Math.max(1, ...Array.from(logits, Math.abs));
        const wide = grown(kind, { layers, heads: 2 * heads }, small).model;
        expect(largestDifference(logitsOf(wide), logits)).to.be.lessThan(1e-5 * scale);
      });
      fc.assert(property, { seed: 1, numRuns: 15 });
    });

    it(`${kind}: weights in two blocks, the last norm halved; m halved, v quartered, but not the last norm's; steps kept`, () => {
      const { small } = smallOf(kind, { layers: 2, heads: 2 }, 3, 4);
      const { model, optimizer } = grown(kind, { layers: 2, heads: 4 }, small);
      for (const [name, parameter] of model.namedParameters()) {
        const expectTimes = (actual: ArrayLike<number>, old: Values, factor: number, what: string) => {
          const expected = doubledByHand(name, old).map((value) => factor * value);
          // −0 of a product is 0 as well.
          Array.from(actual).forEach((value, index) => expect(value, `${what} ${name}`).to.equal(expected[index]));
          expect(actual.length).to.equal(expected.length);
        };
        const [isLast, isHeadBias] = [isLastNorm(name, kind), name === "head.bias"];
        expectTimes(parameter.numbers, small.weights.get(name)!, isLast ? 1 / 2 : 1, "weights of");
        const state = optimizer.state.get(parameter)!;
        const before = small.state!.get(name)!;
        expect(state.step, name).to.equal(before.step).and.to.equal(4);
        const [m, v] = isLast || isHeadBias ? [1, 1] : [1 / 2, 1 / 4];
        expectTimes(state.averages.m.numbers, before.averages.m, m, "m of");
        expectTimes(state.averages.v.numbers, before.averages.v, v, "v of");
      }
    });

    it(`${kind}: gradients of the copies are those that the halved averages are of`, () => {
      const { model, small } = smallOf(kind, { layers: 2, heads: 2 }, 5);
      const wide = grown(kind, { layers: 2, heads: 4 }, small).model;
      for (const each of [model, wide]) {
        each.train();
        const whole = each as unknown as SizedModel;
        scope(() => whole.loss(batchOf(each, 1), { path: straightPath(whole.blocks) }).backward());
      }
      const after = wide.namedParameters();
      for (const [name, { shape, grad }] of model.namedParameters()) {
        const values = Float32Array.from(grad!.numbers);
        const doubled = (kindOf: StateKind, numbers: ArrayLike<number>) =>
          doubleWidth(name, { shape, values: numbers }, kindOf, model.family).values;
        const [expected, isCopy] = [
          doubled("gradients", values),
          doubled("squares", new Float32Array(values.length).fill(1)),
        ];
        const actual = after.get(name)!.grad!.numbers;
        const scale = Math.max(1e-3, ...values.map(Math.abs));
        for (let index = 0; index < actual.length; index++)
          if (isCopy[index] > 0) expect(actual[index] / scale, name).to.be.closeTo(expected[index] / scale, 2e-5);
      }
    });
  }

  it("learns between the copies, whose halves stay interchangeable without dropout", () => {
    const { small } = smallOf("gpt", { layers: 1, heads: 1 }, 7, 3);
    const { model, optimizer } = grown("gpt", { layers: 1, heads: 2 }, small);
    trained(model, optimizer, 5);
    const { values, shape } = model.stateDict().get("blocks.0.feedForward.up.weight")!;
    expect(shape).to.deep.equal([8, 32]);
    const at = (row: number, column: number) => values[32 * row + column];
    for (let row = 0; row < 4; row++) {
      for (let column = 0; column < 16; column++) {
        expect(at(row, column + 16)).to.not.equal(0);
        expect(at(row + 4, column + 16)).to.be.closeTo(at(row, column), 1e-3);
        expect(at(row + 4, column)).to.be.closeTo(at(row, column + 16), 1e-3);
      }
    }
  });
});

describe("staged training: twice the depth", () => {
  for (const [depthCopies, sources] of [
    ["append", [0, 1, 2, 0, 1, 2]],
    ["alternate", [0, 0, 1, 1, 2, 2]],
  ] as const) {
    it(`${depthCopies}: layers and their averages are copied as they are`, () => {
      const { small } = smallOf("bert", { layers: 3, heads: 1 }, 3, 2);
      const { model, optimizer } = grown("bert", { layers: 6, heads: 1 }, small, { depthCopies });
      for (const [name, parameter] of model.namedParameters()) {
        const from = name.replace(/^blocks\.(\d)/, (_, layer) => `blocks.${sources[Number(layer)]}`);
        expectSameNumbers(parameter.numbers, small.weights.get(from)!.values, name);
        const { step, averages } = optimizer.state.get(parameter)!;
        expect(step).to.equal(2);
        for (const average of ["m", "v"])
          expectSameNumbers(averages[average].numbers, small.state!.get(from)!.averages[average].values, name);
      }
    });

    it(`${depthCopies}: identities keep the function of pre-LN models, twice as wide too, and begin without averages`, () => {
      for (const kind of KINDS) {
        for (const ratio of [1, 2]) {
          const { model: before, small } = smallOf(kind, { layers: 3, heads: 2 }, 9, 1);
          const to = { layers: 6, heads: 2 * ratio };
          const { model, optimizer } = grown(kind, to, small, { depthCopies, identity: true });
          const difference = largestDifference(logitsOf(model), logitsOf(before));
          if (kind === "bert") expect(difference).to.be.greaterThan(1e-3);
          else expect(difference, `${kind} × ${ratio}`).to.be.lessThan(1e-4);
          const isNew = (layer: number) => sources.indexOf(sources[layer] as never) < layer;
          model.blocks.forEach((block, layer) => {
            for (const parameter of block.parameters())
              expect(optimizer.state.has(parameter), `layer ${layer}`).to.equal(!isNew(layer));
          });
          // Zero projections have gradients all the same.
          const start = Float32Array.from(model.blocks[5].feedForward.down.weight.numbers);
          expect(start.every((value) => value === 0)).to.equal(true);
          trained(model, optimizer, 1);
          expect(model.blocks[5].feedForward.down.weight.numbers.every((value) => value !== 0)).to.equal(true);
        }
      }
    });
  }
});

describe("staged training", () => {
  const call = { steps: 10_000, targetDepth: 2 };

  it("goes on from a place in a cosine schedule, warmed up again to where that stands by then", () => {
    const rate = staged({ restartShare: 0.2, rewarmShare: 0.01 }, call).learningRate!(1e-3);
    const whole = learningRateSchedule({ kind: "cosine", peak: 1e-3, steps: 12_500 });
    expect(rate(0)).to.equal(0);
    expect(rate(50)).to.be.closeTo(whole(2600) / 2, 1e-12);
    for (const update of [100, 101, 5000, 9999]) expect(rate(update)).to.equal(whole(2500 + update));
    expect(rate(10_000)).to.equal(0);
    const byDefault = staged({}, call).learningRate!(1e-3);
    // 3 % of 10,309 are 309 steps, and 8 of 10,000 warm up.
    const later = learningRateSchedule({ kind: "cosine", peak: 1e-3, steps: 10_309 });
    expect(byDefault(4)).to.be.closeTo(later(317) / 2, 1e-12);
    expect(byDefault(8)).to.equal(later(317));
    const fromStart = staged({ restartShare: 0, rewarmShare: 0 }, call).learningRate!(1e-3);
    const scratchRate = learningRateSchedule({ kind: "cosine", peak: 1e-3, steps: 10_000 });
    for (const update of [0, 100, 250, 7000]) expect(fromStart(update)).to.equal(scratchRate(update));
  });

  it("refuses what it cannot double, and a model without state or without a norm to halve", () => {
    const { small } = smallOf("gpt", { layers: 2, heads: 2 }, 1, 1);
    const fails = (kind: Kind, to: Size, message: string, from = small) =>
      expect(() => grown(kind, to, from)).to.throw(message);
    fails("gpt", { layers: 2, heads: 6 }, "2 layers of 8 channels cannot become 2 of 24; layers, channels or both");
    fails("gpt", { layers: 3, heads: 4 }, "2 layers of 8 channels cannot become 3 of 16");
    fails("gpt", { layers: 2, heads: 2 }, "2 layers of 8 channels cannot become 2 of 8");
    const { state: _, ...stateless } = small;
    fails("gpt", { layers: 4, heads: 2 }, "without the state of its optimizer", stateless);
    const postLn = smallOf("bert", { layers: 2, heads: 2 }, 1, 1).small;
    fails("bert pre-LN", { layers: 4, heads: 2 }, 'the small model has no parameter "finalNorm.weight"', postLn);
    const options = { heads: 4, hidden: 16, layers: 2, context: 6, vocabulary: 11, norm: "post" } as const;
    expect(() => begin((call) => staged({}, call), new Gpt(options), small)).to.throw(
      "post-LN GPT has no norm before its head",
    );
  });
});

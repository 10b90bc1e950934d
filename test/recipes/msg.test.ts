import { expect } from "chai";
import fc from "fast-check";
import { type StepRecord, train } from "../../src/apollo/algorithm.ts";
import type { SizedModel } from "../../src/apollo/layered-model.ts";
import type { DescribedMethod } from "../../src/apollo/method.ts";
import type { StepPlan } from "../../src/apollo/step-plan.ts";
import { Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import type { Optimizer } from "../../src/optim/optimizer.ts";
import { msg } from "../../src/recipes/msg.ts";
import type { RecipeCall } from "../../src/recipes/recipe.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { Random } from "../../src/tensor/random.ts";
import { begin, KINDS, type Kind, logitsOf, type Model, modelOf, type Size, smallOf } from "../nn/growing-models.ts";
import {
  causalBatch,
  expectSameNumbers,
  expectSameWeights,
  maskedBatch,
  randomise,
  TINY_TOKENS,
  weightsOf,
} from "../nn/tiny-models.ts";

function expectCloseLogits(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  for (let index = 0; index < expected.length; index++)
    expect(Math.abs(actual[index] - expected[index])).to.be.lessThan(1e-5 * scale);
}

/** Trains by the one loop, and gives its records. */
function trainBy(
  model: Model,
  method: DescribedMethod,
  optimizer: Optimizer,
  { startStep = 0, endStep = Number.POSITIVE_INFINITY, gradientCheckpointing = false } = {},
): StepRecord[] {
  const batchAt = (step: number, microBatch: number) =>
    (model.family === "gpt" ? causalBatch(step, microBatch) : maskedBatch(step, microBatch)) as never;
  const training = train({
    ...{ model: model as unknown as SizedModel, method, optimizer, batchAt, learningRate: () => 1e-2 },
    ...{ tokensPerBatch: TINY_TOKENS, seed: 1, startStep, gradientCheckpointing },
  });
  const records: StepRecord[] = [];
  for (const record of training) {
    records.push(record);
    if (record.step + 1 >= endStep) break;
  }
  return records;
}

/** Plain copies of an optimizer's state, by parameter name. */
function stateOf(model: Model, optimizer: Optimizer) {
  const named = [...model.namedParameters()].filter(([, parameter]) => optimizer.state.has(parameter));
  return new Map(
    named.map(([name, parameter]) => {
      const { step, averages } = optimizer.state.get(parameter)!;
      const values = (average: string) => ({ shape: parameter.shape, values: averages[average].toFlatArray() });
      return [name, { step, averages: { m: values("m"), v: values("v") } }];
    }),
  );
}

const STEPS = 40;

/** A small model after a few updates, and the large one that begins from it. */
function grown(kind: Kind, from: Size, to: Size, { seed = 1, dropout = 0, areNewUnitsLarge = false } = {}) {
  const small = modelOf(kind, from);
  randomise(small, seed);
  const smallOptimizer = new AdamW(small.parameters());
  trainBy(small, scratch({}, { steps: 3, targetDepth: from.layers }), smallOptimizer);
  const large = modelOf(kind, to, dropout);
  if (areNewUnitsLarge) randomise(large, seed + 1);
  const optimizer = new AdamW(large.parameters());
  const state = stateOf(small, smallOptimizer);
  const recipe = (call: RecipeCall) => msg({ rampLength: 0.1 }, call);
  const { method, operator } = begin(recipe, large, { ...smallOf(small), state }, { steps: STEPS, seed, optimizer });
  expect(operator).to.equal(null);
  return { small, large, optimizer, method, state };
}

describe("masked structural growth", () => {
  const ratios = fc.record({
    ...{ layers: fc.integer({ min: 1, max: 2 }), heads: fc.integer({ min: 1, max: 3 }), seed: fc.nat() },
    ...{ moreLayers: fc.integer({ min: 0, max: 2 }), moreHeads: fc.integer({ min: 0, max: 3 }) },
  });

  for (const kind of KINDS) {
    it(`${kind}: keeps the function at growth, to 1e-5 in logits, at any ratio`, () => {
      const property = fc.property(ratios, ({ layers, heads, moreLayers, moreHeads, seed }) => {
        const to = { layers: layers + moreLayers, heads: heads + moreHeads };
        // What new units hold does not matter.
        const { small, large, method } = grown(kind, { layers, heads }, to, { seed, areNewUnitsLarge: true });
        expectCloseLogits(logitsOf(large, method.planFullDepth(to.layers, 0)), logitsOf(small));
      });
      fc.assert(property, { seed: 1, numRuns: 25 });
    });

    it(`${kind}: masks as well where branches are scaled before they are added`, () => {
      const { small, large, method } = grown(kind, { layers: 2, heads: 2 }, { layers: 2, heads: 3 });
      const plan = method.planFullDepth(2, 0);
      const positions = plan.positions.map((position) => ({ ...position, branchScale: 1 + Number.EPSILON }));
      expectCloseLogits(logitsOf(large, { ...plan, positions }), logitsOf(small));
    });

    it(`${kind}: the last layers' mask begins from the function without them`, () => {
      const { large, method } = grown(kind, { layers: 1, heads: 2 }, { layers: 3, heads: 2 });
      const [without, plan] = [method.planFullDepth(3, 0), method.planFullDepth(3, 2)];
      expect([without, plan].map(({ positions }) => positions.length)).to.deep.equal([1, 3]);
      const masked = (growthMask: number): StepPlan => ({
        ...plan,
        positions: plan.positions.map((position) => (position.weight < 1 ? position : { ...position, growthMask })),
      });
      expectSameNumbers(logitsOf(large, masked(0)), logitsOf(large, without));
      expect(logitsOf(large, masked(0.5))).not.to.deep.equal(logitsOf(large, without));
    });

    it(`${kind}: is the ordinary model after the ramps, bit for bit, and nears it continuously`, () => {
      const { large, method } = grown(kind, { layers: 1, heads: 2 }, { layers: 3, heads: 3 });
      const plan = method.planFullDepth(3, 16);
      expect(plan).to.deep.equal(scratch({}, { steps: STEPS, targetDepth: 3 }).planFullDepth(3));
      const ordinary = logitsOf(large);
      expectSameNumbers(logitsOf(large, plan), ordinary);
      const nearly = { kept: 1, factor: 1 - 1e-6 };
      const almost = {
        ...plan,
        positions: plan.positions.map((position) => ({ ...position, growthMask: 1 - 1e-6 })),
        growthMasks: { inner: nearly, residual: nearly, heads: nearly },
      };
      const close = logitsOf(large, almost);
      for (let at = 0; at < ordinary.length; at++) expect(close[at]).to.be.closeTo(ordinary[at], 1e-4);
    });

    it(`${kind}: old parts keep weights, moments and step, new ones begin with zeros`, () => {
      const { small, large, optimizer, state } = grown(kind, { layers: 1, heads: 2 }, { layers: 2, heads: 3 });
      const initial = modelOf(kind, { layers: 2, heads: 3 }).stateDict();
      const [before, after, moments] = [small.stateDict(), large.stateDict(), stateOf(large, optimizer)];
      for (const [name, { shape, values }] of after) {
        const old = before.get(name);
        if (old === undefined) {
          expect(name).to.match(/^blocks\.1\./);
          expectSameNumbers(values, initial.get(name)!.values, name);
          expect(moments.has(name), name).to.equal(false);
          continue;
        }
        const own = state.get(name)!;
        expect(moments.get(name)!.step).to.equal(own.step);
        const { m, v } = moments.get(name)!.averages;
        const columns = shape.at(-1)!;
        const oldColumns = old.shape.at(-1)!;
        // Queries, keys and values lie side by side, and each grows at its own end.
        const groups = name.includes("qkv") ? 3 : 1;
        const [width, oldWidth] = [columns / groups, oldColumns / groups];
        values.forEach((value, at) => {
          const [row, column] = [Math.floor(at / columns), at % columns];
          const [group, channel] = [Math.floor(column / width), column % width];
          const isOld = channel < oldWidth && (shape.length === 1 || row < old.shape[0]);
          const place = row * oldColumns + group * oldWidth + channel;
          const what = `${name}[${at}]`;
          expect(value, what).to.equal(isOld ? old.values[place] : initial.get(name)!.values[at]);
          expect(m.values[at], what).to.equal(isOld ? own.averages.m.values[place] : 0);
          expect(v.values[at], what).to.equal(isOld ? own.averages.v.values[place] : 0);
        });
      }
    });

    it(`${kind}: trains through every ramp to the same bits, in one go, resumed, and with layers run twice`, () => {
      const sizes = [
        { layers: 1, heads: 1 },
        { layers: 2, heads: 2 },
      ] as const;
      const make = () => grown(kind, ...sizes, { dropout: 0.1 });
      const [whole, resumed, twice] = [make(), make(), make()];
      trainBy(whole.large, whole.method, whole.optimizer, { endStep: 20 });
      for (let step = 0; step < 20; step += 3)
        trainBy(resumed.large, resumed.method, resumed.optimizer, { startStep: step, endStep: Math.min(step + 3, 20) });
      expectSameWeights(weightsOf(resumed.large), weightsOf(whole.large));
      trainBy(twice.large, twice.method, twice.optimizer, { endStep: 20, gradientCheckpointing: true });
      expectSameWeights(weightsOf(twice.large), weightsOf(whole.large));
      // No mask is left on the model.
      expectSameNumbers(logitsOf(whole.large, whole.method.planFullDepth(2)), logitsOf(whole.large));
    });
  }

  it("ramps one dimension after the other: inner layers, stream, heads, depth", () => {
    const { method } = grown("gpt", { layers: 1, heads: 2 }, { layers: 3, heads: 3 });
    const plan = (updates: number) => method.planFullDepth(3, updates);
    const masks = (updates: number) => plan(updates).growthMasks;
    const [inner, residual, heads] = [32, 8, 2].map((kept) => ({ kept, factor: 0 }));
    expect(masks(0)).to.deep.equal({ inner, residual, heads });
    expect(masks(1)).to.deep.equal({ inner: { kept: 32, factor: 0.25 }, residual, heads });
    expect(masks(4)).to.deep.equal({ residual, heads });
    expect(masks(6)).to.deep.equal({ residual: { kept: 8, factor: 0.5 }, heads });
    expect(masks(11)).to.deep.equal({ heads: { kept: 2, factor: 0.75 } });
    expect(masks(12)).to.equal(undefined);
    expect(plan(12).positions).to.deep.equal([{ weight: 0, branchScale: 1 }]);
    const masked = (weight: number) => ({ weight, branchScale: 1, growthMask: 0.25 });
    expect(plan(13).positions).to.deep.equal([{ weight: 0, branchScale: 1 }, masked(1), masked(2)]);
    // Each step trains what an evaluation before it measures.
    const call = { uniqueLayers: 3, targetDepth: 3, uniform: 0.5, random: () => new Random(1) };
    for (let step = 0; step < STEPS; step++) expect(method.planStep({ ...call, step })).to.deep.equal(plan(step));
  });

  it("leaves no ramp to what does not grow", () => {
    const deeper = grown("gpt", { layers: 1, heads: 2 }, { layers: 2, heads: 2 }).method;
    expect(deeper.planFullDepth(2, 1)).not.to.have.property("growthMasks");
    expect(deeper.planFullDepth(2, 1).positions[1].growthMask).to.equal(0.25);
    const wider = grown("gpt", { layers: 2, heads: 2 }, { layers: 2, heads: 3 }).method;
    expect(wider.planFullDepth(2, 0).positions).to.have.length(2);
    expect(wider.planFullDepth(2, 12)).to.deep.equal(wider.planFullDepth(2));
  });

  it("costs what it executes: the whole width from the start, new layers from their turn on, as planned", () => {
    const { large, optimizer, method } = grown("gpt", { layers: 1, heads: 2 }, { layers: 3, heads: 3 });
    const records = trainBy(large, method, optimizer);
    const ordinary = scratch({}, { steps: 1, targetDepth: 3 });
    const [whole] = trainBy(modelOf("gpt", { layers: 3, heads: 3 }), ordinary, new AdamW([]));
    const [one] = trainBy(
      modelOf("gpt", { layers: 1, heads: 3 }),
      scratch({}, { steps: 1, targetDepth: 1 }),
      new AdamW([]),
    );
    for (const { step, modelFlops, depth } of records)
      expect([modelFlops, depth], `step ${step}`).to.deep.equal(
        step <= 12 ? [one.modelFlops, 1] : [whole.modelFlops, 3],
      );
    const planned = method
      .depths(method.stages[0])
      .reduce((sum, { depth, probability }) => sum + depth * probability, 0);
    expect(records.reduce((sum, { depth }) => sum + depth, 0) / STEPS).to.be.closeTo(planned, 1e-12);
  });

  it("moves new units once their mask has left 0, and not before", () => {
    const { large, optimizer, method } = grown("gpt", { layers: 1, heads: 1 }, { layers: 2, heads: 2 });
    const upOf = (unit: number) => large.blocks[0].feedForward.up.bias!.numbers[unit];
    const newLayer = () => Array.from(large.blocks[1].feedForward.up.weight.numbers);
    const before = newLayer();
    trainBy(large, method, optimizer, { endStep: 1 });
    expect([upOf(0) !== 0, upOf(16) === 0]).to.deep.equal([true, true]);
    trainBy(large, method, optimizer, { startStep: 1, endStep: 13 });
    expect(upOf(16)).not.to.equal(0);
    expect(newLayer()).to.deep.equal(before);
    trainBy(large, method, optimizer, { startStep: 13, endStep: 14 });
    expect(newLayer()).not.to.deep.equal(before);
  });

  it("refuses what it cannot begin from or fit into a run, and says why", () => {
    const [from, to] = [1, 2].map((heads) => modelOf("gpt", { layers: 1, heads }));
    const call = { steps: 10, targetDepth: 1, growth: { from: from.size, to: to.size } };
    expect(() => msg({ rampLength: 0.4 }, call)).to.throw("3 ramps of 0.4 of 10 steps leave none for the whole model");
    expect(() => msg({}, { ...call, growth: undefined }).planFullDepth(1, 0)).to.throw("small model are not known");
    const beginWith = (model: Model) => begin((known) => msg({}, known), model, smallOf(from), { steps: 100 });
    expect(() => beginWith(to)).to.throw("without the state of its optimizer");
    expect(() => beginWith(new Gpt({ ...to.size, norm: "post" }))).to.throw("the first layer of post-LN GPT");
  });
});

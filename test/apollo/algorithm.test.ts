import { expect } from "chai";
import fc from "fast-check";
import { type StepRecord, type TrainingOptions, train } from "../../src/apollo/algorithm.ts";
import { depthSampler, SAMPLERS } from "../../src/apollo/depth-sampler.ts";
import { growByMap, OPTIMIZER_POLICIES } from "../../src/apollo/growth/grow-layers.ts";
import { LAYER_MAPS, layerMap } from "../../src/apollo/layer-map.ts";
import type { Method } from "../../src/apollo/method.ts";
import { sharedPath } from "../../src/apollo/shared-layers.ts";
import { planFromMap, type StepPlan } from "../../src/apollo/step-plan.ts";
import { makeCheckpoint, restoreCheckpoint } from "../../src/io/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/io/safetensors.ts";
import { type CausalBatch, DropoutKey, type Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { clipCoefficient, gradientNorm } from "../../src/optim/clip.ts";
import type { Optimizer, UpdateOptions } from "../../src/optim/optimizer.ts";
import { Sgd } from "../../src/optim/sgd.ts";
import { apollo } from "../../src/recipes/apollo.ts";
import { scratch } from "../../src/recipes/scratch.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
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

const SEED = 7;

/** Trains a tiny GPT to the end of its method. */
function run(
  options: Partial<TrainingOptions<CausalBatch>> & Pick<TrainingOptions<CausalBatch>, "method"> & { model: Gpt },
): StepRecord[] {
  const optimizer = options.optimizer ?? new AdamW(options.model.parameters());
  return [
    ...train({
      learningRate: () => 1e-2,
      batchAt: causalBatch,
      tokensPerBatch: TINY_TOKENS,
      seed: SEED,
      ...options,
      optimizer,
    }),
  ];
}

/** A method of one stage for a model of `depth` layers that executes the plans it is given, over and over. */
function fixedMethod(plans: readonly StepPlan[], options: Partial<Method> & { depth: number; steps?: number }): Method {
  const { depth, steps = plans.length, ...rest } = options;
  const layers = 1 + Math.max(...plans.flatMap(({ positions }) => positions.map(({ weight }) => weight)));
  return {
    name: "fixed",
    stages: [{ uniqueLayers: layers, firstStep: 0, endStep: steps }],
    planStep: ({ step }) => plans[step % plans.length],
    planFullDepth: () => planFromMap(layerMap("interp_floor", layers, depth)),
    grow: () => {
      throw new Error("a method of one stage does not grow");
    },
    depthDraw: "step",
    sharedGradient: "sum",
    ...rest,
  };
}

/** An optimizer that changes nothing and notes the gradients it sees: one list per update, null where there is none. */
class Onlooker implements Optimizer {
  readonly state = new Map();
  readonly updates: { gradients: (number[] | null)[]; options: UpdateOptions }[] = [];
  readonly model: Gpt;
  constructor(model: Gpt) {
    this.model = model;
  }
  step(options: UpdateOptions): void {
    const gradients = this.model.parameters().map(({ grad }) => (grad === null ? null : Array.from(grad.numbers)));
    this.updates.push({ gradients, options });
  }
}

/** What of a record is not a matter of time. */
const timeless = ({ elapsedMs: _, ...rest }: StepRecord) => rest;

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.hypot(...Array.from(a, (value, index) => value - b[index]));

describe("the training loop", () => {
  for (const kernels of KERNEL_SETS) {
    it(`does what Algorithm 1 says, bitwise (${kernels} kernels)`, () => {
      configureEngine({ kernels, threads: 1 });
      try {
        fc.assert(
          fc.property(
            fc.constantFrom("gpt" as const, "bert" as const),
            fc.constantFrom(...SAMPLERS),
            fc.constantFrom(...LAYER_MAPS),
            fc.nat(1000),
            (family, sampler, map, seed) => {
              const [L, T, dropout] = [4, 9, 0.1];
              const stages = [
                { N: 1, first: 0 },
                { N: 2, first: 3 },
                { N: 4, first: 6 },
              ];
              const make = () => (family === "gpt" ? tinyGpt : tinyBert)({ layers: L, dropout, seed });
              const batchAt = (family === "gpt" ? causalBatch : maskedBatch) as (step: number) => never;
              const learningRate = (step: number) => 0.01 / (1 + step);

              const model = make();
              const optimizer = new AdamW(model.parameters());
              const method = apollo(
                { stages: [1, 2, 4], boundaries: [3 / T, 6 / T], depth: { sampler }, map },
                { steps: T, targetDepth: L },
              );
              const options = { method, optimizer, learningRate, tokensPerBatch: TINY_TOKENS, seed };
              const records = [...train<never>({ model: model as never, batchAt, ...options })];

              const byHand = make();
              const adamw = new AdamW(byHand.parameters());
              const losses: number[] = [];
              for (let step = 0; step < T; step++) {
                const stage = stages.findLastIndex(({ first }) => step >= first);
                const { N, first } = stages[stage];
                if (step === first && stage > 0) {
                  const old = byHand.blocks.map((block, index) =>
                    index < stages[stage - 1].N ? block.parameters().map((parameter) => parameter.toFlatArray()) : [],
                  );
                  layerMap(map, stages[stage - 1].N, N).forEach((source, slot) => {
                    byHand.blocks[slot].parameters().forEach(({ numbers }, index) => numbers.set(old[source][index]));
                  });
                }
                const uniform = Random.stream(seed, `depth ${step} 0`).uniform();
                const depth = depthSampler({ sampler }).depthFromUniform(uniform, N, L);
                const path = layerMap(map, N, depth).map((index) => ({ block: byHand.blocks[index], branchScale: 1 }));
                byHand.train();
                scope(() => {
                  const dropoutKey = DropoutKey.from(seed).at(step).at(0);
                  const loss: Tensor = byHand.loss(batchAt(step), { path, dropoutKey });
                  loss.backward();
                  losses.push(loss.item());
                });
                const norm = gradientNorm(byHand.parameters());
                adamw.step({ learningRate: learningRate(step), gradientScale: clipCoefficient(norm, 1) });
                byHand.zeroGrad();
              }
              expect(records.map(({ loss }) => loss)).to.deep.equal(losses);
              expectSameWeights(weightsOf(model), weightsOf(byHand));
            },
          ),
          { seed: 31, numRuns: 12 },
        );
      } finally {
        configureEngine();
      }
    });
  }

  it("draws each depth from the stream of its seed and step, and asks for every batch once, in order", () => {
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLERS), fc.nat(1000), (sampler, seed) => {
        const asked: [number, number][] = [];
        const model = tinyGpt({ layers: 6 });
        const records = run({
          model,
          method: apollo({ stages: [2, 6], boundaries: [0.75], depth: { sampler } }, { steps: 12, targetDepth: 6 }),
          seed,
          microBatches: 2,
          batchAt: (step, microBatch) => {
            asked.push([step, microBatch]);
            return causalBatch(step, microBatch);
          },
        });
        const depths = Array.from({ length: 12 }, (_, step) =>
          depthSampler({ sampler }).depthFromUniform(
            Random.stream(seed, `depth ${step} 0`).uniform(),
            step < 9 ? 2 : 6,
            6,
          ),
        );
        expect(records.map(({ depth }) => depth)).to.deep.equal(depths);
        expect(records.map(({ uniqueLayers }) => uniqueLayers)).to.deep.equal(depths.map((_, i) => (i < 9 ? 2 : 6)));
        expect(records.map(({ step }) => step)).to.deep.equal(depths.map((_, step) => step));
        expect(records.every(({ tokens }) => tokens === 2 * TINY_TOKENS)).to.equal(true);
        expect(asked).to.deep.equal(
          depths.flatMap((_, step) => [
            [step, 0],
            [step, 1],
          ]),
        );
      }),
      { seed: 32, numRuns: 10 },
    );
  });

  it("draws once per micro-batch when asked to, as the release does", () => {
    const model = tinyGpt({ layers: 12 });
    const options = { stages: [1, 12], boundaries: [0.9], depth: { sampler: "us" as const } };
    const records = run({
      model,
      method: apollo({ ...options, depthDraw: "microbatch" }, { steps: 10, targetDepth: 12 }),
      microBatches: 3,
    });
    for (const { step, plans, depth, uniqueLayers } of records) {
      const expected = [0, 1, 2].map((microBatch) =>
        depthSampler({ sampler: "us" }).depthFromUniform(
          Random.stream(SEED, `depth ${step} ${microBatch}`).uniform(),
          uniqueLayers,
          12,
        ),
      );
      expect(plans.map(({ positions }) => positions.length)).to.deep.equal(expected);
      expect(depth).to.be.closeTo((expected[0] + expected[1] + expected[2]) / 3, 1e-12);
    }
    expect(new Set(records[0].plans.map(({ positions }) => positions.length)).size).to.be.greaterThan(1);
  });

  it("micro-batches give the update of one big batch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), fc.nat(100), (microBatches, seed) => {
        const method = () => apollo({ stages: [1, 4], boundaries: [0.5] }, { steps: 4, targetDepth: 4 });
        const train = (joined: boolean) => {
          const model = tinyGpt({ layers: 4, seed });
          const join = (tensors: Tensor[]) =>
            Tensor.from(
              tensors.flatMap((tensor) => Array.from(tensor.data)),
              [3 * tensors.length, 6],
              "i32",
            );
          const records = run({
            model,
            method: method(),
            optimizer: new Sgd(model.parameters()),
            learningRate: () => 0.5,
            ...(joined
              ? {
                  batchAt: (step: number) => {
                    const parts = Array.from({ length: microBatches }, (_, index) => causalBatch(step, index));
                    return {
                      inputs: join(parts.map(({ inputs }) => inputs)),
                      targets: join(parts.map(({ targets }) => targets)),
                    };
                  },
                }
              : { microBatches }),
          });
          return { records, weights: weightsOf(model) };
        };
        const [parts, whole] = [train(false), train(true)];
        parts.records.forEach((record, step) => {
          expect(record.loss).to.be.closeTo(whole.records[step].loss, 1e-5);
          expect(record.gradNorm / whole.records[step].gradNorm).to.be.closeTo(1, 1e-5);
          expect(record.modelFlops).to.equal(whole.records[step].modelFlops);
        });
        for (const [name, values] of whole.weights) {
          expect(distance(parts.weights.get(name)!, values), name).to.be.at.most(1e-5);
        }
      }),
      { seed: 33, numRuns: 8 },
    );
  });

  it("mean of the shared gradients: the sum divided by the layer's uses, before clipping", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 }),
        (layerLists) => {
          const plans = layerLists.map((layers) => planFromMap(layers));
          const update = (sharedGradient: "sum" | "mean") => {
            const model = tinyGpt({ layers: 4 });
            const optimizer = new Onlooker(model);
            const method = {
              ...fixedMethod([planFromMap([3])], { depth: 4, steps: 1, sharedGradient, depthDraw: "microbatch" }),
              planStep: (() => {
                const left = [...plans];
                return () => left.shift()!;
              })(),
            };
            const [record] = run({ model, optimizer, method, microBatches: plans.length });
            return { record, model, ...optimizer.updates[0] };
          };
          const sum = update("sum");
          const mean = update("mean");
          const uses = [0, 1, 2, 3].map((layer) => layerLists.flat().filter((used) => used === layer).length);
          let squares = 0;
          [...sum.model.namedParameters().keys()].forEach((name, index) => {
            const layer = /^blocks\.(\d)/.exec(name)?.[1];
            const divisor = layer === undefined ? 1 : uses[Number(layer)] / plans.length;
            const [summed, averaged] = [sum.gradients[index], mean.gradients[index]];
            expect(averaged === null, name).to.equal(divisor === 0);
            if (summed === null || averaged === null) return;
            const size = Math.hypot(...summed);
            const error = distance(
              averaged,
              summed.map((value) => value / divisor),
            );
            expect(error, name).to.be.at.most(1e-6 * size);
            for (const value of averaged) squares += value ** 2;
          });
          expect(mean.record.gradNorm / Math.sqrt(squares)).to.be.closeTo(1, 1e-6);
        },
      ),
      { seed: 34, numRuns: 20 },
    );
  });

  it("clips the global norm, and reports the norm before", () => {
    const plan = planFromMap([0, 1, 1]);
    const update = (clipNorm: number | undefined) => {
      const model = tinyGpt({ layers: 2 });
      const optimizer = new Onlooker(model);
      const [{ gradNorm }] = run({ model, method: fixedMethod([plan], { depth: 2 }), optimizer, clipNorm });
      return {
        gradNorm,
        scale: optimizer.updates[0].options.gradientScale!,
        gradients: optimizer.updates[0].gradients,
      };
    };
    const free = update(Number.POSITIVE_INFINITY);
    expect(free.scale).to.equal(1);
    const norm = Math.hypot(...free.gradients.flatMap((gradient) => gradient ?? []));
    expect(free.gradNorm / norm).to.be.closeTo(1, 1e-9);
    for (const limit of [norm / 2, norm / 100]) {
      const clipped = update(limit);
      expect(clipped.gradNorm).to.equal(free.gradNorm);
      expect(clipped.scale * norm).to.be.closeTo(limit, 1e-5 * limit);
    }
    expect(update(2 * norm).scale).to.equal(1);
    expect(update(undefined).scale * norm).to.be.at.most(1);
  });

  it("frozen layers get no gradient and do not move by one bit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3), { minLength: 4, maxLength: 7 }),
        fc.subarray([0, 1, 2, 3], { maxLength: 3 }),
        (layers, trainable) => {
          const positions = [...layers, 0, 1, 2, 3].map((weight) => ({ weight, branchScale: 1 }));
          const plan: StepPlan = { positions, trainable };
          const onlooked = tinyGpt({ layers: 4 });
          const onlooker = new Onlooker(onlooked);
          run({ model: onlooked, method: fixedMethod([plan], { depth: 4 }), optimizer: onlooker });
          [...onlooked.namedParameters().keys()].forEach((name, index) => {
            const layer = /^blocks\.(\d)/.exec(name)?.[1];
            const isTrained = layer === undefined || trainable.includes(Number(layer));
            expect(onlooker.updates[0].gradients[index] !== null, name).to.equal(isTrained);
          });
          expect(onlooked.parameters().every(({ requiresGrad }) => requiresGrad)).to.equal(true);

          const model = tinyGpt({ layers: 4 });
          for (const parameter of model.parameters()) parameter.numbers;
          const before = weightsOf(model);
          const optimizer = new AdamW(model.parameters(), { weightDecay: 0.5 });
          run({ model, method: fixedMethod([plan], { depth: 4, steps: 3 }), optimizer });
          const after = weightsOf(model);
          for (const [name, parameter] of model.namedParameters()) {
            const layer = /^blocks\.(\d)/.exec(name)?.[1];
            const isFrozen = layer !== undefined && !trainable.includes(Number(layer));
            expect(optimizer.state.has(parameter), name).to.equal(!isFrozen);
            if (isFrozen) expectSameNumbers(after.get(name)!, before.get(name)!, name);
            else expect(after.get(name), name).to.not.deep.equal(before.get(name));
          }
        },
      ),
      { seed: 35, numRuns: 15 },
    );
  });

  it("freezing costs no model FLOPs for the gradients that are not needed", () => {
    const flops = (trainable: StepPlan["trainable"]) => {
      const positions = [0, 1].map((weight) => ({ weight, branchScale: 1 }));
      return run({ model: tinyGpt({ layers: 2 }), method: fixedMethod([{ positions, trainable }], { depth: 2 }) })[0]
        .modelFlops;
    };
    // Of a frozen layer the weight gradients are missing: 2·12h² per token with h = 8; attention itself has no weights.
    expect(flops("all") - flops([1])).to.equal(TINY_TOKENS * 24 * 8 ** 2);
    expect(flops("all") - flops([])).to.equal(2 * TINY_TOKENS * 24 * 8 ** 2);
  });

  it("passes branch scales on to the layers", () => {
    const lossOf = (scales: number[]) => {
      const positions = scales.map((branchScale, weight) => ({ weight, branchScale }));
      return run({
        model: tinyGpt({ layers: 3 }),
        method: fixedMethod([{ positions, trainable: "all" }], { depth: 3 }),
      })[0].loss;
    };
    const direct = (scales: number[]) =>
      scope(() => {
        const model = tinyGpt({ layers: 3 });
        const path = scales.map((branchScale, index) => ({ block: model.blocks[index], branchScale }));
        return model.loss(causalBatch(0), { path }).item();
      });
    expect(lossOf([1, 0.5, 0.25])).to.equal(direct([1, 0.5, 0.25]));
    expect(lossOf([1, 0.5, 0.25])).to.not.equal(direct([1, 1, 1]));
    expect(lossOf([1, 0, 0])).to.equal(direct([1]));
  });

  it("stops with one sentence when the loss is not finite, and leaves the model as it was", () => {
    const model = tinyGpt({ layers: 2 });
    const optimizer = new AdamW(model.parameters());
    const method = fixedMethod([planFromMap([0, 1])], { depth: 2, steps: 9 });
    const learningRate = (step: number) => (step === 3 ? 1e30 : 1e-3);
    const training = train({
      model,
      method,
      optimizer,
      learningRate,
      batchAt: causalBatch,
      tokensPerBatch: TINY_TOKENS,
      seed: SEED,
    });
    for (let step = 0; step < 4; step++) training.next();
    const weights = weightsOf(model);
    const state = () =>
      [...optimizer.state.values()].map(({ step, averages }) => [step, Array.from(averages.m.numbers)]);
    const before = state();
    expect(() => training.next()).to.throw(
      /^training stopped at step 4: loss (NaN|-?Infinity), gradient norm \S+, learning rate 0\.001; a lower learning rate may help$/,
    );
    expectSameWeights(weightsOf(model), weights);
    expect(state()).to.deep.equal(before);
    expect(model.parameters().every(({ grad }) => grad === null)).to.equal(true);
  });

  it("refuses a method made for another depth, and numbers out of range, before the first step", () => {
    const model = tinyGpt({ layers: 2 });
    const before = weightsOf(model);
    const begin = (targetDepth: number, options: object = {}) =>
      train({
        model,
        method: scratch({}, { steps: 2, targetDepth }),
        optimizer: new AdamW(model.parameters()),
        learningRate: () => 1e-3,
        batchAt: causalBatch,
        tokensPerBatch: TINY_TOKENS,
        seed: 1,
        ...options,
      }).next();
    for (const depth of [1, 3]) {
      expect(() => begin(depth)).to.throw(`train: scratch is made for ${depth} layers, the model has 2`);
    }
    expect(() => begin(2, { clipNorm: -1 })).to.throw("clip: the largest norm must be above 0, not -1");
    expect(() => begin(2, { clipNorm: Number.NaN })).to.throw("above 0, not NaN");
    expect(() => begin(2, { microBatches: 0 })).to.throw("train: microBatches must be a whole number from 1, not 0");
    expect(() => begin(2, { seed: 0.5 })).to.throw("train: the seed must be a whole number, not 0.5");
    expect(() => begin(2, { startStep: 0.5 })).to.throw("train: startStep must be a whole number from 0, not 0.5");
    expectSameWeights(weightsOf(model), before);
  });

  it("refuses a plan that uses a layer the stage does not have", () => {
    const method = fixedMethod([planFromMap([0, 1])], { depth: 2 });
    const bad = { ...method, stages: [{ uniqueLayers: 1, firstStep: 0, endStep: 1 }] };
    expect(() => run({ model: tinyGpt({ layers: 2 }), method: bad })).to.throw("position 1 uses weight 1");
  });
});

describe("resuming", () => {
  const T = 12;
  /** Growth before steps 3 and 7. */
  const methodOf = (policy: (typeof OPTIMIZER_POLICIES)[number]) =>
    apollo(
      { stages: [1, 2, 4], boundaries: [3 / T, 7 / T], depth: { sampler: "us" }, optimizerAtGrowth: policy },
      { steps: T, targetDepth: 4 },
    );
  const learningRate = (step: number) => 1e-2 * (1 - step / T);

  for (const family of ["gpt", "bert"] as const) {
    it(`${family}: from a checkpoint at any step gives bitwise the same weights, moments and records`, () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...OPTIMIZER_POLICIES),
          // Among them the steps just at, before and after growth.
          fc.constantFrom(1, 2, 3, 4, 6, 7, 8, 11),
          fc.nat(1000),
          (policy, cut, seed) => {
            const make = () => {
              const model = (family === "gpt" ? tinyGpt : tinyBert)({ layers: 4, dropout: 0.1, seed });
              return { model, optimizer: new AdamW(model.parameters()) };
            };
            const training = (
              { model, optimizer }: ReturnType<typeof make>,
              startStep?: number,
            ): Generator<StepRecord, void, void> =>
              train<never>({
                model: model as never,
                optimizer,
                method: methodOf(policy),
                learningRate,
                batchAt: (family === "gpt" ? causalBatch : maskedBatch) as (step: number) => never,
                tokensPerBatch: TINY_TOKENS,
                seed,
                startStep,
              });
            const checkpointOf = ({ model, optimizer }: ReturnType<typeof make>) =>
              encodeSafetensors(makeCheckpoint(model.namedParameters(), optimizer, { note: "test" }));

            const whole = make();
            const records = [...training(whole)].map(timeless);

            const first = make();
            const early: StepRecord[] = [];
            for (const record of training(first)) {
              early.push(record);
              if (record.step === cut - 1) break;
            }
            const second = make();
            const file = decodeSafetensors(checkpointOf(first), "checkpoint");
            restoreCheckpoint(file, second.model.namedParameters(), second.optimizer);
            const late = [...training(second, cut)];

            expect([...early, ...late].map(timeless)).to.deep.equal(records);
            expectSameWeights(weightsOf(second.model), weightsOf(whole.model));
            expectSameNumbers(checkpointOf(second), checkpointOf(whole), "checkpoint");
          },
        ),
        { seed: 36, numRuns: 16 },
      );
    });
  }

  it("grows exactly once when it begins at a boundary, and not at all after it", () => {
    const grown = (startStep: number) => {
      const calls: string[] = [];
      const method: Method = {
        ...methodOf("slot"),
        grow: (call) => {
          calls.push(`${call.from}→${call.to}`);
          growByMap(call, layerMap("interp_floor", call.from, call.to), "slot");
        },
      };
      run({ model: tinyGpt({ layers: 4 }), method, startStep });
      return calls;
    };
    expect(grown(0)).to.deep.equal(["1→2", "2→4"]);
    expect(grown(3)).to.deep.equal(["1→2", "2→4"]);
    expect(grown(4)).to.deep.equal(["2→4"]);
    expect(grown(7)).to.deep.equal(["2→4"]);
    expect(grown(8)).to.deep.equal([]);
  });
});

describe("paths", () => {
  it("references the blocks of a plan, in order, with their scales", () => {
    const { blocks } = tinyGpt({ layers: 3 });
    const plan: StepPlan = {
      positions: [
        { weight: 2, branchScale: 0.5 },
        { weight: 0, branchScale: 1 },
        { weight: 2, branchScale: 2 },
      ],
      trainable: "all",
    };
    const path = sharedPath(blocks, plan);
    expect(path.map(({ block }) => blocks.indexOf(block))).to.deep.equal([2, 0, 2]);
    expect(path.map(({ branchScale }) => branchScale)).to.deep.equal([0.5, 1, 2]);
  });
});

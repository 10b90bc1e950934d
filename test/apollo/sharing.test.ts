import { expect } from "chai";
import fc from "fast-check";
import { train } from "../../src/apollo/algorithm.ts";
import { depthSampler, SAMPLERS } from "../../src/apollo/depth-sampler.ts";
import { LAYER_MAPS, layerMap } from "../../src/apollo/layer-map.ts";
import { sharedPath } from "../../src/apollo/shared-layers.ts";
import { planFromMap } from "../../src/apollo/step-plan.ts";
import type { Bert, Gpt } from "../../src/nn/index.ts";
import { DropoutKey, functionalCall, straightPath } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { apollo } from "../../src/recipes/apollo.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { causalBatch, maskedBatch, randomise, TINY_TOKENS, tinyBert, tinyGpt } from "../nn/tiny-models.ts";

type Family = "gpt" | "bert";

function modelOf(family: Family, layers: number, dropout: number): Gpt | Bert {
  const model = family === "gpt" ? tinyGpt({ layers, dropout }) : tinyBert({ layers, dropout });
  return dropout > 0 ? model.train() : model.eval();
}

function lossOf(model: Gpt | Bert, step: number, path: ReturnType<typeof straightPath>): Tensor {
  const options = { path, dropoutKey: DropoutKey.from(3).at(step) };
  return model.family === "gpt"
    ? (model as Gpt).loss(causalBatch(step), options)
    : (model as Bert).loss(maskedBatch(step), options);
}

/** A situation of sharing: N unique layers, used `map.length` times by one step. */
const situations = fc
  .record({
    family: fc.constantFrom<Family>("gpt", "bert"),
    L: fc.integer({ min: 1, max: 12 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    mapName: fc.constantFrom(...LAYER_MAPS),
    sampler: fc.constantFrom(...SAMPLERS),
    uniform: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    dropout: fc.constantFrom(0, 0.2),
    step: fc.nat(1000),
  })
  .map(({ L, share, mapName, sampler, uniform, ...rest }) => {
    const N = 1 + Math.floor(share * (L - 1));
    const depth = depthSampler({ sampler }).depthFromUniform(uniform, N, L);
    return { ...rest, N, L, map: layerMap(mapName, N, depth) };
  });

/** |a − b| / |b| over all elements of two lists of tensors' values. */
function relativeDistance(actual: ArrayLike<number>[], expected: ArrayLike<number>[]): number {
  let difference = 0;
  let norm = 0;
  expected.forEach((values, tensor) => {
    for (let index = 0; index < values.length; index++) {
      difference += (actual[tensor][index] - values[index]) ** 2;
      norm += values[index] ** 2;
    }
  });
  return Math.sqrt(difference / norm);
}

/** "blocks.4.attention.qkv.bias" → block 4 and the rest; block null outside of the blocks. */
function placeOf(name: string): { block: number | null; rest: string } {
  const match = /^blocks\.(\d+)\.(.*)$/.exec(name);
  return match === null ? { block: null, rest: name } : { block: Number(match[1]), rest: match[2] };
}

describe("sharing layers", () => {
  it("f64: a shared parameter's gradient is the sum over its uses in an unshared copy", () => {
    fc.assert(
      fc.property(situations, ({ family, N, map, dropout, step }) => {
        scope(() => {
          const shared = modelOf(family, N, dropout);
          const unshared = modelOf(family, map.length, dropout);
          randomise(shared, step);
          const leaf = (values: ArrayLike<number>, shape: readonly number[]) => {
            const tensor = Tensor.from(values, shape, "f64");
            tensor.requiresGrad = true;
            return tensor;
          };
          const sources = new Map(
            [...shared.namedParameters()].map(([name, { numbers, shape }]) => [name, leaf(numbers, shape)]),
          );
          const copies = new Map(
            [...unshared.namedParameters()].map(([name, { shape }]) => {
              const { block, rest } = placeOf(name);
              const source = sources.get(block === null ? name : `blocks.${map[block]}.${rest}`)!;
              return [name, leaf(source.numbers, shape)];
            }),
          );
          const plan = planFromMap(map);
          const sharedLoss = functionalCall(shared, sources, () =>
            lossOf(shared, step, sharedPath(shared.blocks, plan)),
          );
          const unsharedLoss = functionalCall(unshared, copies, () =>
            lossOf(unshared, step, straightPath(unshared.blocks)),
          );
          expect(sharedLoss.item()).to.equal(unsharedLoss.item());
          sharedLoss.backward();
          unsharedLoss.backward();

          const names = [...sources.keys()];
          const sums = names.map((name) => {
            const { block, rest } = placeOf(name);
            const uses =
              block === null
                ? [name]
                : map.flatMap((weight, position) => (weight === block ? [`blocks.${position}.${rest}`] : []));
            const total = new Float64Array(sources.get(name)!.size);
            for (const use of uses) copies.get(use)!.grad!.numbers.forEach((value, index) => (total[index] += value));
            return total;
          });
          names.forEach((name, index) => {
            const gradient = sources.get(name)!.grad!.numbers;
            expect(gradient).to.be.instanceOf(Float64Array);
            const scale = Math.max(1e-3, Math.hypot(...sums[index]));
            const worst = Math.max(...sums[index].map((value, element) => Math.abs(value - gradient[element])));
            expect(worst / scale, name).to.be.at.most(1e-10);
          });
        });
      }),
      { seed: 11, numRuns: 60 },
    );
  });

  for (const kernels of KERNEL_SETS) {
    it(`f32, ${kernels} kernels: the same within 1e-4 of the gradient's norm`, () => {
      configureEngine({ kernels, threads: 1 });
      try {
        fc.assert(
          fc.property(situations, ({ family, L, map, dropout, step }) => {
            scope(() => {
              const shared = modelOf(family, L, dropout);
              const unshared = modelOf(family, map.length, dropout);
              randomise(shared, step);
              for (const [name, parameter] of unshared.namedParameters()) {
                const { block, rest } = placeOf(name);
                const source = block === null ? name : `blocks.${map[block]}.${rest}`;
                parameter.numbers.set(shared.namedParameters().get(source)!.numbers);
              }
              const sharedLoss = lossOf(shared, step, sharedPath(shared.blocks, planFromMap(map)));
              const unsharedLoss = lossOf(unshared, step, straightPath(unshared.blocks));
              expect(sharedLoss.item()).to.equal(unsharedLoss.item());
              sharedLoss.backward();
              unsharedLoss.backward();

              const actual: ArrayLike<number>[] = [];
              const expected: ArrayLike<number>[] = [];
              const copies = unshared.namedParameters();
              for (const [name, parameter] of shared.namedParameters()) {
                const { block, rest } = placeOf(name);
                if (block !== null && !map.includes(block)) {
                  expect(parameter.grad, name).to.equal(null);
                  continue;
                }
                const total = new Float64Array(parameter.size);
                const uses =
                  block === null
                    ? [name]
                    : map.flatMap((weight, position) => (weight === block ? [`blocks.${position}.${rest}`] : []));
                for (const use of uses) {
                  copies.get(use)!.grad!.numbers.forEach((value, index) => (total[index] += value));
                }
                actual.push(parameter.grad!.numbers);
                expected.push(total);
              }
              expect(relativeDistance(actual, expected)).to.be.at.most(1e-4);
              shared.zeroGrad();
              unshared.zeroGrad();
            });
          }),
          { seed: 12, numRuns: 25 },
        );
      } finally {
        configureEngine();
      }
    });
  }

  it("registers one parameter per weight index, whatever the depth", () => {
    fc.assert(
      fc.property(situations, ({ family, L, N, map }) => {
        const model = modelOf(family, L, 0);
        const before = [...model.namedParameters()];
        const path = sharedPath(model.blocks, planFromMap(map));
        expect(path).to.have.length(map.length);
        path.forEach(({ block }, position) => expect(block).to.equal(model.blocks[map[position]]));
        const used = new Set(path.flatMap(({ block }) => block.parameters()));
        expect(used.size).to.equal(N * model.blocks[0].parameters().length);
        expect([...model.namedParameters()]).to.deep.equal(before);
      }),
      { seed: 13, numRuns: 60 },
    );
  });

  it("slots from N on have no gradient, moments, steps or decay, and no memory", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Family>("gpt", "bert"),
        fc.constantFrom(...SAMPLERS),
        fc.constantFrom(...LAYER_MAPS),
        fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
        (family, sampler, map, early) => {
          const L = 6;
          const stages = [...early.sort((a, b) => a - b), L];
          const boundaries = early.map((_, index) => (index + 1) / stages.length);
          const steps = 3 * stages.length;
          const model = modelOf(family, L, 0);
          const optimizer = new AdamW(model.parameters(), { weightDecay: 0.5 });
          const training = train<never>({
            model: model as never,
            method: apollo({ stages, boundaries, depth: { sampler }, map }, { steps, targetDepth: L }),
            optimizer,
            learningRate: () => 1e-3,
            batchAt: (family === "gpt" ? causalBatch : maskedBatch) as never,
            tokensPerBatch: TINY_TOKENS,
            seed: 5,
          });
          for (const { uniqueLayers } of training) {
            model.blocks.forEach((block, slot) => {
              for (const parameter of block.parameters()) {
                expect(parameter.grad).to.equal(null);
                if (slot < uniqueLayers) {
                  expect(parameter.isMaterialised).to.equal(true);
                  expect(optimizer.state.get(parameter)!.step).to.be.at.least(1);
                } else {
                  expect(parameter.isMaterialised, `slot ${slot} of ${uniqueLayers}`).to.equal(false);
                  expect(optimizer.state.has(parameter)).to.equal(false);
                }
              }
            });
          }
        },
      ),
      { seed: 14, numRuns: 25 },
    );
  });
});

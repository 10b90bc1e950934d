import { expect } from "chai";
import fc from "fast-check";
import {
  dropout,
  multiHeadAttention,
  readableMultiHeadAttention,
  scaledDotProductAttention,
  sum,
  tensor,
} from "../../src/autograd/index.ts";
import { configureEngine, type EngineOptions } from "../../src/tensor/engine.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { DType } from "../../src/tensor/storage.ts";
import type { NestedNumbers } from "../../src/tensor/tensor.ts";
import { TESTED_VARIANTS } from "../variants.ts";
import { build, expectNumbers, f64, type Index, normals, pick, pickBroadcast, seeds } from "./nested.ts";

const sizes = fc.record({
  batch: fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 2 }),
  tokens: fc.integer({ min: 1, max: 5 }),
  size: fc.integer({ min: 1, max: 4 }),
});

describe("scaledDotProductAttention", () => {
  it("keeps the mask of the latest length alone, and of those that a tape still needs", () => {
    const attend = (tokens: number) => {
      const x = f64(normals(new Random(tokens), [tokens, 2]), { requiresGrad: true });
      return { x, y: sum(scaledDotProductAttention(x, x, x, { causal: true })) };
    };
    const attended = (tokens: number) => scope(() => attend(tokens).y.item());
    attended(20);
    const before = memory.liveBytes;
    for (let tokens = 10; tokens < 40; tokens++) attended(tokens);
    attended(20);
    expect(memory.liveBytes).to.equal(before);

    scope(() => {
      const [first, again] = [attend(20), attend(20)];
      attended(30);
      for (const { y } of [first, again]) y.backward();
      expect(first.x.grad!.toArray()).to.deep.equal(again.x.grad!.toArray());
      expect(first.x.grad!.numbers.every(Number.isFinite)).to.equal(true);
      for (const { x } of [first, again]) x.grad!.release();
      attended(20);
    });
    expect(memory.liveBytes).to.equal(before);
  });

  it("is softmax(Q·Kᵀ/√D)·V over the keys that causality and mask leave", () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.boolean(), seeds, ({ batch, tokens, size }, causal, isMasked, seed) => {
        scope(() => {
          const random = new Random(seed);
          const shape = [...batch, tokens, size];
          const [q, k, v] = [0, 1, 2].map(() => normals(random, shape));
          // The diagonal stays: no query is without a key.
          const maskShape = [tokens, tokens];
          const mask = build(maskShape, ([i, j]) => Number(i === j || random.integer(2) === 0));
          const isSeen = (i: number, j: number) =>
            (!causal || j <= i) && (!isMasked || pickBroadcast(mask, maskShape, [i, j]) === 1);
          const options = { causal, ...(isMasked && { mask: f64(mask) }) };
          expectNumbers(scaledDotProductAttention(f64(q), f64(k), f64(v), options), shape, (index) => {
            const at: Index = index.slice(0, -2);
            const [i, d] = index.slice(-2);
            const weights = Array.from({ length: tokens }, (_, j) => {
              if (!isSeen(i, j)) return 0;
              let dot = 0;
              for (let e = 0; e < size; e++) dot += pick(q, [...at, i, e]) * pick(k, [...at, j, e]);
              return Math.exp(dot / Math.sqrt(size));
            });
            const total = weights.reduce((a, b) => a + b);
            return weights.reduce((result, weight, j) => result + (weight / total) * pick(v, [...at, j, d]), 0);
          });
        });
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("gives a query without any key the mean of the values, not NaN", () => {
    scope(() => {
      const q = f64([[1], [2]]);
      const mask = f64([
        [0, 0],
        [1, 1],
      ]);
      const [[first]] = scaledDotProductAttention(q, q, f64([[3], [5]]), { mask }).toArray() as number[][];
      expect(first).to.equal(4);
    });
  });

  it("drops attention weights by the same counter as dropout", () => {
    scope(() => {
      const random = new Random(2);
      const [q, k] = [0, 1].map(() => f64(normals(random, [3, 2])));
      const identity = f64(build([3, 3], ([i, j]) => Number(i === j)));
      const options = { probability: 0.4, seed: [11, 12] as const };
      const weights = scaledDotProductAttention(q, k, identity);
      const dropped = scaledDotProductAttention(q, k, identity, { dropout: options });
      const expected = dropout(weights, options).toArray();
      expectNumbers(dropped, [3, 3], (index) => pick(expected, index));
    });
  });
});

/** One application of multi-head attention. */
interface Situation {
  batches: number;
  tokens: number;
  heads: number;
  headSize: number;
  causal: boolean;
  /** Of dropout. */
  probability: number;
  /** Which axes of [B, H, T, T] the mask repeats along, and how many of the leading ones it leaves out if they are such. */
  mask: { repeated: readonly [boolean, boolean, boolean, boolean]; leaves: number } | null;
  seed: number;
}

/** Mostly short texts, and some that are cut into several blocks of queries. */
const tokenCounts = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 24 }) },
  { weight: 3, arbitrary: fc.integer({ min: 25, max: 96 }) },
  { weight: 1, arbitrary: fc.integer({ min: 97, max: 300 }) },
);

const situations: fc.Arbitrary<Situation> = fc.record({
  batches: fc.integer({ min: 1, max: 2 }),
  tokens: tokenCounts,
  heads: fc.integer({ min: 1, max: 3 }),
  headSize: fc.integer({ min: 1, max: 35 }).filter((size) => size % 4 !== 0),
  causal: fc.boolean(),
  probability: fc.constantFrom(0, 0.3),
  mask: fc.option(
    fc.record({
      repeated: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
      leaves: fc.nat(4),
    }),
    { freq: 4 },
  ),
  seed: seeds,
});

/** Several blocks of queries on the way there and back: all heads with a mask of their own, and keys hidden from all. */
const long: Situation[] = [
  {
    ...{ batches: 1, tokens: 300, heads: 2, headSize: 7, causal: true, probability: 0.3, seed: 1 },
    mask: { repeated: [false, false, false, false], leaves: 0 },
  },
  {
    ...{ batches: 2, tokens: 257, heads: 1, headSize: 13, causal: false, probability: 0, seed: 2 },
    mask: { repeated: [false, true, true, false], leaves: 0 },
  },
];

/** A mask with numbers other than 1 for what is seen, with queries that it leaves no key, and some for causality to. */
function drawMask(random: Random, { batches, heads, tokens, mask }: Situation) {
  const { repeated, leaves } = mask!;
  const sizes = [batches, heads, tokens, tokens].map((size, axis) => (repeated[axis] ? 1 : size));
  const isBeside = sizes.findIndex((size) => size !== 1);
  const shape = sizes.slice(Math.min(leaves, isBeside === -1 ? 4 : isBeside));
  const values: number[] = [];
  const hiddenShare = random.uniform();
  for (let row = 0; row < sizes[0] * sizes[1] * sizes[2]; row++) {
    const isBlind = random.integer(4) === 0;
    for (let key = 0; key < sizes[3]; key++)
      values.push(isBlind || random.uniform() < hiddenShare ? 0 : [1, 2, -0.5][random.integer(3)]);
  }
  return { values, shape };
}

type Attend = typeof multiHeadAttention;

/** The output, and the gradient of qkv for a random mixture of its elements; both in order of their elements. */
function outcome(attend: Attend, situation: Situation, dtype: DType) {
  return scope(() => {
    const { batches, tokens, heads, headSize, causal, probability, mask, seed } = situation;
    const random = new Random(seed);
    const channels = heads * headSize;
    // The same numbers in single and in double precision.
    const draw = (shape: Index, requiresGrad: boolean) => {
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
      return tensor(values, { shape, dtype, requiresGrad });
    };
    const qkv = draw([batches, tokens, 3 * channels], true);
    const mixture = draw([batches, tokens, channels], false);
    const drawn = mask === null ? null : drawMask(random, situation);
    const y = attend(qkv, {
      heads,
      causal,
      ...(drawn !== null && { mask: tensor(drawn.values, { shape: drawn.shape, dtype }) }),
      ...(probability > 0 && { dropout: { probability, seed: [random.bits(), random.bits()] } }),
    });
    sum(y.mul(mixture)).backward();
    return { output: Float64Array.from(y.numbers), gradient: Float64Array.from(qkv.grad!.numbers) };
  });
}

/** Asserts that no element is farther away than `tolerance` of the largest. */
function expectNear(actual: Float64Array, expected: Float64Array, tolerance: number, what: string): void {
  expect(actual.length).to.equal(expected.length);
  const allowed = tolerance * expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const wrong = expected.findIndex((value, at) => !(Math.abs(actual[at] - value) <= allowed));
  if (wrong >= 0) expect.fail(`${what}[${wrong}]: ${actual[wrong]} instead of ${expected[wrong]}, ± ${allowed}`);
}

describe("multiHeadAttention", () => {
  const settings: { name: string; dtype: DType; engine: EngineOptions; tolerance: number }[] = [
    { name: "f64", dtype: "f64", engine: {}, tolerance: 1e-12 },
    { name: "f32, reference kernels", dtype: "f32", engine: { kernels: "reference" }, tolerance: 1e-5 },
    ...TESTED_VARIANTS.map((variant) => ({
      ...{ name: `f32, simd kernels, ${variant}`, dtype: "f32" as const, tolerance: 1e-5 },
      engine: { kernels: "simd", variant, threads: 1 } as const,
    })),
  ];
  for (const { name, dtype, engine, tolerance } of settings) {
    describe(name, () => {
      before(() => configureEngine(engine));
      after(() => configureEngine());

      it("equals its readable composition, causal, masked and with dropout; the gradient of qkv too", () => {
        const property = fc.property(situations, (situation) => {
          const actual = outcome(multiHeadAttention, situation, dtype);
          const expected = outcome(readableMultiHeadAttention, situation, "f64");
          expectNear(actual.output, expected.output, tolerance, "output");
          expectNear(actual.gradient, expected.gradient, tolerance, "gradient");
        });
        fc.assert(property, { seed: 3, numRuns: 100, examples: long.map((situation) => [situation]) });
      });

      for (const causal of [false, true]) {
        it(`lets a query without any key attend evenly to all keys${causal ? ", those after it too" : ""}`, () => {
          for (const tokens of [1, 7, 130]) {
            scope(() => {
              const random = new Random(tokens);
              const [heads, headSize] = [2, 3];
              const channels = heads * headSize;
              const values = normals(random, [1, tokens, 3 * channels]);
              // The fourth query sees nothing, the first two keys are hidden from all.
              const mask = build([tokens, tokens], ([i, j]) => Number(i !== 3 && j > 1));
              const isBlind = (i: number) => i === 3 || tokens === 1 || (causal && i <= 1);
              const weights = build([1, tokens, channels], ([, i]) => (isBlind(i) ? random.normal() : 0));
              const qkv = tensor(values, { dtype, requiresGrad: true });
              const y = multiHeadAttention(qkv, { heads, causal, mask: tensor(mask, { dtype }) });
              sum(y.mul(tensor(weights, { dtype }))).backward();
              const all = Array.from({ length: tokens }, (_, j) => j);
              const meanOf = (parts: NestedNumbers, c: number) =>
                all.reduce((total, j) => total + pick(parts, [0, j, c]), 0) / tokens;
              const output = y.toArray();
              for (const i of all.filter(isBlind)) {
                for (let c = 0; c < channels; c++)
                  expect(pick(output, [0, i, c])).to.be.closeTo(meanOf(values, 2 * channels + c), 1e-6);
              }
              // Scores of hidden keys are constants: only the values receive something.
              expectNumbers(
                qkv.grad!,
                qkv.shape,
                ([, , c]) => (c < 2 * channels ? 0 : meanOf(weights, c - 2 * channels)),
                1e-6,
              );
            });
          }
        });
      }

      for (const shape of [
        [2, 0, 12],
        [0, 3, 12],
        [2, 3, 0],
      ]) {
        it(`takes [${shape.join(", ")}], where there is nothing to do`, () => {
          scope(() => {
            const qkv = tensor([], { shape, dtype, requiresGrad: true });
            const y = multiHeadAttention(qkv, { heads: 2, causal: true, mask: tensor([1], { dtype }) });
            expect(y.shape).to.deep.equal([shape[0], shape[1], shape[2] / 3]);
            sum(y).backward();
            expect(qkv.grad!.shape).to.deep.equal(shape);
          });
        });
      }
    });
  }
});

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
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
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

describe("multiHeadAttention", () => {
  const packed = fc.record({
    batches: fc.integer({ min: 1, max: 2 }),
    tokens: fc.integer({ min: 1, max: 6 }),
    heads: fc.integer({ min: 1, max: 3 }),
    headSize: fc.integer({ min: 1, max: 4 }),
  });

  it("fused and readable agree, with causality and dropout, gradients too", () => {
    fc.assert(
      fc.property(
        packed,
        fc.boolean(),
        fc.boolean(),
        seeds,
        ({ batches, tokens, heads, headSize }, causal, drops, seed) => {
          scope(() => {
            const random = new Random(seed);
            const channels = heads * headSize;
            const values = normals(random, [batches, tokens, 3 * channels]);
            const weights = normals(random, [batches, tokens, channels]);
            const options = {
              heads,
              causal,
              ...(drops && { dropout: { probability: 0.3, seed: [random.bits(), random.bits()] as const } }),
            };
            const [fused, readable] = [multiHeadAttention, readableMultiHeadAttention].map((attend) => {
              const qkv = f64(values, { requiresGrad: true });
              const y = attend(qkv, options);
              sum(y.mul(f64(weights))).backward();
              return [y, qkv.grad!];
            });
            fused.forEach((actual, at) => {
              const expected = readable[at].toArray();
              expectNumbers(actual, readable[at].shape, (index) => pick(expected, index), 1e-11);
            });
          });
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  it("f32: fused and readable agree to 1e-5 of the largest entry, gradients too", () => {
    scope(() => {
      const random = new Random(4);
      const [values, weights] = [normals(random, [2, 19, 3 * 30]), normals(random, [2, 19, 30])];
      for (const causal of [false, true]) {
        const options = { heads: 3, causal, dropout: { probability: 0.2, seed: [5, 6] as const } };
        const [fused, readable] = [multiHeadAttention, readableMultiHeadAttention].map((attend) => {
          const qkv = tensor(values, { requiresGrad: true });
          const y = attend(qkv, options);
          sum(y.mul(tensor(weights))).backward();
          return [y, qkv.grad!];
        });
        fused.forEach((actual, at) => {
          const expected = readable[at].data;
          const largest = Math.max(...Array.from(expected, Math.abs));
          actual.data.forEach((value, index) => expect(value).to.be.closeTo(expected[index], 1e-5 * largest));
        });
      }
    });
  });

  it("takes a mask", () => {
    scope(() => {
      const random = new Random(5);
      const qkv = f64(normals(random, [2, 4, 12]));
      const mask = f64(build([4, 4], ([i, j]) => Number(j <= i)));
      const expected = multiHeadAttention(qkv, { heads: 2, causal: true }).toArray();
      expectNumbers(multiHeadAttention(qkv, { heads: 2, mask }), [2, 4, 4], (index) => pick(expected, index));
    });
  });
});

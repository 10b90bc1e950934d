import { expect } from "chai";
import fc from "fast-check";
import { gradcheck, noGrad, randn } from "../../src/autograd/index.ts";
import { DropoutKey, functionalCall, Gpt, MultiHeadAttention } from "../../src/nn/index.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { DType } from "../../src/tensor/storage.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectAllClose, expectClose } from "./expect-close.ts";
import { expectSameNumbers, maskedBatch, randomise, tinyBert } from "./tiny-models.ts";

interface Situation {
  batches: number;
  tokens: number;
  heads: number;
  headSize: number;
  causal: boolean;
  probability: number;
  seed: number;
}

/** Sizes that fill no vector and no tile, and some that do. */
const situations: fc.Arbitrary<Situation> = fc.record({
  batches: fc.integer({ min: 1, max: 3 }),
  tokens: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(16, 17, 33)),
  heads: fc.integer({ min: 1, max: 4 }),
  headSize: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(16)),
  causal: fc.boolean(),
  probability: fc.constantFrom(0, 0.3),
  seed: fc.nat(1e6),
});

function makeLayer({ heads, headSize, causal, probability, seed }: Situation): MultiHeadAttention {
  const layer = new MultiHeadAttention({ hidden: heads * headSize, heads, causal, dropout: probability });
  randomise(layer, seed);
  return layer.train();
}

const makeInput = ({ batches, tokens, heads, headSize, seed }: Situation, dtype: DType) =>
  randn([batches, tokens, heads * headSize], { random: new Random(seed), dtype });

/** The output of a layer, and all gradients of a fixed mixture of its elements, by name. */
function outcome(layer: MultiHeadAttention, input: Tensor, options: { fused: boolean; mask?: Tensor }) {
  layer.fused = options.fused;
  const leaf = (numbers: ArrayLike<number>, shape: readonly number[]) => {
    const tensor = Tensor.from(numbers, shape, input.dtype);
    tensor.requiresGrad = true;
    return tensor;
  };
  const parameters = new Map(
    [...layer.namedParameters()].map(([name, { numbers, shape }]) => [name, leaf(numbers, shape)]),
  );
  const x = leaf(input.numbers, input.shape);
  const output = functionalCall(layer, parameters, () =>
    layer.forward(x, { mask: options.mask, dropoutKey: DropoutKey.from(3) }),
  );
  const mixture = Float64Array.from({ length: output.size }, (_, index) => Math.sin(index + 1));
  output
    .mul(Tensor.from(mixture, output.shape, input.dtype))
    .sum()
    .backward();
  const gradients = [["input", x] as const, ...parameters].map(([name, { grad }]) => [name, grad!.numbers] as const);
  return new Map([["output", output.numbers] as const, ...gradients]);
}

/** softmax(Q·Kᵀ/√D)·V of a packed projection, written out; keys for which `sees` is false have no part in it. */
function attendByHand(
  qkv: ArrayLike<number>,
  { batches, tokens, heads, headSize }: Situation,
  sees: (batch: number, query: number, key: number) => boolean,
): Float64Array {
  const channels = heads * headSize;
  const out = new Float64Array(batches * tokens * channels);
  const at = (batch: number, token: number, part: number, channel: number) =>
    qkv[((batch * tokens + token) * 3 + part) * channels + channel];
  for (let batch = 0; batch < batches; batch++) {
    for (let head = 0; head < heads; head++) {
      const inHead = Array.from({ length: headSize }, (_, d) => head * headSize + d);
      for (let query = 0; query < tokens; query++) {
        const keys = Array.from({ length: tokens }, (_, key) => key).filter((key) => sees(batch, query, key));
        const weights = keys.map((key) =>
          Math.exp(
            inHead.reduce((dot, c) => dot + at(batch, query, 0, c) * at(batch, key, 1, c), 0) / Math.sqrt(headSize),
          ),
        );
        const total = weights.reduce((a, b) => a + b, 0);
        for (const c of inHead) {
          out[(batch * tokens + query) * channels + c] = keys.reduce(
            (sum, key, index) => sum + (weights[index] / total) * at(batch, key, 2, c),
            0,
          );
        }
      }
    }
  }
  return out;
}

describe("attention", () => {
  it("fused equals the readable composition, gradients and dropout too", () => {
    fc.assert(
      fc.property(situations, (situation) => {
        scope(() => {
          const layer = makeLayer(situation);
          const input = makeInput(situation, "f64");
          expectAllClose(outcome(layer, input, { fused: true }), outcome(layer, input, { fused: false }), 1e-11);
        });
      }),
      { seed: 71, numRuns: 40 },
    );
  });

  it("is softmax(QKᵀ/√D)·V over the keys that causality and mask leave", () => {
    fc.assert(
      fc.property(situations, fc.boolean(), (situation, isMasked) => {
        scope(() => {
          const layer = makeLayer(situation).eval();
          const { batches, tokens, causal, seed } = situation;
          const random = new Random(seed + 1);
          // A query always sees itself, so that there is something to attend to.
          const visible = Uint8Array.from({ length: batches * tokens * tokens }, (_, index) =>
            index % tokens === Math.floor(index / tokens) % tokens || random.integer(3) > 0 ? 1 : 0,
          );
          const mask = isMasked ? Tensor.from(visible, [batches, 1, tokens, tokens]) : undefined;
          const x = makeInput(situation, "f32");
          const attended = attendByHand(
            layer.qkv.forward(x).numbers,
            situation,
            (batch, query, key) =>
              !(causal && key > query) && !(isMasked && visible[(batch * tokens + query) * tokens + key] === 0),
          );
          const expected = layer.output.forward(Tensor.from(attended, x.shape));
          const actual = layer.forward(x, { mask });
          expectClose(actual.numbers, expected.numbers);
        });
      }),
      { seed: 73, numRuns: 80 },
    );
  });

  it("takes the lower triangle as a mask for what causal does, gradients too", () => {
    fc.assert(
      fc.property(situations, (situation) => {
        scope(() => {
          const { tokens } = situation;
          const triangle = Uint8Array.from({ length: tokens * tokens }, (_, index) =>
            index % tokens <= Math.floor(index / tokens) ? 1 : 0,
          );
          const input = makeInput(situation, "f64");
          const causal = outcome(makeLayer({ ...situation, causal: true }), input, { fused: true });
          const mask = Tensor.from(triangle, [tokens, tokens], "f64");
          const masked = outcome(makeLayer({ ...situation, causal: false }), input, { fused: true, mask });
          expectAllClose(masked, causal, 1e-11);
        });
      }),
      { seed: 74, numRuns: 20 },
    );
  });

  it("can be differentiated twice as a readable composition, and says so where it is fused", () => {
    const situation = { batches: 2, tokens: 3, heads: 2, headSize: 3, causal: true, probability: 0.2, seed: 5 };
    const layer = makeLayer(situation);
    const random = new Random(6);
    const input = makeInput(situation, "f64");
    const parameters = new Map(
      [...layer.namedParameters()].map(([name, { numbers, shape }]) => [name, Tensor.from(numbers, shape, "f64")]),
    );
    const f = (x: Tensor) =>
      functionalCall(layer, parameters, () => layer.forward(x, { dropoutKey: DropoutKey.from(1) }));
    layer.fused = false;
    gradcheck(f, [input], { random, order: 2 });
    layer.fused = true;
    gradcheck(f, [input], { random });
    expect(() => gradcheck(f, [input], { random, order: 2 })).to.throw('"multiHeadAttention" is a fused operation');
  });

  it("refuses heads that do not divide the hidden size", () => {
    const make = (hidden: number, heads: number) => () => new MultiHeadAttention({ hidden, heads, causal: true });
    expect(make(8, 3)).to.throw("MultiHeadAttention: 3 heads do not divide hidden size 8");
    expect(make(8, 0)).to.throw("MultiHeadAttention: 0 heads do not divide hidden size 8");
    expect(make(8, 0.5)).to.throw("MultiHeadAttention: 0.5 heads do not divide hidden size 8");
    expect(make(8, -2)).to.throw("MultiHeadAttention: -2 heads do not divide hidden size 8");
  });
});

describe("what a position sees", () => {
  const TOKENS = 6;
  const VOCABULARY = 11;

  for (const kernels of KERNEL_SETS) {
    it(`GPT, ${kernels} kernels: another token changes its own logits and later ones, no earlier bit`, () => {
      configureEngine({ kernels, threads: 1 });
      try {
        const tokens = 70;
        const model = new Gpt({ layers: 2, hidden: 8, heads: 2, context: tokens, vocabulary: VOCABULARY });
        randomise(model, 8);
        const logits = (ids: Int32Array) =>
          scope(() => noGrad(() => model.forward(Tensor.from(ids, [2, tokens], "i32")).toFlatArray()));
        const random = new Random(7);
        const ids = Int32Array.from({ length: 2 * tokens }, () => random.integer(VOCABULARY));
        const before = logits(ids);
        for (const changed of [0, 1, 2, 7, 8, 15, 31, 32, 33, 63, 64, 68, 69]) {
          const others = ids.slice();
          others[tokens + changed] = (ids[tokens + changed] + 1) % VOCABULARY;
          const after = logits(others);
          const firstChanged = (tokens + changed) * VOCABULARY;
          expectSameNumbers(after.subarray(0, firstChanged), before.subarray(0, firstChanged), `before ${changed}`);
          for (let start = firstChanged; start < before.length; start += VOCABULARY) {
            const [old, now] = [before, after].map((all) => Array.from(all.subarray(start, start + VOCABULARY)));
            expect(now, `position ${start / VOCABULARY - tokens}`).to.not.deep.equal(old);
          }
        }
      } finally {
        configureEngine();
      }
    });
  }

  it("BERT: every token changes the logits of every position of its sequence, and of no other", () => {
    const model = tinyBert({ layers: 2 });
    randomise(model, 8);
    const every = Tensor.from(
      Int32Array.from({ length: 18 }, (_, index) => index),
      [18],
      "i32",
    );
    const logits = (ids: Int32Array) =>
      scope(() => noGrad(() => model.forward(Tensor.from(ids, [3, TOKENS], "i32"), every).toFlatArray()));
    const ids = Int32Array.from(maskedBatch(0).inputs.indices);
    const before = logits(ids);
    ids[TOKENS + 5] = (ids[TOKENS + 5] + 1) % VOCABULARY;
    const after = logits(ids);
    for (let row = 0; row < 18; row++) {
      const [old, now] = [before, after].map((all) => all.subarray(row * VOCABULARY, (row + 1) * VOCABULARY));
      if (Math.floor(row / TOKENS) === 1) expect(Array.from(now)).to.not.deep.equal(Array.from(old));
      else expectSameNumbers(now, old, `row ${row}`);
    }
  });

  it("BERT: what stands under padding changes nothing, and the rest is as in a shorter sequence", () => {
    for (const norm of ["post", "pre"] as const) {
      scope(() =>
        noGrad(() => {
          const model = tinyBert({ layers: 2, norm });
          randomise(model, 8);
          const mask = Tensor.from([1, 1, 1, 1, 0, 0], [1, 1, 1, TOKENS]);
          const real = Tensor.from([0, 1, 2, 3], [4], "i32");
          const padded = (...filling: number[]) =>
            model.forward(Tensor.from([3, 1, 4, 1, ...filling], [1, TOKENS], "i32"), real, { mask }).numbers;
          const shorter = model.forward(Tensor.from([3, 1, 4, 1], [1, 4], "i32"), real).numbers;
          expectSameNumbers(padded(9, 2), padded(0, 0));
          expectClose(padded(9, 2), shorter);
        }),
      );
    }
  });
});

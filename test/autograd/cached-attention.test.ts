import { expect } from "chai";
import fc from "fast-check";
import { cachedAttention, readableCachedAttention, readableMultiHeadAttention } from "../../src/autograd/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const sizes = fc.record({
  heads: fc.integer({ min: 1, max: 3 }),
  headSize: fc.integer({ min: 1, max: 5 }),
  past: fc.integer({ min: 0, max: 9 }),
  tokens: fc.integer({ min: 1, max: 4 }),
  spare: fc.nat(3),
  seed: fc.nat(),
});

describe("attention to cached keys", () => {
  it("is the end of attention to the whole sequence, readable and fused, whatever stands behind", () => {
    fc.assert(
      fc.property(sizes, ({ heads, headSize, past, tokens, spare, seed }) => {
        scope(() => {
          const random = new Random(seed);
          const [length, channels] = [past + tokens, heads * headSize];
          const qkv = Float64Array.from({ length: length * 3 * channels }, () => random.normal());
          const whole = readableMultiHeadAttention(Tensor.from(qkv, [1, length, 3 * channels], "f64"), {
            heads,
            causal: true,
          });
          const expected = Array.from(whole.numbers.slice(past * channels));
          // By heads, with room behind the last position, where anything may stand.
          const kept = (part: number) => {
            const rows = Tensor.from(
              new Float64Array(heads * (length + spare) * headSize).fill(Number.NaN),
              [heads, length + spare, headSize],
              "f64",
            );
            for (let position = 0; position < length; position++) {
              for (let channel = 0; channel < channels; channel++) {
                const row = Math.floor(channel / headSize) * (length + spare) + position;
                const from = position * 3 * channels + part * channels + channel;
                rows.numbers[row * headSize + (channel % headSize)] = qkv[from];
              }
            }
            return rows;
          };
          const last = Tensor.from(qkv.slice(past * 3 * channels), [1, tokens, 3 * channels], "f64");
          for (const attend of [cachedAttention, readableCachedAttention]) {
            const attended = attend(last, kept(1), kept(2), { heads, past });
            expect(attended.shape).to.deep.equal([1, tokens, channels]);
            attended.numbers.forEach((value, index) => expect(value).to.be.closeTo(expected[index], 1e-12));
          }
        });
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("refuses what does not fit, with the numbers", () => {
    scope(() => {
      const zeros = (...shape: number[]) => Tensor.from(new Float32Array(shape.reduce((a, b) => a * b)), shape);
      const attend = (qkv: Tensor, keys: Tensor, values: Tensor, past = 2) =>
        cachedAttention(qkv, keys, values, { heads: 2, past });
      const keys = zeros(2, 4, 3);
      expect(() => attend(zeros(2, 1, 18), keys, keys)).to.throw(
        "[2, 1, 18] is not [1, T, 3·C] with C a multiple of 2 heads",
      );
      expect(() => attend(zeros(1, 1, 15), keys, keys)).to.throw("[1, 1, 15] is not [1, T, 3·C]");
      expect(() => attend(zeros(1, 1, 18), keys, keys, -1)).to.throw("past must be a whole number from 0, not -1");
      expect(() => attend(zeros(1, 3, 18), keys, keys)).to.throw(
        "keys [2, 4, 3] do not hold 5 positions of 2 heads of 3",
      );
      expect(() => attend(zeros(1, 1, 24), keys, keys)).to.throw("do not hold 3 positions of 2 heads of 4");
      expect(() => attend(zeros(1, 1, 18), keys, zeros(2, 5, 3))).to.throw(
        "values [2, 5, 3] differ from keys [2, 4, 3]",
      );
    });
  });
});

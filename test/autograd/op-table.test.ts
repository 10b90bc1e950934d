import { expect } from "chai";
import fc from "fast-check";
import { gradcheck } from "../../src/autograd/index.ts";
import type { OpRecord, Sample, SampleInput } from "../../src/autograd/op.ts";
import { defineOp } from "../../src/autograd/op.ts";
import { opTable } from "../../src/autograd/ops/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { formatShape, sizeOf } from "../../src/tensor/shape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const seeds = fc.integer({ min: 0, max: 1e9 });

function draw(input: SampleInput, random: Random): Tensor {
  const size = sizeOf(input.shape);
  const values = input.values?.(random, size) ?? Float64Array.from({ length: size }, () => random.normal());
  return Tensor.from(values, input.shape, input.dtype ?? "f64");
}

/** f as a function of the differentiable inputs alone. */
function differentiablePart(record: OpRecord<unknown>, sample: Sample<unknown>, random: Random) {
  const op = defineOp(record);
  const inputs = sample.inputs.map((input) => draw(input, random));
  const isFree = sample.inputs.map((input) => input.dtype !== "i32" && input.differentiable !== false);
  const f = (...free: Tensor[]) => {
    const left = [...free];
    return op(
      inputs.map((input, index) => (isFree[index] ? left.shift()! : input)),
      sample.options,
    );
  };
  return { f, free: inputs.filter((_, index) => isFree[index]) };
}

describe("the op table", () => {
  for (const [name, record] of opTable) {
    it(`${name}: has the declared shape`, () => {
      fc.assert(
        fc.property(seeds, (seed) => {
          scope(() => {
            const random = new Random(seed);
            const sample = record.sample(random);
            const inputs = sample.inputs.map((input) => draw(input, random));
            const declared = record.shape(
              inputs.map((input) => input.shape),
              sample.options,
            );
            expect(formatShape(defineOp(record)(inputs, sample.options).shape)).to.equal(formatShape(declared));
          });
        }),
        { seed: 1, numRuns: 30 },
      );
    });

    if (record.backward === undefined) continue;
    it(`${name}: its gradient equals finite differences`, () => {
      fc.assert(
        fc.property(seeds, (seed) => {
          scope(() => {
            const random = new Random(seed);
            const { f, free } = differentiablePart(record, record.sample(random), random);
            gradcheck(f, free, { random });
          });
        }),
        { seed: 2, numRuns: 40 },
      );
    });

    if (record.twice) {
      it(`${name}: the gradient of its gradient equals finite differences`, () => {
        fc.assert(
          fc.property(seeds, (seed) => {
            scope(() => {
              const random = new Random(seed);
              const { f, free } = differentiablePart(record, record.sample(random), random);
              gradcheck(
                (...inputs) => {
                  const y = f(...inputs);
                  return y.mul(y);
                },
                free,
                { random, order: 2 },
              );
            });
          }),
          { seed: 3, numRuns: 20 },
        );
      });
    } else {
      it(`${name}: refuses a second derivative`, () => {
        scope(() => {
          const random = new Random(4);
          const { f, free } = differentiablePart(record, record.sample(random), random);
          expect(() => gradcheck(f, free, { random, order: 2 })).to.throw(`"${name}" is a fused operation`);
        });
      });
    }
  }
});

import { expect } from "chai";
import fc from "fast-check";
import * as autograd from "../../src/autograd/index.ts";
import { clamp, dropout, expand, gelu, grad, pow, sum, tensor, where } from "../../src/autograd/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import {
  between,
  broadcastPairs,
  build,
  expectNumbers,
  f64,
  indicesOf,
  normals,
  pick,
  pickBroadcast,
  seeds,
  shapes,
} from "./nested.ts";

const operations = { ...autograd };

const BINARY = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
  pow: (a: number, b: number) => a ** b,
  maximum: Math.max,
  minimum: Math.min,
  equal: (a: number, b: number) => Number(a === b),
  notEqual: (a: number, b: number) => Number(a !== b),
  less: (a: number, b: number) => Number(a < b),
  lessEqual: (a: number, b: number) => Number(a <= b),
  greater: (a: number, b: number) => Number(a > b),
  greaterEqual: (a: number, b: number) => Number(a >= b),
} as const;

/** Φ by Simpson's rule from 0, independent of the engine's erf. */
function normalDistribution(x: number): number {
  const steps = 2000;
  const h = x / steps;
  const density = (at: number) => Math.exp(-0.5 * at * at) / Math.sqrt(2 * Math.PI);
  let total = density(0) + density(x);
  for (let step = 1; step < steps; step++) total += (step % 2 === 0 ? 2 : 4) * density(step * h);
  return 0.5 + (total * h) / 3;
}

const UNARY = {
  neg: (x: number) => -x,
  exp: Math.exp,
  log: (x: number) => Math.log(x),
  sqrt: (x: number) => Math.sqrt(x),
  abs: Math.abs,
  sign: Math.sign,
  tanh: Math.tanh,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  relu: (x: number) => Math.max(0, x),
  erf: (x: number) => 2 * normalDistribution(x * Math.SQRT2) - 1,
  gelu: (x: number) => x * normalDistribution(x),
  silu: (x: number) => x / (1 + Math.exp(-x)),
} as const;

describe("operations of two operands", () => {
  for (const [name, expected] of Object.entries(BINARY)) {
    const operation = operations[name as keyof typeof BINARY];
    const draw = (random: Random, shape: readonly number[]) =>
      // Halves, so that equal ones meet; positive where a power needs it.
      build(shape, () => (name === "pow" || name === "div" ? 1 : -2) + Math.round(4 * random.uniform()) / 2);

    it(`${name}: broadcasts like nested loops`, () => {
      fc.assert(
        fc.property(broadcastPairs, seeds, ({ a, b, whole }, seed) => {
          scope(() => {
            const random = new Random(seed);
            const [left, right] = [draw(random, a), draw(random, b)];
            expectNumbers(operation(f64(left), f64(right)), whole, (index) =>
              expected(pickBroadcast(left, a, index), pickBroadcast(right, b, index)),
            );
          });
        }),
        { seed: 1, numRuns: 60 },
      );
    });

    it(`${name}: takes a number for either operand`, () => {
      fc.assert(
        fc.property(shapes(), seeds, (shape, seed) => {
          scope(() => {
            const values = draw(new Random(seed), shape);
            expectNumbers(operation(f64(values), 1.5), shape, (index) => expected(pick(values, index), 1.5));
            expectNumbers(operation(1.5, f64(values)), shape, (index) => expected(1.5, pick(values, index)));
          });
        }),
        { seed: 2, numRuns: 20 },
      );
    });
  }

  it("a number has the other operand's element type", () => {
    scope(() => {
      expect(autograd.mul(f64([1]), 1 / 3).item()).to.equal(1 / 3);
      expect(autograd.add(tensor([1]), 1).dtype).to.equal("f32");
    });
  });

  it("empty tensors broadcast too", () => {
    scope(() => {
      expect(autograd.add(f64([]), 1).shape).to.deep.equal([0]);
      expect(autograd.mul(autograd.zeros([2, 0, 3]), autograd.ones([3])).shape).to.deep.equal([2, 0, 3]);
    });
  });

  it("maximum and minimum hand NaN on from either side", () => {
    scope(() => {
      const [x, y] = [f64([Number.NaN, 1]), f64([1, Number.NaN])];
      expect(autograd.maximum(x, y).toArray()).to.deep.equal([Number.NaN, Number.NaN]);
      expect(autograd.minimum(x, y).toArray()).to.deep.equal([Number.NaN, Number.NaN]);
    });
  });
});

describe("the gradient of a stretched operand", () => {
  it("is the sum over what it was stretched to", () => {
    fc.assert(
      fc.property(broadcastPairs, seeds, ({ a, b, whole }, seed) => {
        scope(() => {
          const random = new Random(seed);
          const [left, right, weights] = [normals(random, a), normals(random, b), normals(random, whole)];
          const [x, y] = [f64(left, { requiresGrad: true }), f64(right, { requiresGrad: true })];
          sum(x.mul(y).mul(f64(weights))).backward();
          const expectGradient = (
            gradient: Tensor,
            shape: readonly number[],
            other: (at: readonly number[]) => number,
          ) =>
            expectNumbers(gradient, shape, (own) => {
              let total = 0;
              for (const index of indicesOf(whole)) {
                const aligned = index.slice(whole.length - shape.length);
                if (own.every((at, axis) => shape[axis] === 1 || at === aligned[axis])) total += other(index);
              }
              return total;
            });
          expectGradient(x.grad!, a, (index) => pick(weights, index) * pickBroadcast(right, b, index));
          expectGradient(y.grad!, b, (index) => pick(weights, index) * pickBroadcast(left, a, index));
        });
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it("expand repeats", () => {
    fc.assert(
      fc.property(broadcastPairs, seeds, ({ a, whole }, seed) => {
        scope(() => {
          const values = normals(new Random(seed), a);
          expectNumbers(expand(f64(values), whole), whole, (index) => pickBroadcast(values, a, index));
        });
      }),
      { seed: 4, numRuns: 30 },
    );
  });
});

describe("functions of one operand", () => {
  for (const [name, expected] of Object.entries(UNARY)) {
    it(name, () => {
      fc.assert(
        fc.property(shapes(), seeds, (shape, seed) => {
          scope(() => {
            const positive = name === "log" || name === "sqrt";
            const values = between(new Random(seed), shape, positive ? 0.01 : -4, 4);
            expectNumbers(operations[name as keyof typeof UNARY](f64(values)), shape, (index) =>
              expected(pick(values, index)),
            );
          });
        }),
        { seed: 5, numRuns: 30 },
      );
    });
  }

  it("relu hands NaN on and makes −0 to 0", () => {
    scope(() => expect(autograd.relu(f64([Number.NaN, -0, -1])).toArray()).to.deep.equal([Number.NaN, 0, 0]));
  });

  it("gelu in GPT-2's form", () => {
    scope(() => {
      const values = between(new Random(6), [50], -5, 5);
      expectNumbers(gelu(f64(values), { approximate: "tanh" }), [50], (index) => {
        const x = pick(values, index);
        return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
      });
      expect(gelu(f64([1]), { approximate: "none" }).item()).to.equal(gelu(f64([1])).item());
    });
  });

  it("gradients of kinks: relu and abs 0 at 0; equal operands of maximum, minimum and clamp share", () => {
    const gradientAt = (x: number, f: (x: Tensor) => Tensor) =>
      scope(() => {
        const leaf = f64([x], { requiresGrad: true });
        sum(f(leaf)).backward();
        return leaf.grad!.item();
      });
    expect(gradientAt(0, autograd.relu)).to.equal(0);
    expect(gradientAt(0, autograd.abs)).to.equal(0);
    expect(gradientAt(2, (x) => x.maximum(2))).to.equal(0.5);
    expect(gradientAt(2, (x) => x.minimum(2))).to.equal(0.5);
    expect(gradientAt(2, (x) => x.maximum(x))).to.equal(1);
    expect(gradientAt(3, (x) => clamp(x, { maximum: 2 }))).to.equal(0);
    expect(gradientAt(1, (x) => clamp(x, { maximum: 2 }))).to.equal(1);
  });
});

describe("pow", () => {
  /** Value, first and second derivative with respect to the base. */
  const derivatives = (base: number, exponent: number) =>
    scope(() => {
      const x = f64(base, { requiresGrad: true });
      const first = (at: Tensor) => grad((y) => pow(y, exponent), { createGraph: true })(at);
      return [pow(x, exponent), first(x), grad(first)(x)].map((y) => y.item() + 0);
    });

  it("has derivatives at negative bases and at 0 for constant exponents", () => {
    expect(derivatives(-2, 3)).to.deep.equal([-8, 12, -12]);
    expect(derivatives(-3, 2)).to.deep.equal([9, -6, 2]);
    expect(derivatives(0, 2)).to.deep.equal([0, 0, 2]);
    expect(derivatives(0, 1)).to.deep.equal([0, 1, 0]);
    expect(derivatives(0, 0)).to.deep.equal([1, 0, 0]);
    expect(derivatives(-2, 0)).to.deep.equal([1, 0, 0]);
    expect(derivatives(2, -1)).to.deep.equal([0.5, -0.25, 0.25]);
  });

  it("does not let one element's undefined derivative into the others", () => {
    scope(() => {
      const [x, exponent] = [f64([-2, 0, 4], { requiresGrad: true }), f64([2, 2, 0.5], { requiresGrad: true })];
      sum(pow(x, exponent)).backward();
      expect(x.grad!.toArray()).to.deep.equal([-4, 0, 0.25]);
      const [negative, zero, positive] = exponent.grad!.toArray() as number[];
      expect(negative).to.be.NaN;
      expect(zero).to.equal(0);
      expect(positive).to.be.closeTo(2 * Math.log(4), 1e-15);
    });
  });
});

describe("clamp and where", () => {
  it("clamp holds between one or two bounds", () => {
    scope(() => {
      const values = normals(new Random(7), [40]);
      for (const [minimum, maximum] of [
        [-0.5, 0.7],
        [undefined, 0.1],
        [0.1, undefined],
        [undefined, undefined],
      ]) {
        expectNumbers(clamp(f64(values), { minimum, maximum }), [40], (index) =>
          Math.min(
            Math.max(pick(values, index), minimum ?? Number.NEGATIVE_INFINITY),
            maximum ?? Number.POSITIVE_INFINITY,
          ),
        );
      }
    });
  });

  it("where broadcasts all three, and sends the gradient to the side that was taken", () => {
    fc.assert(
      fc.property(broadcastPairs, seeds, fc.boolean(), ({ a, b, whole }, seed, swaps) => {
        scope(() => {
          const random = new Random(seed);
          const bits = build(a, () => random.integer(2));
          const [left, right] = [normals(random, whole), normals(random, b)];
          const [x, y] = [f64(left, { requiresGrad: true }), f64(right, { requiresGrad: true })];
          const condition = f64(bits);
          const result = swaps ? where(condition, y, x) : where(condition, x, y);
          const takesX = (index: readonly number[]) => (pickBroadcast(bits, a, index) !== 0) !== swaps;
          expectNumbers(result, whole, (index) => (takesX(index) ? pick(left, index) : pickBroadcast(right, b, index)));
          sum(result).backward();
          expectNumbers(x.grad!, whole, (index) => Number(takesX(index)));
          const others = indicesOf(whole).filter((index) => !takesX(index)).length;
          expect(sum(y.grad!).item()).to.equal(others);
        });
      }),
      { seed: 8, numRuns: 40 },
    );
  });

  it("where takes numbers, and keeps what it does not take out of the result", () => {
    scope(() => {
      const x = f64([-1, 4], { requiresGrad: true });
      const safe = where(x.greater(0), autograd.sqrt(x), 0);
      expect(safe.toArray()).to.deep.equal([0, 2]);
    });
  });
});

describe("dropout", () => {
  it("keeps elements over 1 − p or makes them 0; one seed drops the same ones, also in the gradient", () => {
    fc.assert(
      fc.property(shapes({ minimumRank: 1 }), seeds, fc.double({ min: 0, max: 0.9, noNaN: true }), (shape, seed, p) => {
        scope(() => {
          const random = new Random(seed);
          const values = between(random, shape, 1, 2);
          const x = f64(values, { requiresGrad: true });
          const options = { probability: p, seed: [random.bits(), random.bits()] as const };
          const y = dropout(x, options);
          const again = dropout(f64(values), options).toArray();
          expectNumbers(y, shape, (index) => pick(again, index));
          sum(y).backward();
          expectNumbers(y, shape, (index) => {
            const kept = pick(x.grad!.toArray(), index);
            expect(kept === 0 || Math.abs(kept - 1 / (1 - p)) < 1e-12).to.equal(true);
            return kept * pick(values, index);
          });
        });
      }),
      { seed: 9, numRuns: 30 },
    );
  });

  it("drops the asked share, others for another seed, and nothing at probability 0", () => {
    scope(() => {
      const x = autograd.ones([20000]);
      const shareOf = (y: Tensor) => autograd.mean(y.equal(0)).item();
      const [one, other] = [1, 2].map((low) => dropout(x, { probability: 0.3, seed: [low, 9] }));
      expect(shareOf(one)).to.be.closeTo(0.3, 0.02);
      expect(autograd.mean(one).item()).to.be.closeTo(1, 0.02);
      expect(shareOf(one.add(other))).to.be.closeTo(0.09, 0.01);
      expect(dropout(x, { probability: 0, seed: [1, 1] })).to.equal(x);
    });
  });
});

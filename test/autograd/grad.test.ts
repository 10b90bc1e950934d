import { expect } from "chai";
import fc from "fast-check";
import { gradientsOf } from "../../src/autograd/backward.ts";
import {
  crossEntropy,
  exp,
  gelu,
  grad,
  layerNorm,
  log,
  logSumExp,
  matmul,
  mul,
  multiHeadAttention,
  pow,
  readableLayerNorm,
  sigmoid,
  silu,
  softmax,
  sqrt,
  sum,
  tanh,
  tensor,
  valueAndGrad,
} from "../../src/autograd/index.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Parameter, type Tensor } from "../../src/tensor/tensor.ts";
import { build, expectNumbers, f64, normals, pick, seeds } from "./nested.ts";

describe("grad and valueAndGrad", () => {
  it("are functions: arguments keep no gradient and need not ask for one", () => {
    scope(() => {
      const [x, y] = [f64([1, 2]), f64([3, 4])];
      const f = (a: Tensor, b: Tensor) => sum(mul(mul(a, a), b));
      expect(grad(f)(x, y).toArray()).to.deep.equal([6, 16]);
      const { value, gradients } = valueAndGrad(f)(x, y);
      expect(value.item()).to.equal(19);
      expect(value.node).to.equal(null);
      expect(gradients.map((gradient) => gradient!.toArray())).to.deep.equal([
        [6, 16],
        [1, 4],
      ]);
      expect([x.grad, y.grad, x.requiresGrad]).to.deep.equal([null, null, false]);
    });
  });

  it("give null for indices, and zeros for what the value does not depend on", () => {
    scope(() => {
      const ids = tensor([1, 0], { dtype: "i32" });
      const { gradients } = valueAndGrad((logits, targets, unused) => {
        expect(unused.size).to.equal(3);
        return crossEntropy(logits, targets);
      })(
        f64([
          [0, 0],
          [0, 0],
        ]),
        ids,
        f64([1, 2, 3]),
      );
      expect(gradients[0]!.shape).to.deep.equal([2, 2]);
      expect(gradients[1]).to.equal(null);
      expect(gradients[2]!.toArray()).to.deep.equal([0, 0, 0]);
    });
  });

  it("leave the gradients of parameters alone", () => {
    scope(() => {
      const parameter = new Parameter([2], (values) => values.fill(3), "f64");
      const other = new Parameter([2], (values) => values.fill(5), "f64");
      const gradient = grad((w) => sum(mul(mul(w, w), other)))(parameter);
      expect(gradient.toArray()).to.deep.equal([30, 30]);
      expect([parameter.grad, other.grad]).to.deep.equal([null, null]);
    });
  });

  it("return tensors that outlive the call, and leave nothing else behind", () => {
    scope(() => {
      const x = f64(new Array(1000).fill(0.5));
      const before = memory.liveBytes;
      const gradient = grad((y) => sum(exp(mul(y, y))))(x);
      expect(memory.liveBytes - before).to.equal(8000);
      expect(pick(gradient.toArray(), [7])).to.be.closeTo(Math.exp(0.25), 1e-15);
    });
  });
});

describe("gradientsOf", () => {
  it("finds leaves and results on the way, each with the sum over its uses", () => {
    scope(() => {
      const x = f64([2], { requiresGrad: true });
      const between = mul(x, x);
      const y = sum(mul(between, between).add(between).add(x));
      const [ofX, ofBetween, ofY] = gradientsOf(y, [x, between, y]);
      expect([ofX, ofBetween, ofY].map((gradient) => gradient.item())).to.deep.equal([4 * 8 + 4 + 1, 9, 1]);
      expect(x.grad).to.equal(null);
    });
  });

  it("refuses targets that do not require gradients", () => {
    scope(() => {
      const x = f64([2], { requiresGrad: true });
      expect(() => gradientsOf(sum(x), [x, f64([1, 2])])).to.throw(
        "grad: target 1 of shape [2] does not require gradients",
      );
    });
  });
});

describe("second derivatives", () => {
  /** f″ for f applied element by element, through grad of grad. */
  const second = (f: (x: Tensor) => Tensor) => grad((x) => sum(grad((y) => sum(f(y)), { createGraph: true })(x)));
  const s = (x: number) => 1 / (1 + Math.exp(-x));
  const phi = (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  const CASES: Record<string, [(x: Tensor) => Tensor, (x: number) => number]> = {
    "x³": [(x) => mul(x, mul(x, x)), (x) => 6 * x],
    "x⁵ by pow": [(x) => pow(x, 5), (x) => 20 * x ** 3],
    "1/x": [(x) => x.mul(0).add(1).div(x), (x) => 2 / x ** 3],
    "e^(x²)": [(x) => exp(mul(x, x)), (x) => (2 + 4 * x * x) * Math.exp(x * x)],
    "ln x": [log, (x) => -1 / (x * x)],
    "√x": [sqrt, (x) => -0.25 * x ** -1.5],
    tanh: [tanh, (x) => -2 * Math.tanh(x) * (1 - Math.tanh(x) ** 2)],
    sigmoid: [sigmoid, (x) => s(x) * (1 - s(x)) * (1 - 2 * s(x))],
    silu: [silu, (x) => s(x) * (1 - s(x)) * (2 + x * (1 - 2 * s(x)))],
    gelu: [gelu, (x) => phi(x) * (2 - x * x)],
  };
  for (const [name, [f, expected]] of Object.entries(CASES)) {
    it(`${name}: equals its closed form`, () => {
      scope(() => {
        const values = Array.from({ length: 9 }, (_, index) => 0.3 + 0.2 * index);
        expectNumbers(second(f)(f64(values)), [9], ([index]) => expected(values[index]), 1e-11);
      });
    });
  }

  it("third derivatives too", () => {
    scope(() => {
      const third = grad((x) =>
        sum(grad((y) => sum(grad((z) => sum(pow(z, 4)), { createGraph: true })(y)), { createGraph: true })(x)),
      );
      expect(third(f64([1, 2])).toArray()).to.deep.equal([24, 48]);
    });
  });

  it("a Hessian times a vector: ½xᵀAx gives ½(A + Aᵀ)v, ln Σeˣ gives (diag p − ppᵀ)v", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), seeds, (n, seed) => {
        scope(() => {
          const random = new Random(seed);
          const [a, x, v] = [normals(random, [n, n]), normals(random, [n, 1]), normals(random, [n, 1])];
          const hessianTimes = (f: (x: Tensor) => Tensor) =>
            grad((at) => sum(mul(grad(f, { createGraph: true })(at), f64(v))))(f64(x));
          const quadratic = hessianTimes((at) => sum(mul(at, matmul(f64(a), at)).mul(0.5)));
          expectNumbers(quadratic, [n, 1], ([i]) => {
            let total = 0;
            for (let j = 0; j < n; j++) total += 0.5 * (pick(a, [i, j]) + pick(a, [j, i])) * pick(v, [j, 0]);
            return total;
          });
          const scores = build([n], ([i]) => Math.exp(pick(x, [i, 0]))) as number[];
          const p = scores.map((score) => score / scores.reduce((one, other) => one + other));
          expectNumbers(hessianTimes(logSumExp), [n, 1], ([i]) => {
            const mean = p.reduce((total, share, j) => total + share * pick(v, [j, 0]), 0);
            return p[i] * (pick(v, [i, 0]) - mean);
          });
        });
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it("a penalty on the gradient's norm trains through .grad", () => {
    scope(() => {
      const w = f64([3], { requiresGrad: true });
      sum(pow(w, 3)).backward({ createGraph: true });
      const slope = w.grad!;
      expect(slope.item()).to.equal(27);
      w.grad = null;
      // d/dw (3w²)² = 36w³
      sum(mul(slope, slope)).backward();
      expect(w.grad!.item()).to.be.closeTo(36 * 27, 1e-9);
    });
  });

  it("fused operations refuse with a sentence that names them; their readable forms go on", () => {
    scope(() => {
      const random = new Random(2);
      const row = f64(normals(random, [2, 6]));
      const [weight, bias] = [f64(normals(random, [6])), f64(normals(random, [6]))];
      const twice = (f: (x: Tensor) => Tensor, x: Tensor) =>
        grad((y) => sum(mul(grad((z) => sum(f(z)), { createGraph: true })(y), 1)))(x);
      const fused = {
        layerNorm: (x: Tensor) => layerNorm(x, weight, bias, { epsilon: 1e-5 }),
        crossEntropy: (x: Tensor) => crossEntropy(x, tensor([0, 1], { dtype: "i32" })),
        multiHeadAttention: (x: Tensor) => multiHeadAttention(x.reshape([1, 2, 6]), { heads: 1 }),
      };
      for (const [name, f] of Object.entries(fused)) {
        expect(() => twice(f, row)).to.throw(
          `backward: "${name}" is a fused operation without a second derivative; use its readable composition`,
        );
      }
      const smooth = (x: Tensor) => mul(readableLayerNorm(x, weight, bias, { epsilon: 1e-5 }), softmax(x));
      expect(twice(smooth, row).shape).to.deep.equal([2, 6]);
    });
  });

  it("grad of a gradient without createGraph says what is missing", () => {
    scope(() => {
      expect(() => grad((x) => sum(grad((y) => sum(mul(y, y)))(x)))(f64([1]))).to.throw(
        "has no history: nothing it was computed from requires gradients, or it is a gradient made without createGraph",
      );
    });
  });
});

import { expect } from "chai";
import {
  add,
  crossEntropy,
  defineOp,
  div,
  exp,
  gradcheck,
  matmul,
  mul,
  sub,
  sum,
  tensor,
} from "../../src/autograd/index.ts";
import { drawShape } from "../../src/autograd/ops/samples.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { f64, normals } from "./nested.ts";

/** x³ with a gradient that is `factor` times what it should be, and a gradient of the gradient that follows from it. */
const cube = (factor: number) => {
  const op = defineOp<undefined>({
    name: "cube",
    twice: true,
    shape: ([x]) => x,
    forward(call, [x]) {
      const out = call.allocate();
      x.numbers.forEach((value, index) => (out.numbers[index] = value ** 3));
      call.save(x);
      return out;
    },
    backward: ({ gradient, saved: [x] }) => [() => mul(gradient, mul(3 * factor, mul(x, x)))],
    sample: (random) => ({ inputs: [{ shape: drawShape(random) }], options: undefined }),
  });
  return (x: Tensor) => op([x], undefined);
};

const random = () => new Random(1);
const point = () => f64(normals(new Random(2), [3, 2]));

describe("gradcheck", () => {
  it("passes right gradients, of any order, of several inputs, with indices among them", () => {
    scope(() => {
      for (const order of [1, 2] as const) {
        gradcheck(cube(1), [point()], { random: random(), order });
        gradcheck((a, b) => matmul(a, exp(b), { transposeA: true }), [point(), point()], {
          random: random(),
          order,
        });
      }
      const targets = tensor([1, 0, 1], { dtype: "i32" });
      gradcheck((logits, wanted) => crossEntropy(logits, wanted), [point(), targets], { random: random() });
    });
  });

  it("throws with both numbers when a gradient is wrong, even by a thousandth", () => {
    scope(() => {
      for (const factor of [2, 1.001, 0, -1]) {
        expect(() => gradcheck(cube(factor), [point()], { random: random() })).to.throw(
          /gradcheck: the derivative along a random direction is -?[\d.]+ by finite differences, -?[\d.e-]+ by the gradient/,
        );
      }
      expect(() => gradcheck((x, y) => mul(exp(x), cube(1.001)(y)), [point(), point()], { random: random() })).to.throw(
        "by finite differences",
      );
    });
  });

  it("needs no generator", () => {
    scope(() => {
      gradcheck(exp, [point()]);
      expect(() => gradcheck(cube(1.001), [point()])).to.throw("by finite differences");
    });
  });

  it("sees a wrong gradient however small the function is, and lets rounding pass where the gradient vanishes", () => {
    const scaledExp = (factor: number, gradientFactor: number) => {
      const op = defineOp<undefined>({
        name: "scaledExp",
        twice: true,
        shape: ([x]) => x,
        forward(call, [x]) {
          const out = call.allocate();
          x.numbers.forEach((value, index) => (out.numbers[index] = factor * Math.exp(value)));
          call.save(x);
          return out;
        },
        backward: ({ gradient, saved: [x] }) => [() => mul(gradient, mul(gradientFactor, exp(x)))],
        sample: () => ({ inputs: [{ shape: [1] }], options: undefined }),
      });
      return (x: Tensor) => op([x], undefined);
    };
    scope(() => {
      for (const factor of [1e-12, 1, 1e12]) {
        gradcheck(scaledExp(factor, factor), [point()], { random: random() });
        for (const wrong of [0, 1.001 * factor]) {
          expect(() => gradcheck(scaledExp(factor, wrong), [point()], { random: random() })).to.throw(
            "by finite differences",
          );
        }
        // Constants with rounding in them.
        gradcheck((x) => mul(factor, div(exp(x), exp(x))), [point()], { random: random() });
        gradcheck((x) => mul(factor, sub(add(x, 3), x)), [point()], { random: random() });
      }
    });
  });

  it("order 2 sees a wrong second derivative behind a right first one", () => {
    const hidden = defineOp<undefined>({
      name: "hidden",
      twice: true,
      shape: ([x]) => x,
      forward(call, [x]) {
        const out = call.allocate();
        x.numbers.forEach((value, index) => (out.numbers[index] = value ** 2));
        call.save(x);
        return out;
      },
      // The right number, made from something without history.
      backward: ({ gradient, saved: [x] }) => [() => mul(gradient, mul(2, x.detach()))],
      sample: () => ({ inputs: [{ shape: [1] }], options: undefined }),
    });
    scope(() => {
      const f = (x: Tensor) => hidden([x], undefined);
      gradcheck(f, [point()], { random: random() });
      expect(() => gradcheck((x) => mul(f(x), x), [point()], { random: random(), order: 2 })).to.throw(
        "by finite differences",
      );
    });
  });

  it("refuses inputs of which none is f64", () => {
    scope(() => {
      expect(() => gradcheck((ids) => ids, [tensor([1], { dtype: "i32" })])).to.throw(
        "gradcheck: none of the inputs is f64",
      );
    });
  });

  it("refuses f32", () => {
    scope(() => {
      expect(() => gradcheck(exp, [tensor([1, 2])], { random: random() })).to.throw(
        "gradcheck: f32 is too coarse for finite differences; make the inputs with dtype f64",
      );
    });
  });

  it("leaves its inputs and the memory as they were", () => {
    scope(() => {
      const x = point();
      x.requiresGrad = true;
      const [values, before] = [x.toArray(), memory.liveBytes];
      gradcheck((at) => sum(exp(at)), [x], { random: random() });
      expect(x.toArray()).to.deep.equal(values);
      expect(x.grad).to.equal(null);
      expect(memory.liveBytes).to.equal(before);
    });
  });
});

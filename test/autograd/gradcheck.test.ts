import { expect } from "chai";
import { crossEntropy, defineOp, exp, gradcheck, matmul, mul, sum, tensor } from "../../src/autograd/index.ts";
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
        gradcheck(cube(1), [point()], { random: random(), order, tolerance: 1e-5 });
        gradcheck((a, b) => matmul(a, exp(b), { transposeA: true }), [point(), point()], {
          random: random(),
          order,
          tolerance: 1e-5,
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

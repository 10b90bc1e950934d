/** Adds an operation, x³, and checks its gradient and the gradient of its gradient: `npx node examples/add-an-operation.ts`. */

import { defineOp, gradcheck, mul, Random, randn } from "../src/index.ts";

const cubeOp = defineOp<undefined>({
  name: "cube",
  twice: true, // its gradient is made of operations, so it can be differentiated again
  shape: ([x]) => x,
  forward(call, [x]) {
    const out = call.allocate();
    x.numbers.forEach((value, index) => {
      out.numbers[index] = value ** 3;
    });
    call.save(x);
    return out;
  },
  backward: ({ gradient, saved: [x] }) => [() => mul(gradient, mul(3, mul(x, x)))],
  sample: (random) => ({ inputs: [{ shape: [1 + random.integer(5)] }], options: undefined }),
});

const random = new Random(1);
const x = randn([2, 3], { random, dtype: "f64" });
for (const order of [1, 2] as const) gradcheck((input) => cubeOp([input], undefined), [x], { random, order });
console.log(`${x}\ncubed:\n${cubeOp([x], undefined)}\nIts gradients agree with finite differences.`);

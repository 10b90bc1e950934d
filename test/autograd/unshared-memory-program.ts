/**
 * Prints what operations give whose parameters come into being while they run, in a memory that growth replaces: as in a
 * browser without SharedArrayBuffer.
 */

// The memory is made when its module is loaded.
Reflect.deleteProperty(globalThis, "SharedArrayBuffer");
const { linear, noGrad, projectedCrossEntropy } = await import("../../src/autograd/index.ts");
const { engineInfo } = await import("../../src/tensor/engine.ts");
const { Parameter, Tensor } = await import("../../src/tensor/tensor.ts");

const COLUMNS = 300_000;

/** Large enough for the memory to grow. */
const ones = (shape: number[]) => new Parameter(shape, (values) => values.fill(1));

const x = Tensor.from(new Float32Array(8).fill(1), [2, 4]);
const targets = Tensor.from([0, COLUMNS - 1], [2], "i32");
const sums = noGrad(() => linear(x, ones([4, COLUMNS]), ones([COLUMNS])));
const loss = noGrad(() => projectedCrossEntropy(x, ones([COLUMNS, 4]), targets, { bias: ones([COLUMNS]) }));
console.log(JSON.stringify({ shared: engineInfo().shared, sums: [...new Set(sums.numbers)], loss: loss.item() }));

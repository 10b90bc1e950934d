import { expect } from "chai";
import * as t from "../../src/autograd/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { ShapeError } from "../../src/tensor/shape.ts";
import { Parameter, Tensor } from "../../src/tensor/tensor.ts";

const f32 = (...shape: number[]) => t.zeros(shape);
const f64 = (...shape: number[]) => t.zeros(shape, { dtype: "f64" });
const i32 = (...values: number[]) => t.tensor(values, { dtype: "i32" });
const random = new Random(1);

/** What is done wrong, and all of what is said: the operation, the dimension, the numbers. */
const SHAPES: [wrong: () => unknown, message: string][] = [
  // Two operands
  [() => t.add(f32(2, 3), f32(2, 4)), "add: cannot broadcast [2, 3] with [2, 4]: axis −1 has sizes 3 and 4"],
  [() => t.sub(f32(2, 3), f32(3, 3)), "sub: cannot broadcast [2, 3] with [3, 3]: axis −2 has sizes 2 and 3"],
  [() => t.less(f32(2), f32(3)), "less: cannot broadcast [2] with [3]: axis −1 has sizes 2 and 3"],
  [() => f32(2).pow(f32(0)), "pow: cannot broadcast [2] with [0]: axis −1 has sizes 2 and 0"],
  [() => t.where(f32(2), f32(3), 0), "where: cannot broadcast [2] with [3]: axis −1 has sizes 2 and 3"],
  [() => t.expand(f32(2, 3), [3]), "expand: [2, 3] cannot be stretched to [3]"],
  // Shapes
  [() => t.reshape(f32(2, 3), [4]), "reshape: [2, 3] has 6 elements, [4] has 4"],
  [() => t.reshape(f32(2, 3), [4, -1]), "reshape: [2, 3] with 6 elements cannot become [4, -1]"],
  [() => t.reshape(f32(2, 3), [-1, -1]), "reshape: [2, 3] with 6 elements cannot become [-1, -1]"],
  [() => t.reshape(f32(6), [-2, -3]), "reshape: shape [-2, -3] has a size that is not a whole number ≥ 0: -2"],
  [() => t.reshape(f32(5), [2.5, 2]), "reshape: shape [2.5, 2] has a size that is not a whole number ≥ 0: 2.5"],
  [() => t.permute(f32(2, 3), [0]), "permute: [0] does not name each of the 2 axes of [2, 3] once"],
  [() => t.permute(f32(2, 3), [0, 0]), "permute: [0, 0] does not name each of the 2 axes of [2, 3] once"],
  [() => t.permute(f32(2, 3), [0, 2]), "permute: axis 2 does not exist in a tensor of 2 axes"],
  [() => t.transpose(f32(2)), "transpose: axis -2 does not exist in a tensor of 1 axes"],
  [() => t.slice(f32(2, 3), [null, [1, 4]]), "slice: [1, 4) does not lie inside axis 1 of [2, 3]"],
  [() => t.slice(f32(2, 3), [[-3]]), "slice: [-3, 2) does not lie inside axis 0 of [2, 3]"],
  [() => t.slice(f32(2, 3), [[1, 0]]), "slice: [1, 0) does not lie inside axis 0 of [2, 3]"],
  [() => t.slice(f32(2), [null, null]), "slice: 2 ranges for a tensor of 1 axes"],
  [() => t.concat([f32(2, 3), f32(2, 4)]), "concat: [2, 4] does not fit [2, 3] along axis 0"],
  [() => t.concat([f32(2), f32(2, 1)]), "concat: [2, 1] does not fit [2] along axis 0"],
  [() => t.concat([]), "concat: there is nothing to join"],
  [() => t.concat([f32(2)], { axis: 1 }), "concat: axis 1 does not exist in a tensor of 1 axes"],
  [() => t.stack([f32(2), f32(3)]), "stack: [3] is not of the first one's shape [2]"],
  [() => t.stack([]), "stack: there is nothing to join"],
  [() => t.split(f32(5), { sizes: [2, 2] }), "split: sizes [2, 2] add up to 4, axis 0 of [5] has 5"],
  [() => t.split(f32(2, 3), { sizes: [-1, 4], axis: 1 }), "split: sizes [-1, 4] are not all whole numbers ≥ 0"],
  [() => t.split(f32(3), { sizes: [1.5, 1.5] }), "split: sizes [1.5, 1.5] are not all whole numbers ≥ 0"],
  // Axes
  [() => t.sum(f32(2, 3), { axes: 2 }), "sum: axis 2 does not exist in a tensor of 2 axes"],
  [() => t.mean(f32(2, 3), { axes: [0, -3] }), "mean: axis -3 does not exist in a tensor of 2 axes"],
  [() => t.max(f32(2, 3), { axes: [1, -1] }), "max: axis 1 is named twice in [1, -1]"],
  [() => t.min(f32(2), { axes: 0.5 }), "min: axis 0.5 does not exist in a tensor of 1 axes"],
  [() => t.variance(f32(), { axes: 0 }), "variance: axis 0 does not exist in a tensor of 0 axes"],
  [() => t.logSumExp(f32(2), { axes: 1 }), "logSumExp: axis 1 does not exist in a tensor of 1 axes"],
  [() => t.argmax(f32(2), { axes: 1 }), "argmax: axis 1 does not exist in a tensor of 1 axes"],
  [() => t.softmax(f32(2), { axis: 1 }), "softmax: axis 1 does not exist in a tensor of 1 axes"],
  [() => t.logSoftmax(f32()), "logSoftmax: [] has no last axis to normalise"],
  // Products
  [() => t.matmul(f32(2, 3), f32(4, 5)), "matmul: inner dimensions differ in [2, 3] · [4, 5]: 3 and 4"],
  [
    () => t.matmul(f32(2, 3), f32(4, 3), { transposeA: true, transposeB: true }),
    "matmul: inner dimensions differ in [2, 3]ᵀ · [4, 3]ᵀ: 2 and 3",
  ],
  [() => t.matmul(f32(3), f32(3, 2)), "matmul: needs matrices, got [3] and [3, 2]"],
  [
    () => t.matmul(f32(2, 1, 3), f32(3, 3, 4)),
    "matmul (batch axes): cannot broadcast [2] with [3]: axis −1 has sizes 2 and 3",
  ],
  [
    () => t.linear(f32(2, 3), f32(4, 5), f32(5)),
    "linear: the last axis of [2, 3] is not the 4 inputs of weight [4, 5]",
  ],
  [() => t.linear(f32(2, 3), f32(4, 5)), "linear: the last axis of [2, 3] is not the 4 inputs of weight [4, 5]"],
  [() => t.linear(f32(2, 4), f32(4, 5), f32(4)), "linear: bias [4] does not fit the 5 outputs of [4, 5]"],
  // Layers and losses
  [
    () => t.layerNorm(f32(2, 3), f32(2), f32(3), { epsilon: 1e-5 }),
    "layerNorm: weight [2] and bias [3] do not fit the last axis of [2, 3]",
  ],
  [
    () => t.multiHeadAttention(f32(2, 3, 10), { heads: 2 }),
    "multiHeadAttention: [2, 3, 10] is not [B, T, 3·C] with C a multiple of 2 heads",
  ],
  ...[[2], [3, 3, 3], [2, 2, 3, 1, 3], [2, 0, 1, 1], [1, 1, 1, 1, 1]].map((mask): [() => unknown, string] => [
    () => t.multiHeadAttention(f32(2, 3, 12), { heads: 2, mask: f32(...mask) }),
    `multiHeadAttention: mask [${mask.join(", ")}] does not broadcast to scores [2, 2, 3, 3]`,
  ]),
  [() => t.embedding(f32(3), i32(0)), "embedding: the table must be [V, C], not [3]"],
  [() => t.crossEntropy(f32(2, 3), i32(0, 1, 2)), "crossEntropy: targets [3] do not fit logits [2, 3]"],
  [
    () => t.projectedCrossEntropy(f32(2, 3), f32(4, 3), i32(0, 1, 2)),
    "projectedCrossEntropy: targets [3] do not fit hidden states [2, 3]",
  ],
  [
    () => t.projectedCrossEntropy(f32(2, 3), f32(3, 4), i32(0, 1)),
    "projectedCrossEntropy: hidden states [2, 3] and table [3, 4] are not [R, C] and [V, C]",
  ],
  [
    () => t.projectedCrossEntropy(f32(2, 3), f32(4, 3), i32(0, 1), { bias: f32(3) }),
    "projectedCrossEntropy: bias [3] does not fit the 4 entries of table [4, 3]",
  ],
  [() => t.meanSquaredError(f32(3), f32(3, 1)), "meanSquaredError: prediction [3] and target [3, 1] differ"],
  [() => t.gather(f32(2, 3), i32(0, 1).reshape([1, 2])), "gather: indices [1, 2] do not fit [2, 3] outside axis 1"],
  // Indices out of range
  [() => t.indexSelect(f32(3, 2), i32(0, 3)), "indexSelect: index 3 is outside 0 … 2"],
  [() => t.indexSelect(f32(3, 2), i32(-1)), "indexSelect: index -1 is outside 0 … 2"],
  [() => t.gather(f32(3), i32(5)), "gather: index 5 is outside 0 … 2"],
  [() => t.embedding(f32(3, 2), i32(1, 7)), "embedding: index 7 is outside 0 … 2"],
  [() => t.crossEntropy(f32(2, 3), i32(0, 3)), "crossEntropy: target 3 is outside 0 … 2"],
  [() => t.crossEntropy(f32(2, 3), i32(0, -1)), "crossEntropy: target -1 is outside 0 … 2"],
  [() => t.projectedCrossEntropy(f32(2, 3), f32(4, 3), i32(0, 4)), "projectedCrossEntropy: target 4 is outside 0 … 3"],
  [() => t.oneHot(i32(0, 4), 4), "oneHot: id 4 is outside 0 … 3"],
  // Making tensors
  [() => t.tensor([[1, 2], [3]]), "tensor: ragged array: expected 2 entries at [1], found 1"],
  [() => t.tensor([[1, 2], 3]), "tensor: ragged array: expected 2 entries at [1], found the number 3"],
  [() => t.tensor([1, [2]]), "tensor: expected a number at [1], found an array of 1"],
  [() => t.tensor([1, "2" as never]), 'tensor: expected a number at [1], found "2"'],
  [() => t.tensor([1, 2, 3], { shape: [2] }), "tensor: 3 values do not fill shape [2], which has 2"],
  [() => t.zeros([2, -1]), "tensor: shape [2, -1] has a size that is not a whole number ≥ 0: -1"],
  [() => Tensor.from([1], [0.5]), "tensor: shape [0.5] has a size that is not a whole number ≥ 0: 0.5"],
  [
    () => new Parameter([Number.NaN], () => {}),
    "parameter: shape [NaN] has a size that is not a whole number ≥ 0: NaN",
  ],
  [() => f32(2).item(), "item: a tensor of shape [2] has 2 elements, not one"],
];

const OTHERS: [wrong: () => unknown, message: string][] = [
  // Element types
  [() => t.add(f32(2), f64(2)), "add: cannot mix f32 and f64 tensors"],
  [() => t.matmul(f64(2, 2), f32(2, 2)), "matmul: cannot mix f64 and f32 tensors"],
  [() => t.concat([f32(2), f64(2)]), "concat: cannot mix f32 and f64 tensors"],
  [
    () => t.multiHeadAttention(f32(1, 2, 6), { heads: 1, mask: f64(2) }),
    "multiHeadAttention: cannot mix f32 and f64 tensors",
  ],
  [
    () => t.multiHeadAttention(f64(1, 2, 6), { heads: 1, mask: f32(2) }),
    "multiHeadAttention: cannot mix f64 and f32 tensors",
  ],
  [
    () => t.multiHeadAttention(f32(1, 2, 6), { heads: 1, mask: i32(1, 0) }),
    "multiHeadAttention: input 1 of shape [2] is i32 where numbers (f32 or f64) are needed",
  ],
  [() => t.add(i32(1, 2), 1), "add: input 0 of shape [2] is i32 where numbers (f32 or f64) are needed"],
  [() => t.mul(f32(2), i32(1, 2)), "mul: input 1 of shape [2] is i32 where numbers (f32 or f64) are needed"],
  [() => t.sum(i32(1, 2)), "sum: input 0 of shape [2] is i32 where numbers (f32 or f64) are needed"],
  [() => t.embedding(f32(3, 2), f32(1)), "embedding: ids [1] must be i32, not f32"],
  [() => t.indexSelect(f32(3), f32(1)), "indexSelect: input 1 of shape [1] is f32 where indices (i32) are needed"],
  [() => t.gather(f32(3), f64(1)), "gather: input 1 of shape [1] is f64 where indices (i32) are needed"],
  [() => t.crossEntropy(f32(2, 3), f32(2)), "crossEntropy: input 1 of shape [2] is f32 where indices (i32) are needed"],
  [() => t.oneHot(f32(2), 3), "oneHot: ids [2] must be i32, not f32"],
  [() => t.zeros([1], { dtype: "f16" as never }), "tensor: dtype must be f32, f64 or i32, not f16"],
  [() => t.tensor([1], { dtype: "toString" as never }), "tensor: dtype must be f32, f64 or i32, not toString"],
  // Neither tensors nor numbers
  [() => t.add(f32(2), "x" as never), 'add: expected a tensor or a number, found "x"'],
  [() => f32(2).mul(undefined as never), "mul: expected a tensor or a number, found undefined"],
  [() => t.less([1, 2, 3] as never, f32(3)), "less: expected a tensor or a number, found an array of 3"],
  [() => t.where(f32(2), null as never, 0), "where: expected a tensor or a number, found null"],
  [() => t.gelu(f32(2), { approximate: "foo" as never }), 'gelu: approximate must be "none" or "tanh", not "foo"'],
  // What i32 does not hold
  ...(
    [
      [() => t.tensor([1, 1.5], { dtype: "i32" }), 1.5],
      [() => t.tensor([3e9], { dtype: "i32" }), 3e9],
      [() => t.tensor(Float32Array.of(Number.NaN), { dtype: "i32" }), Number.NaN],
      [() => t.full([2], -(2 ** 31) - 1, { dtype: "i32" }), -(2 ** 31) - 1],
      [() => t.arange({ end: 1, step: 0.25 }, { dtype: "i32" }), 0.25],
      [() => Tensor.from([2 ** 31], [1], "i32"), 2 ** 31],
    ] as const
  ).map(([wrong, value]): [() => unknown, string] => [
    wrong,
    `tensor: i32 holds whole numbers from -2147483648 to 2147483647, not ${value}`,
  ]),
  // Numbers out of range
  [() => t.clamp(f32(2), { minimum: 2, maximum: 1 }), "clamp: minimum 2 is above maximum 1"],
  [() => t.dropout(f32(2), { probability: 1, seed: [1, 2] }), "dropout: the probability must be in [0, 1), not 1"],
  [
    () => t.dropout(f32(2), { probability: Number.NaN, seed: [1, 2] }),
    "dropout: the probability must be in [0, 1), not NaN",
  ],
  [
    () => t.crossEntropy(f32(1, 3), i32(0), { labelSmoothing: 1 }),
    "crossEntropy: labelSmoothing must be in [0, 1), not 1",
  ],
  [
    () => t.projectedCrossEntropy(f32(1, 3), f32(4, 3), i32(0), { labelSmoothing: -0.1 }),
    "projectedCrossEntropy: labelSmoothing must be in [0, 1), not -0.1",
  ],
  [
    () => t.projectedCrossEntropy(f32(1, 3), f32(4, 3), i32(0), { chunkRows: 0.5 }),
    "projectedCrossEntropy: chunkRows must be a whole number from 1, not 0.5",
  ],
  [
    () => t.projectedCrossEntropy(f32(2, 3), f32(4, 3), i32(-1, -1), { ignoreIndex: -1 }),
    "projectedCrossEntropy: all 2 targets are -1, which is ignored; their mean does not exist",
  ],
  [() => t.exp("x" as never), 'exp: input 0 is "x", not a tensor'],
  [() => t.tanh(1 as never), "tanh: input 0 is the number 1, not a tensor"],
  [() => t.clamp(f32(2), { minimum: Number.NaN }), "clamp: a bound must be a number, not NaN"],
  [
    () => t.crossEntropy(f32(2, 3), i32(-100, -100)),
    "crossEntropy: all 2 targets are -100, which is ignored; their mean does not exist",
  ],
  [
    () => t.multiHeadAttention(f32(1, 2, 6), { heads: 1, dropout: { probability: -1, seed: [random.bits(), 1] } }),
    "multiHeadAttention: the probability must be in [0, 1), not -1",
  ],
  ...[0, -2, 0.5, Number.NaN].map((heads): [() => unknown, string] => [
    () => t.multiHeadAttention(f32(1, 2, 12), { heads }),
    `multiHeadAttention: heads must be a whole number from 1, not ${heads}`,
  ]),
];

/** What is thrown inside a scope. */
function errorOf(wrong: () => unknown): Error {
  try {
    scope(wrong);
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was refused");
}

describe("a mistake is answered in one sentence with operation, dimension and numbers", () => {
  for (const [wrong, message] of SHAPES) {
    it(message, () => {
      const error = errorOf(wrong);
      expect(error.message).to.equal(message);
      expect(error).to.be.instanceOf(ShapeError);
    });
  }
  for (const [wrong, message] of OTHERS) it(message, () => expect(errorOf(wrong).message).to.equal(message));
});

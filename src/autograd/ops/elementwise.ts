/** Element-by-element operations: arithmetic with broadcasting, functions of one number, comparison and choice. */

import type { BinaryLayout, DropoutSeed, Kernels, UnaryBackwardKernel } from "../../tensor/kernels.ts";
import { broadcastShapes, formatShape, type Shape, ShapeError, sameShape, stridesOf } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { describe } from "../describe.ts";
import { type BackwardCall, defineOp, type GradientRule, type Op, type Sample, type SampleInput } from "../op.ts";
import { awayFromZero, between, drawBroadcastPair, drawShape } from "./samples.ts";

/** A tensor, or a number that stands for a tensor of that value. */
export type Operand = Tensor | number;

type Values = SampleInput["values"];

/** A number as a scalar tensor of the other operand's element type. @throws for what is neither. */
function asTensor(operation: string, operand: Operand, partner: Operand): Tensor {
  if (operand instanceof Tensor) return operand;
  if (typeof operand !== "number")
    throw new Error(`${operation}: expected a tensor or a number, found ${describe(operand)}`);
  return Tensor.from([operand], [], partner instanceof Tensor && partner.dtype === "f64" ? "f64" : "f32");
}

// ---- two operands

type BinaryName = "add" | "sub" | "mul" | "div" | "pow" | "maximum" | "minimum" | "equal" | "less" | "lessEqual";

function binaryOp(
  name: BinaryName,
  details: {
    saves?: boolean;
    backward?: (call: BackwardCall<undefined>, a: Tensor, b: Tensor) => [GradientRule, GradientRule];
    values?: [Values, Values];
  },
): Op<undefined> {
  const { backward, saves = true, values = [undefined, undefined] } = details;
  return defineOp<undefined>({
    name,
    twice: true,
    shape: ([a, b]) => broadcastShapes(name, a, b),
    forward(call, [a, b]) {
      const out = call.allocate();
      runBinary(call.kernels[name], a, b, out);
      if (saves) call.save(a, b);
      return out;
    },
    ...(backward && { backward: (call) => backward(call, call.saved[0], call.saved[1]) }),
    sample(random, longest) {
      const [a, b] = drawBroadcastPair(random, longest);
      return {
        inputs: [
          { shape: a, values: values[0] },
          { shape: b, values: values[1] },
        ],
        options: undefined,
      };
    },
  });
}

/** Runs a two-operand kernel over the broadcast shape, in as few calls as the strides allow. */
function runBinary(kernel: Kernels["add"], a: Tensor, b: Tensor, out: Tensor): void {
  const left = a.numbers;
  const right = b.numbers;
  const result = out.numbers;
  if (sameShape(a.shape, b.shape)) return kernel(left, right, result, flatLayout(result.length, 1, 1));
  const axes = mergedAxes(out.shape, a.shape, b.shape);
  const columns = axes.pop() ?? { size: 1, a: 0, b: 0 };
  const rows = axes.pop() ?? { size: 1, a: 0, b: 0 };
  const layout: BinaryLayout = {
    rows: rows.size,
    columns: columns.size,
    outStart: 0,
    aStart: 0,
    aRow: rows.a,
    aColumn: columns.a,
    bStart: 0,
    bRow: rows.b,
    bColumn: columns.b,
  };
  const walk = (depth: number): void => {
    if (depth === axes.length) {
      kernel(left, right, result, layout);
      layout.outStart += layout.rows * layout.columns;
      return;
    }
    const axis = axes[depth];
    for (let index = 0; index < axis.size; index++) {
      walk(depth + 1);
      layout.aStart += axis.a;
      layout.bStart += axis.b;
    }
    layout.aStart -= axis.size * axis.a;
    layout.bStart -= axis.size * axis.b;
  };
  if (result.length > 0) walk(0);
}

function flatLayout(length: number, aColumn: number, bColumn: number): BinaryLayout {
  return { rows: 1, columns: length, outStart: 0, aStart: 0, aRow: 0, aColumn, bStart: 0, bRow: 0, bColumn };
}

/** The axes of the output with both operands' strides, neighbours merged where both walk on evenly. */
function mergedAxes(shape: Shape, a: Shape, b: Shape): { size: number; a: number; b: number }[] {
  const aStrides = broadcastStrides(a, shape.length);
  const bStrides = broadcastStrides(b, shape.length);
  const axes: { size: number; a: number; b: number }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = axes.at(-1);
    if (last !== undefined && last.a === aStrides[axis] * size && last.b === bStrides[axis] * size) {
      last.size *= size;
      last.a = aStrides[axis];
      last.b = bStrides[axis];
    } else axes.push({ size, a: aStrides[axis], b: bStrides[axis] });
  });
  return axes;
}

/** Row-major strides, 0 along the axes that stretch. */
export function broadcastStrides(shape: Shape, rank: number): number[] {
  const strides = stridesOf(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  return [...new Array<number>(rank - shape.length).fill(0), ...strides];
}

export const addOp = binaryOp("add", { saves: false, backward: ({ gradient }) => [() => gradient, () => gradient] });
export const subOp = binaryOp("sub", {
  saves: false,
  backward: ({ gradient }) => [() => gradient, () => neg(gradient)],
});
export const mulOp = binaryOp("mul", {
  backward: ({ gradient }, a, b) => [() => mul(gradient, b), () => mul(gradient, a)],
});
export const divOp = binaryOp("div", {
  backward: ({ gradient }, a, b) => [() => div(gradient, b), () => neg(mul(gradient, div(a, mul(b, b))))],
  values: [undefined, awayFromZero(0.5)],
});
export const powOp = binaryOp("pow", {
  backward: ({ gradient }, a, b) => [
    // a⁰ is 1 also at 0, where b·aᵇ⁻¹ would be 0·∞.
    () => mul(gradient, mul(b, pow(a, sub(where(mul(equal(a, 0), equal(b, 0)), 1, b), 1)))),
    // aᵇ·ln a tends to 0 with a for b > 0; a negative base has no derivative here and gives NaN.
    () => mul(gradient, where(equal(a, 0), 0, mul(pow(a, b), log(a)))),
  ],
  values: [between(0.5, 2), between(-2, 2)],
});
/** Where the two are equal each gets half. */
const chosen = (wins: Tensor, a: Tensor, b: Tensor) => add(wins, mul(equal(a, b), 0.5));
const halvesApart: [Values, Values] = [
  between(0, 1),
  (random, size) => Array.from({ length: size }, () => (random.integer(2) === 0 ? -1 : 1.2) + 0.5 * random.uniform()),
];
export const maximumOp = binaryOp("maximum", {
  backward: ({ gradient }, a, b) => [
    () => mul(gradient, chosen(less(b, a), a, b)),
    () => mul(gradient, chosen(less(a, b), a, b)),
  ],
  values: halvesApart,
});
export const minimumOp = binaryOp("minimum", {
  backward: ({ gradient }, a, b) => [
    () => mul(gradient, chosen(less(a, b), a, b)),
    () => mul(gradient, chosen(less(b, a), a, b)),
  ],
  values: halvesApart,
});
const coarse: Values = (random, size) => Array.from({ length: size }, () => random.integer(3));
export const equalOp = binaryOp("equal", { values: [coarse, coarse] });
export const lessOp = binaryOp("less", { values: [coarse, coarse] });
export const lessEqualOp = binaryOp("lessEqual", { values: [coarse, coarse] });

function binary(op: Op<undefined>): (a: Operand, b: Operand) => Tensor {
  const { name } = op.record;
  return (a, b) => op([asTensor(name, a, b), asTensor(name, b, a)], undefined);
}

/** a + b, broadcast. */
export const add = binary(addOp);
/** a − b, broadcast. */
export const sub = binary(subOp);
/** a·b element by element, broadcast. */
export const mul = binary(mulOp);
/** a/b, broadcast. */
export const div = binary(divOp);
/** aᵇ, broadcast; the gradient of b asks for a ≥ 0. */
export const pow = binary(powOp);
/** The larger of a and b, broadcast; equal operands share the gradient. */
export const maximum = binary(maximumOp);
/** The smaller of a and b, broadcast; equal operands share the gradient. */
export const minimum = binary(minimumOp);
/** 1 where a = b, else 0, broadcast; no gradient. */
export const equal = binary(equalOp);
/** 1 where a ≠ b, else 0, broadcast; no gradient. */
export const notEqual = (a: Operand, b: Operand) => sub(1, equal(a, b));
/** 1 where a < b, else 0, broadcast; no gradient. */
export const less = binary(lessOp);
/** 1 where a ≤ b, else 0, broadcast; no gradient. */
export const lessEqual = binary(lessEqualOp);
/** 1 where a > b, else 0, broadcast; no gradient. */
export const greater = (a: Operand, b: Operand) => less(b, a);
/** 1 where a ≥ b, else 0, broadcast; no gradient. */
export const greaterEqual = (a: Operand, b: Operand) => lessEqual(b, a);

// ---- one operand

type UnaryName =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "abs"
  | "sign"
  | "tanh"
  | "sigmoid"
  | "relu"
  | "erf"
  | "gelu"
  | "geluTanh"
  | "silu";

function unaryOp(
  name: UnaryName,
  details: {
    /** Which of input and output the gradient needs. */
    saves?: "input" | "output";
    /** The gradient in operations. */
    backward?: (gradient: Tensor, saved: Tensor) => Tensor;
    /** The same in one pass over memory, where training is worth it. */
    fused?: "geluBackward" | "geluTanhBackward" | "siluBackward";
    values?: Values;
  },
): Op<undefined> {
  const { saves, backward, fused, values } = details;
  return defineOp<undefined>({
    name,
    twice: true,
    shape: ([x]) => x,
    forward(call, [x]) {
      const out = call.allocate();
      call.kernels[name](x.numbers, out.numbers);
      if (saves !== undefined) call.save(saves === "input" ? x : out);
      return out;
    },
    ...(backward && {
      backward: (call) => {
        const { gradient, saved, createGraph } = call;
        if (fused !== undefined && !createGraph) return [() => runUnaryBackward(call, call.kernels[fused])];
        return [() => backward(gradient, saved[0])];
      },
    }),
    sample: (random, longest) => ({ inputs: [{ shape: drawShape(random, { longest }), values }], options: undefined }),
  });
}

function runUnaryBackward({ gradient, saved, allocate }: BackwardCall<undefined>, kernel: UnaryBackwardKernel): Tensor {
  const out = allocate(gradient.shape);
  kernel(saved[0].numbers, gradient.numbers, out.numbers);
  return out;
}

const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;

/** Φ(x) + x·φ(x). */
function geluDerivative(x: Tensor): Tensor {
  const distribution = mul(0.5, add(1, erf(mul(x, Math.SQRT1_2))));
  const density = mul(exp(mul(-0.5, mul(x, x))), 1 / Math.sqrt(2 * Math.PI));
  return add(distribution, mul(x, density));
}

function geluTanhDerivative(x: Tensor): Tensor {
  const square = mul(x, x);
  const t = tanh(mul(GELU_SCALE, mul(x, add(1, mul(GELU_CUBE, square)))));
  const slope = mul(GELU_SCALE, add(1, mul(3 * GELU_CUBE, square)));
  return add(mul(0.5, add(1, t)), mul(mul(0.5, x), mul(sub(1, mul(t, t)), slope)));
}

export const negOp = unaryOp("neg", { backward: (g) => neg(g) });
export const expOp = unaryOp("exp", { saves: "output", backward: (g, y) => mul(g, y) });
export const logOp = unaryOp("log", { saves: "input", backward: (g, x) => div(g, x), values: between(0.3, 3) });
export const sqrtOp = unaryOp("sqrt", {
  saves: "output",
  backward: (g, y) => div(g, mul(2, y)),
  values: between(0.3, 3),
});
export const absOp = unaryOp("abs", { saves: "input", backward: (g, x) => mul(g, sign(x)), values: awayFromZero() });
export const signOp = unaryOp("sign", { values: awayFromZero() });
export const tanhOp = unaryOp("tanh", { saves: "output", backward: (g, y) => mul(g, sub(1, mul(y, y))) });
export const sigmoidOp = unaryOp("sigmoid", { saves: "output", backward: (g, y) => mul(g, mul(y, sub(1, y))) });
export const reluOp = unaryOp("relu", {
  saves: "output",
  backward: (g, y) => mul(g, less(0, y)),
  values: awayFromZero(),
});
export const erfOp = unaryOp("erf", {
  saves: "input",
  backward: (g, x) => mul(g, mul(2 / Math.sqrt(Math.PI), exp(neg(mul(x, x))))),
});
export const geluOp = unaryOp("gelu", {
  saves: "input",
  fused: "geluBackward",
  backward: (g, x) => mul(g, geluDerivative(x)),
});
export const geluTanhOp = unaryOp("geluTanh", {
  saves: "input",
  fused: "geluTanhBackward",
  backward: (g, x) => mul(g, geluTanhDerivative(x)),
});
export const siluOp = unaryOp("silu", {
  saves: "input",
  fused: "siluBackward",
  backward: (g, x) => {
    const s = sigmoid(x);
    return mul(g, mul(s, add(1, mul(x, sub(1, s)))));
  },
});

const unary = (op: Op<undefined>) => (x: Tensor) => op([x], undefined);

/** −x. */
export const neg = unary(negOp);
/** eˣ. */
export const exp = unary(expOp);
/** ln x. */
export const log = unary(logOp);
/** √x. */
export const sqrt = unary(sqrtOp);
/** |x|; gradient 0 at 0. */
export const abs = unary(absOp);
/** −1, 0 or 1; no gradient. */
export const sign = unary(signOp);
/** Hyperbolic tangent. */
export const tanh = unary(tanhOp);
/** 1/(1 + e⁻ˣ). */
export const sigmoid = unary(sigmoidOp);
/** max(x, 0); gradient 0 at 0. */
export const relu = unary(reluOp);
/** The error function, 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = unary(erfOp);
/** x·sigmoid(x). */
export const silu = unary(siluOp);

/** Forms of GELU: exact, with the normal distribution function Φ, or GPT-2's with tanh. */
export type GeluForm = "none" | "tanh";

/**
 * x·Φ(x), Φ the normal distribution function; with `approximate: "tanh"` GPT-2's form ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
 * @throws for another approximation.
 */
export function gelu(x: Tensor, { approximate = "none" }: { approximate?: GeluForm } = {}): Tensor {
  checkGeluForm("gelu", approximate);
  return approximate === "none" ? geluOp([x], undefined) : geluTanhOp([x], undefined);
}

/** @throws for what is no form of GELU. */
export function checkGeluForm(name: string, approximate: GeluForm): void {
  if (approximate !== "none" && approximate !== "tanh")
    throw new Error(`${name}: approximate must be "none" or "tanh", not ${describe(approximate)}`);
}

/** x held between two bounds; the gradient is 0 outside. */
export function clamp(x: Tensor, { minimum: low, maximum: high }: { minimum?: number; maximum?: number }): Tensor {
  if (Number.isNaN(low) || Number.isNaN(high)) throw new Error(`clamp: a bound must be a number, not NaN`);
  if (low !== undefined && high !== undefined && low > high)
    throw new Error(`clamp: minimum ${low} is above maximum ${high}`);
  const raised = low === undefined ? x : maximum(x, low);
  return high === undefined ? raised : minimum(raised, high);
}

// ---- choice and dropout

export const whereOp = defineOp<undefined>({
  name: "where",
  twice: true,
  shape([condition, a, b]) {
    const shape = broadcastShapes("where", condition, broadcastShapes("where", a, b));
    if (![condition, a, b].every((input) => sameShape(input, shape))) {
      throw new ShapeError(`where: the operands ${[condition, a, b].map(formatShape).join(", ")} are not of one shape`);
    }
    return shape;
  },
  forward(call, [condition, a, b]) {
    const out = call.allocate();
    call.kernels.where(condition.numbers, a.numbers, b.numbers, out.numbers);
    call.save(condition);
    return out;
  },
  backward({ gradient, saved: [condition] }) {
    return [null, () => where(condition, gradient, 0), () => where(condition, 0, gradient)];
  },
  sample(random, longest) {
    const shape = drawShape(random, { longest });
    return { inputs: [{ shape, values: coarse, differentiable: false }, { shape }, { shape }], options: undefined };
  },
});

/** a where the condition is not 0, else b; all three broadcast. The gradient goes to the side that was taken. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const left = asTensor("where", a, condition);
  const right = asTensor("where", b, condition);
  const shape = broadcastShapes("where", condition.shape, broadcastShapes("where", left.shape, right.shape));
  return whereOp(
    [condition, left, right].map((x) => expand(x, shape)),
    undefined,
  );
}

export const expandOp = defineOp<{ shape: Shape }>({
  name: "expand",
  twice: true,
  moves: true,
  shape([x], { shape }) {
    if (!sameShape(broadcastShapes("expand", x, shape), shape)) {
      throw new ShapeError(`expand: ${formatShape(x)} cannot be stretched to ${formatShape(shape)}`);
    }
    return shape;
  },
  forward(call, [x]) {
    const out = call.allocate();
    call.kernels.copyStrided(x.data, out.data, {
      sizes: call.shape,
      strides: broadcastStrides(x.shape, call.shape.length),
      start: 0,
    });
    return out;
  },
  // The engine sums over stretched axes by itself.
  backward: ({ gradient }) => [() => gradient],
  sample(random, longest): Sample<{ shape: Shape }> {
    const shape = drawShape(random, { longest });
    return { inputs: [{ shape: shape.map((size) => (random.integer(2) === 0 ? 1 : size)) }], options: { shape } };
  },
});

/** x stretched to a shape that it broadcasts to. */
export function expand(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : expandOp([x], { shape });
}

/** Refuses what is not in [0, 1). */
export function checkProbability(operation: string, probability: number): void {
  if (!(probability >= 0 && probability < 1))
    throw new Error(`${operation}: the probability must be in [0, 1), not ${probability}`);
}

export const dropoutOp = defineOp<{ probability: number; seed: DropoutSeed }>({
  name: "dropout",
  twice: true,
  shape: ([x]) => x,
  forward(call, [x]) {
    const out = call.allocate();
    call.kernels.dropout(x.numbers, out.numbers, call.options);
    return out;
  },
  backward: ({ gradient, options }) => [() => dropout(gradient, options)],
  sample: (random, longest) => ({
    inputs: [{ shape: drawShape(random, { longest }) }],
    options: { probability: 0.3, seed: [random.bits(), random.bits()] },
  }),
});

/**
 * x with elements set to 0 with the given probability and the others divided by 1 − probability.
 * Which ones depends on the seed and the element's index alone: the same seed drops the same elements.
 * @throws when the probability is not in [0, 1).
 */
export function dropout(x: Tensor, options: { probability: number; seed: DropoutSeed }): Tensor {
  const { probability } = options;
  checkProbability("dropout", probability);
  return probability === 0 ? x : dropoutOp([x], options);
}

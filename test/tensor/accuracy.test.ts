import { expect } from "chai";
import { createEngine } from "../../src/tensor/engine.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { referenceKernels } from "../../src/tensor/reference-kernels.ts";
import { TESTED_VARIANTS } from "../variants.ts";

type Unary = "exp" | "log" | "tanh" | "sigmoid" | "erf" | "gelu" | "geluTanh";
type Backward = "geluBackward" | "geluTanhBackward";

interface Accuracy {
  name: Unary | Backward;
  interval: [number, number];
  bound: number;
  /** What the error is divided by. */
  by: (x: number, y: number) => number;
}

const itself = (_: number, y: number) => y;
const argument = (x: number) => x;
const nothing = () => 1;

/** The bounds that the comments in src/tensor/assembly/lanes.ts and gelu.ts name. */
const ACCURACIES: Accuracy[] = [
  { name: "exp", interval: [-87.3, 88.3], bound: 1e-7, by: itself },
  { name: "exp", interval: [88.3, 88.72], bound: 6e-6, by: itself },
  { name: "log", interval: [1e-38, 3e38], bound: 1.1e-7, by: itself },
  { name: "log", interval: [0.5, 2], bound: 1.1e-7, by: itself },
  { name: "tanh", interval: [-12, 12], bound: 1.1e-7, by: itself },
  { name: "sigmoid", interval: [-87.3, 30], bound: 1.6e-7, by: itself },
  { name: "erf", interval: [-6, 6], bound: 1.8e-7, by: itself },
  { name: "gelu", interval: [-30, 30], bound: 1.8e-7, by: argument },
  { name: "geluTanh", interval: [-30, 30], bound: 1.3e-7, by: argument },
  { name: "geluBackward", interval: [-30, 30], bound: 7.5e-7, by: nothing },
  { name: "geluTanhBackward", interval: [-30, 30], bound: 2.6e-7, by: nothing },
];

/** Elements of each of the two grids below. */
const COUNT = 2 ** 18;

/** Arguments with equal steps, then with equal ratios away from zero, up to both ends. */
function argumentsIn([from, to]: [number, number]): Float32Array {
  const smallest = from > 0 ? from : 1e-7;
  return Float32Array.from({ length: 2 * COUNT }, (_, i) => {
    const share = (i % COUNT) / (COUNT - 1);
    if (i < COUNT) return from + (to - from) * share;
    const end = from < 0 && i % 2 === 1 ? from : to;
    return Math.sign(end) * smallest * (Math.abs(end) / smallest) ** share;
  });
}

describe("simd elementary functions, measured against f64", () => {
  const memory = new Memory();
  // All memory before the first view of it: growing would detach that.
  const addresses = [0, 1, 2].map(() => memory.allocate(8 * COUNT));
  const [x, gradient, out] = addresses.map(
    (address) => new Float32Array(memory.buffer as ArrayBuffer, address, 2 * COUNT),
  );
  const engines = TESTED_VARIANTS.map((variant) => createEngine({ kernels: "simd", variant, threads: 1 }, memory));
  after(() => engines.forEach((engine) => engine.close()));

  for (const { name, interval, bound, by } of ACCURACIES) {
    it(`${name} from ${interval.join(" to ")}: ${bound}`, () => {
      x.set(argumentsIn(interval));
      gradient.fill(1);
      const exact = new Float64Array(x.length);
      const run = (kernels: typeof referenceKernels, from: Float64Array | Float32Array, to: typeof from) =>
        name === "geluBackward" || name === "geluTanhBackward"
          ? kernels[name](from, gradient, to)
          : kernels[name](from, to);
      run(referenceKernels, Float64Array.from(x), exact);
      for (const { f32, variant } of engines) {
        run(f32, x, out);
        let largest = 0;
        let where = 0;
        for (let i = 0; i < x.length; i++) {
          const difference = Math.abs(out[i] - exact[i]);
          const error = difference === 0 ? 0 : difference / Math.abs(by(x[i], exact[i]));
          if (!(error <= largest)) [largest, where] = [error, x[i]];
        }
        expect(largest, `${variant}, at ${where}`).to.be.at.most(bound);
      }
    });
  }
});

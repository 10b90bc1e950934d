import { setFlagsFromString } from "node:v8";
import { expect } from "chai";
import fc from "fast-check";
import { platform } from "../../src/tensor/current-platform.ts";
import { createEngine, type Engine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS, type Kernels } from "../../src/tensor/kernels.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { createAddressOf } from "../../src/tensor/operand-addresses.ts";
import { Random } from "../../src/tensor/random.ts";
import { referenceKernels } from "../../src/tensor/reference-kernels.ts";
import { SIMD_BINARY } from "../../src/tensor/simd-binary.ts";
import { createSimdKernels } from "../../src/tensor/simd-kernels.ts";
import { compileKernels, type SimdVariant } from "../../src/tensor/simd-module.ts";
import { ThreadPool } from "../../src/tensor/thread-pool.ts";
import { FUSED_VARIANTS, TESTED_VARIANTS } from "../variants.ts";
import {
  attentionBackwardCall,
  attentionCall,
  cachedAttentionCall,
  checkAgainstReference,
  checkEqualBits,
  finishedMatmulCall,
  type KernelCall,
  kernelCases,
  matmulCall,
  runIn,
  seedAndSize,
} from "./kernel-cases.ts";

/**
 * The optimising compiler from the first call on, and its joining of vector pairs if this run may: what is tested shall be
 * the code that long runs execute. Making an engine sets both, so this comes after.
 */
function compileAsLongRunsDo(): void {
  setFlagsFromString("--no-liftoff");
  platform.joinVectorPairs(TESTED_VARIANTS.includes("wide"));
}

const names = Object.keys(kernelCases) as (keyof Kernels)[];

describe("kernel sets against the f64 reference", () => {
  const memory = new Memory();
  memory.poison = true;
  const engines: Engine[] = [];
  const sets = [
    ...KERNEL_SETS.filter((kernels) => kernels !== "simd").map((kernels) => ({ kernels })),
    ...TESTED_VARIANTS.map((variant) => ({ kernels: "simd" as const, variant })),
  ];
  for (const options of sets) {
    const label = "variant" in options ? `simd, ${options.variant}` : options.kernels;
    it(`${label}: every kernel, within 1e-5 of the same expression in absolute values`, () => {
      const engine = createEngine({ ...options, threads: 1 }, memory);
      engines.push(engine);
      compileAsLongRunsDo();
      for (const name of names) {
        const property = fc.property(seedAndSize(1200), ({ seed, size }) => {
          checkAgainstReference(memory, [engine.f32], kernelCases[name](new Random(seed), size));
        });
        fc.assert(property, { seed: 1, numRuns: 40 });
      }
    });
  }
  after(() => engines.forEach((engine) => engine.close()));

  it("has a case for every kernel", () => {
    expect(names.sort()).to.deep.equal(Object.keys(createEngine({ kernels: "reference" }).f32).sort());
  });
});

describe("every kernel set", () => {
  const memory = new Memory();
  const engines = [
    createEngine({ kernels: "reference" }, memory),
    createEngine({ kernels: "blocked" }, memory),
    ...TESTED_VARIANTS.map((variant) => createEngine({ kernels: "simd", variant, threads: 1 }, memory)),
  ];
  before(compileAsLongRunsDo);
  after(() => engines.forEach((engine) => engine.close()));
  const view = (length: number) => new Float32Array(memory.buffer as ArrayBuffer, memory.allocate(4 * length), length);
  // Ten elements: a pair of vectors and single ones.
  const x = view(10);
  const out = view(10);
  const index = new Int32Array(memory.buffer as ArrayBuffer, memory.allocate(4), 1);

  it("relu hands NaN on, and makes −0 and what is negative to 0", () => {
    for (const { f32 } of engines) {
      for (const [value, result] of [
        [Number.NaN, Number.NaN],
        [-0, 0],
        [Number.NEGATIVE_INFINITY, 0],
        [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
      ]) {
        f32.relu(x.fill(value), out);
        expect(Array.from(out)).to.deep.equal(new Array(10).fill(result));
      }
    }
  });

  it("max is NaN where there is one, and argmax the first", () => {
    for (const { f32 } of engines) {
      for (let at = 0; at < 10; at++) {
        x.set([3, 1, 4, 1, 5, 9, 2, 6, 9, 3]);
        x.fill(Number.NaN, at, at + 1);
        x[9] = Number.NaN;
        const layout = { outer: 1, size: 10, inner: 1 };
        f32.argmax(x, index, layout);
        expect(index[0]).to.equal(at);
        f32.max(x, out, layout);
        expect(out[0]).to.be.NaN;
        f32.max(x, out, { outer: 1, size: 2, inner: 5 });
        expect(Number.isNaN(out[at % 5])).to.equal(true);
      }
    }
  });

  it("leaves alone what is beside operands without elements", () => {
    const nothing = out.subarray(0, 0);
    const layout = { rows: 0, columns: 0, outStart: 0, aStart: 0, aRow: 0, aColumn: 1, bStart: 0, bRow: 0, bColumn: 1 };
    for (const { f32 } of engines) {
      out.fill(7);
      f32.accumulate(nothing, nothing);
      f32.add(nothing, nothing, nothing, layout);
      f32.exp(nothing, nothing);
      f32.softmax(nothing, nothing, { rows: 0, columns: 0 });
      f32.sum(nothing, nothing, { outer: 0, size: 3, inner: 2 });
      expect(Array.from(out)).to.deep.equal(new Array(10).fill(7));
    }
  });
});

describe("simd matmul", () => {
  const memory = new Memory();
  const variants = TESTED_VARIANTS.map((variant) => createEngine({ kernels: "simd", variant, threads: 1 }, memory));
  const all = variants.map(({ f32 }) => f32);
  before(compileAsLongRunsDo);
  after(() => variants.forEach((engine) => engine.close()));
  const small = fc.record({
    rows: fc.integer({ min: 1, max: 70 }),
    columns: fc.integer({ min: 1, max: 70 }),
    inner: fc.integer({ min: 1, max: 70 }),
    seed: fc.nat(),
  });

  it("is right for all transpositions, strides, batches, accumulation and bias, 1 … 70", () => {
    const property = fc.property(small, ({ seed, ...sizes }) => {
      checkAgainstReference(memory, all, matmulCall(new Random(seed), sizes));
    });
    fc.assert(property, { seed: 1, numRuns: 300 });
  });

  it("is right with every combination of accumulation, bias, residual and epilogue, 1 … 70", () => {
    const property = fc.property(small, ({ seed, ...sizes }) => {
      checkAgainstReference(memory, all, finishedMatmulCall(new Random(seed), sizes));
    });
    fc.assert(property, { seed: 1, numRuns: 300 });
  });

  it("gives a row alone the bits that it has among others", () => {
    const sizes = { columns: fc.integer({ min: 1, max: 900 }), inner: fc.integer({ min: 1, max: 600 }) };
    const finishes = fc.record({ bias: fc.boolean(), residual: fc.boolean(), accumulate: fc.boolean() });
    const epilogues = fc.constantFrom("gelu" as const, "geluTanhBackward" as const, undefined);
    const property = fc.property(
      fc.record({ ...sizes, rows: fc.integer({ min: 2, max: 9 }), seed: fc.nat(), transposeB: fc.boolean() }),
      finishes,
      epilogues,
      ({ rows, columns, inner, seed, transposeB }, finish, epilogue) => {
        const random = new Random(seed);
        const draw = (length: number) => Float32Array.from({ length }, () => random.normal());
        const [a, b, bias] = [draw(rows * inner), draw(inner * columns), draw(columns)];
        const [start, residual, inputs] = [1, 2, 3].map(() => draw(rows * columns));
        const at = Math.floor(rows / 2);
        // The whole product, then the one row of it.
        const product = (kernels: Kernels, from: number, to: number) => {
          const ofRows = (x: Float32Array) => x.slice(from * (x.length / rows), to * (x.length / rows));
          const call: KernelCall = {
            start: [ofRows(a), b, ofRows(start), bias, ofRows(residual), ofRows(inputs)],
            results: [],
            bounds: () => [],
            run: (_, operands) => {
              const [x, y, z, offset, other, kept] = operands as Float32Array[];
              kernels.matmul(x, y, z, {
                ...{ rows: to - from, columns, inner, transposeA: false, transposeB, aRow: inner },
                ...{ bRow: transposeB ? inner : columns, outRow: columns, batches: [1, 1] },
                ...{ aBatch: [0, 0], bBatch: [0, 0], outBatch: [0, 0], accumulate: finish.accumulate },
                ...(finish.bias && { bias: offset }),
                ...(finish.residual && { residual: other }),
                ...(epilogue && { epilogue: { name: epilogue, inputs: kept } }),
              });
            },
          };
          const { operands } = runIn(memory, kernels, call);
          return [operands[2], operands[5]].map((x) => Array.from(x));
        };
        for (const kernels of all) {
          const whole = product(kernels, 0, rows).map((x) => x.slice(at * columns, (at + 1) * columns));
          expect(product(kernels, at, at + 1)).to.deep.equal(whole);
        }
      },
    );
    fc.assert(property, { seed: 1, numRuns: 40 });
  });

  it("is right beyond the sizes of its blocks", () => {
    for (const [rows, columns, inner] of [
      [1, 1000, 600],
      [101, 800, 5],
      [7, 19, 600],
      [200, 33, 257],
      [97, 769, 259],
    ]) {
      for (let seed = 0; seed < 4; seed++) {
        checkAgainstReference(memory, all, matmulCall(new Random(seed), { rows, columns, inner }));
        checkAgainstReference(memory, all, finishedMatmulCall(new Random(seed), { rows, columns, inner }));
      }
    }
  });
});

describe("simd attention", () => {
  const memory = new Memory();
  memory.poison = true;
  const variants = TESTED_VARIANTS.map((variant) => createEngine({ kernels: "simd", variant, threads: 1 }, memory));
  const all = variants.map(({ f32 }) => f32);
  before(compileAsLongRunsDo);
  after(() => variants.forEach((engine) => engine.close()));
  const long = fc.record({ tokens: fc.integer({ min: 1, max: 300 }), seed: fc.nat() });

  for (const [name, makeCall] of [
    ["attention", attentionCall],
    ["attentionBackward", attentionBackwardCall],
  ] as const) {
    it(`${name}: causal, masked and with dropout, up to 300 tokens`, () => {
      const property = fc.property(long, ({ tokens, seed }) => {
        checkAgainstReference(memory, all, makeCall(new Random(seed), tokens));
      });
      fc.assert(property, { seed: 1, numRuns: 40 });
    });
  }
});

describe("simd attention to cached keys", () => {
  const memory = new Memory();
  memory.poison = true;
  const variants = TESTED_VARIANTS.map((variant) => createEngine({ kernels: "simd", variant, threads: 1 }, memory));
  const all = variants.map(({ f32 }) => f32);
  before(compileAsLongRunsDo);
  after(() => variants.forEach((engine) => engine.close()));
  const long = fc.record({ tokens: fc.integer({ min: 1, max: 300 }), seed: fc.nat() });

  it("is right up to 300 tokens", () => {
    const property = fc.property(long, ({ tokens, seed }) => {
      checkAgainstReference(memory, all, cachedAttentionCall(new Random(seed), tokens));
    });
    fc.assert(property, { seed: 1, numRuns: 40 });
  });

  it("has the bits of attention of the whole sequence", () => {
    const sizes = fc.record({
      past: fc.integer({ min: 0, max: 150 }),
      tokens: fc.integer({ min: 1, max: 4 }),
      heads: fc.integer({ min: 1, max: 3 }),
      headSize: fc.integer({ min: 1, max: 40 }),
      seed: fc.nat(),
    });
    const property = fc.property(sizes, ({ past, tokens, heads, headSize, seed }) => {
      const random = new Random(seed);
      const [length, channels] = [past + tokens, heads * headSize];
      const row = 3 * channels;
      const qkv = Float32Array.from({ length: length * row }, () => random.normal());
      // By heads, then by positions.
      const part = (index: number) =>
        Float32Array.from({ length: length * channels }, (_, i) => {
          const [head, position] = [Math.floor(i / headSize / length), Math.floor(i / headSize) % length];
          return qkv[position * row + index * channels + head * headSize + (i % headSize)];
        });
      const layout = { heads, headSize, scale: 1 / Math.sqrt(headSize) };
      const whole: KernelCall = {
        start: [qkv, new Float32Array(length * channels), new Float32Array(heads * length)],
        ...{ results: [], bounds: () => [] },
        run(kernels, operands) {
          const [from, out, sums] = operands as Float32Array[];
          const none = { dropoutProbability: 0, dropoutSeed: [0, 0] as const };
          kernels.attention(from, out, sums, { ...layout, ...none, batches: 1, tokens: length, causal: true });
        },
      };
      const step: KernelCall = {
        start: [qkv.slice(past * row), part(1), part(2), new Float32Array(tokens * channels)],
        ...{ results: [], bounds: () => [] },
        run(kernels, operands) {
          const [from, keys, values, out] = operands as Float32Array[];
          kernels.cachedAttention(from, keys, values, out, { ...layout, past, tokens, capacity: length });
        },
      };
      for (const kernels of [referenceKernels, ...all]) {
        const expected = runIn(memory, kernels, whole).operands[1].slice(past * channels);
        expect(runIn(memory, kernels, step).operands[3]).to.deep.equal(expected);
      }
    });
    fc.assert(property, { seed: 1, numRuns: 100 });
  });
});

describe("the same arithmetic, in tiles of either width, with and without joined vector pairs", () => {
  const memory = new Memory();
  memory.poison = true;
  const addressOf = createAddressOf(memory);
  const arithmetics: SimdVariant[][] = [["plain"], FUSED_VARIANTS];
  const pools: ThreadPool[] = [];
  before(compileAsLongRunsDo);
  after(() => {
    pools.forEach((pool) => pool.terminate());
    compileAsLongRunsDo();
  });

  /** V8 shares machine code between modules of equal bytes: this one is of its own, for functions without joined pairs. */
  function unjoinedModule(instructions: "plain" | "relaxed"): WebAssembly.Module {
    const section = [0, 9, 8, ...Buffer.from("unjoined")];
    return new WebAssembly.Module(
      Buffer.concat([Buffer.from(SIMD_BINARY[instructions].shared, "base64"), Buffer.from(section)]),
    );
  }

  for (const variants of arithmetics) {
    if (variants.length === 0) continue;
    const label = variants.join(", ");
    const sets = variants.flatMap((variant) => {
      const module = variant === "wide" ? compileKernels(variant, memory) : unjoinedModule(variant);
      const pool = new ThreadPool({ memory, module, threads: 1 });
      pools.push(pool);
      return ([8, 16] as const).map((panel) => ({
        joins: variant === "wide",
        kernels: createSimdKernels({ memory, pool, fallback: referenceKernels, addressOf, panel }),
      }));
    });
    const check = (call: KernelCall) =>
      checkEqualBits(
        call,
        sets.map(({ joins, kernels }) => {
          // Each function is compiled as the flag stands at its first call.
          platform.joinVectorPairs(joins);
          return runIn(memory, kernels, call);
        }),
      );

    it(`${label}: every kernel gives the same bits`, () => {
      for (const name of names) {
        const property = fc.property(seedAndSize(1200), ({ seed, size }) => {
          check(kernelCases[name](new Random(seed), size));
        });
        fc.assert(property, { seed: 3, numRuns: 25 });
      }
    });

    it(`${label}: attention and its gradient of up to 300 tokens do`, () => {
      const long = fc.record({ tokens: fc.integer({ min: 1, max: 300 }), seed: fc.nat() });
      const property = fc.property(long, ({ tokens, seed }) => {
        check(attentionCall(new Random(seed), tokens));
        check(attentionBackwardCall(new Random(seed), tokens));
      });
      fc.assert(property, { seed: 2, numRuns: 20 });
    });
  }
});

describe("simd elementary functions at the edges of f32", () => {
  const memory = new Memory();
  const engine = createEngine({ kernels: "simd", threads: 1 }, memory);
  before(compileAsLongRunsDo);
  after(() => engine.close());
  const address = memory.allocate(128);
  const view = new Float32Array(memory.buffer as ArrayBuffer, address, 16);
  const out = new Float32Array(memory.buffer as ArrayBuffer, address + 64, 16);
  const evaluate = (
    name: "exp" | "log" | "tanh" | "sigmoid" | "gelu" | "geluTanh" | "erf" | "sign",
    x: number,
  ): number => {
    view.fill(x);
    engine.f32[name](view, out);
    // The paired and the single elements go through the same arithmetic.
    expect(new Set(out).size).to.equal(1);
    return out[0];
  };
  const huge = 3.4e38;

  it("exp: 0 below the normal range, infinite above, NaN stays", () => {
    expect(evaluate("exp", -88)).to.equal(0);
    expect(evaluate("exp", -huge)).to.equal(0);
    expect(evaluate("exp", Number.NEGATIVE_INFINITY)).to.equal(0);
    expect(evaluate("exp", 88.7) / Math.exp(Math.fround(88.7))).to.be.closeTo(1, 1e-5);
    expect(evaluate("exp", 89)).to.equal(Number.POSITIVE_INFINITY);
    expect(evaluate("exp", huge)).to.equal(Number.POSITIVE_INFINITY);
    expect(evaluate("exp", Number.NaN)).to.be.NaN;
    // A NaN with an odd payload, as released memory is filled with.
    new Uint32Array(view.buffer, view.byteOffset, view.length).fill(0x7fffdead);
    engine.f32.exp(view, out);
    expect(out[0]).to.be.NaN;
  });

  it("log: zero, negative, infinite and denormal arguments", () => {
    expect(evaluate("log", 0)).to.equal(Number.NEGATIVE_INFINITY);
    expect(evaluate("log", -1)).to.be.NaN;
    expect(evaluate("log", Number.POSITIVE_INFINITY)).to.equal(Number.POSITIVE_INFINITY);
    expect(evaluate("log", 1)).to.equal(0);
    expect(evaluate("log", 1e-40)).to.be.closeTo(Math.log(Math.fround(1e-40)), 1e-4);
    expect(evaluate("log", 3e38)).to.be.closeTo(Math.log(3e38), 1e-4);
  });

  it("saturating functions reach their limits", () => {
    for (const x of [20, 1e4, huge]) {
      expect(evaluate("tanh", x)).to.equal(1);
      expect(evaluate("tanh", -x)).to.equal(-1);
      expect(evaluate("erf", -x)).to.equal(-1);
      expect(evaluate("sigmoid", x)).to.equal(1);
      expect(evaluate("gelu", x)).to.equal(Math.fround(x));
      expect(evaluate("geluTanh", x)).to.equal(Math.fround(x));
      expect(evaluate("geluTanh", -x)).to.be.closeTo(0, 1e-6);
      expect(evaluate("gelu", -x)).to.be.closeTo(0, 1e-6);
    }
    for (const name of ["tanh", "erf", "sigmoid", "gelu", "geluTanh", "sign"] as const) {
      expect(evaluate(name, Number.NaN)).to.be.NaN;
    }
  });

  it("slopes far out are 0 and 1, and NaN stays", () => {
    const gradient = new Float32Array(memory.buffer as ArrayBuffer, memory.allocate(64), 16).fill(1);
    for (const name of ["geluBackward", "geluTanhBackward", "siluBackward"] as const) {
      for (const [x, slope] of [
        [1e4, 1],
        [huge, 1],
        [-1e4, 0],
        [-huge, 0],
      ]) {
        engine.f32[name](view.fill(x), gradient, out);
        for (const value of out) expect(value).to.be.closeTo(slope, 1e-6);
      }
      engine.f32[name](view.fill(Number.NaN), gradient, out);
      expect(out[0]).to.be.NaN;
      expect(out[15]).to.be.NaN;
    }
  });
});

describe("addresses above 2 GiB", () => {
  it("are served by the simd kernels", () => {
    const memory = new Memory();
    // The system hands out pages only when they are touched: the large block costs nothing.
    memory.allocate(2 ** 31 + 2 ** 20);
    const engine = createEngine({ kernels: "simd", threads: 1 }, memory);
    const random = new Random(1);
    for (const name of [
      "matmul",
      "add",
      "attention",
      "cachedAttention",
      "softmax",
      "adamw",
      "sum",
      "copyStrided",
    ] as const) {
      checkAgainstReference(memory, [engine.f32], kernelCases[name](random, 500));
    }
    const last = memory.allocate(64);
    expect(last).to.be.greaterThan(2 ** 31);
    const view = new Float32Array(memory.buffer as ArrayBuffer, last, 16);
    engine.f32.fill(view, 3);
    expect(view[15]).to.equal(3);
    engine.close();
  });
});

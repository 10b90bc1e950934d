/**
 * Speed of the kernels on this machine: `node bench/kernels.ts [--only matmul|other] [--milliseconds 60]`.
 * Matrix products in GFLOP/s by size, transposition, kernel set and threads; the other kernels of a GPT step in
 * microseconds and in billions of elements per second.
 */

import { cpus } from "node:os";
import { Option } from "commander";
import { Bench } from "tinybench";
import { createEngine, type Engine, type EngineOptions } from "../src/tensor/engine.ts";
import type { Kernels } from "../src/tensor/kernels.ts";
import { memory } from "../src/tensor/memory.ts";
import { benchmark, parseMilliseconds, readOptions } from "./arguments.ts";
import { newNumbers, TRANSPOSITION_NAMES, withMatmul } from "./matmul-operands.ts";

const { only, milliseconds: time } = readOptions<{ only?: "matmul" | "other"; milliseconds: number }>(
  benchmark("kernels.ts", "speed of every kernel of a GPT step, by kernel set and threads")
    .addOption(new Option("--only <kernels>", "matrix products, or the other kernels").choices(["matmul", "other"]))
    .option("--milliseconds <n>", "about how long each figure is measured", parseMilliseconds, 60),
);

/** The median duration of a call in milliseconds, once the engine has compiled and optimised it. */
function measure(call: () => void): number {
  const bench = new Bench({ time, warmupTime: time, warmupIterations: 8, iterations: 4 });
  bench.add("call", call);
  bench.runSync();
  const result = bench.tasks[0].result;
  if (!("latency" in result)) throw new Error("the measurement failed");
  return result.latency.p50;
}

const engines: { label: string; options: EngineOptions }[] = [
  { label: "simd ×1", options: { kernels: "simd", threads: 1 } },
  { label: "simd ×2", options: { kernels: "simd", threads: 2 } },
  { label: "blocked ×1", options: { kernels: "blocked", threads: 1 } },
  { label: "blocked ×2", options: { kernels: "blocked", threads: 2 } },
  { label: "reference", options: { kernels: "reference" } },
];

/** Rows, inner and columns: squares, and the products of a training step with 1024 tokens. */
const SIZES = [
  [64, 64, 64],
  [256, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
  [1024, 64, 64],
  [1024, 64, 192],
  [1024, 64, 256],
  [1024, 256, 64],
  [1024, 128, 128],
  [1024, 128, 512],
  [1024, 512, 128],
  [1024, 128, 2048],
  [1024, 256, 2048],
  [64, 1024, 64],
  [128, 1024, 512],
  [2048, 1024, 128],
  [1, 256, 1024],
] as const;

function benchMatmul(running: { label: string; engine: Engine }[]): void {
  console.log(
    `\nmatmul, GFLOP/s\n${"rows × inner × columns".padEnd(24)}${running.map(({ label }) => label.padStart(12)).join("")}`,
  );
  for (const [rows, inner, columns] of SIZES) {
    for (const name of TRANSPOSITION_NAMES) {
      withMatmul({ rows, inner, columns }, name, ({ a, b, out, layout, flops }) => {
        const cells = running.map(({ label, engine }) => {
          if (label === "reference" && flops > 3e8) return "–".padStart(12);
          return (flops / measure(() => engine.f32.matmul(a, b, out, layout)) / 1e6).toFixed(1).padStart(12);
        });
        console.log(`${rows} × ${inner} × ${columns} ${name}`.padEnd(24) + cells.join(""));
      });
    }
  }
}

/** The other kernels of a GPT step with B = 16, T = 64, C = 128, V = 2048. */
function otherCalls(): { name: string; elements: number; call: (kernels: Kernels) => void }[] {
  const [batches, tokens, channels, heads, vocabulary] = [16, 64, 128, 4, 2048];
  const rows = batches * tokens;
  const wide = newNumbers(rows * 4 * channels);
  const [wideGradient, wideOut] = [newNumbers(wide.length), newNumbers(wide.length)];
  const [x, y, z] = [newNumbers(rows * channels), newNumbers(rows * channels), newNumbers(rows * channels)];
  const [weight, bias] = [newNumbers(channels), newNumbers(channels)];
  const [mean, rstd, losses] = [newNumbers(rows), newNumbers(rows), newNumbers(rows)];
  const [logits, logitsOut] = [newNumbers(rows * vocabulary), newNumbers(rows * vocabulary)];
  const [qkv, qkvGradient] = [newNumbers(rows * 3 * channels), newNumbers(rows * 3 * channels)];
  const sums = newNumbers(batches * heads * tokens);
  const targetsAddress = memory.allocate(rows * 4);
  const targets = new Int32Array(memory.buffer as ArrayBuffer, targetsAddress, rows).fill(7);
  const [parameter, gradient, m, v] = [1, 2, 3, 4].map(() => newNumbers(1_000_000));
  v.fill(0.1);
  const layout = { rows, columns: channels };
  const attention = {
    ...{ batches, tokens, heads, headSize: channels / heads, causal: true, scale: 0.2 },
    ...{ dropoutProbability: 0, dropoutSeed: [1, 2] as const },
  };
  const smooth = { rows, columns: vocabulary, ignoreIndex: -1, labelSmoothing: 0 };
  const step = {
    ...{ learningRate: 1e-9, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, gradientScale: 1 },
  };
  const update = { parameter, gradient, m, v, weightDecay: 0.1, biasCorrection1: 1, biasCorrection2: 1 };
  const whole = {
    rows: 1,
    columns: x.length,
    outStart: 0,
    aStart: 0,
    aRow: 0,
    aColumn: 1,
    bStart: 0,
    bRow: 0,
    bColumn: 1,
  };
  return [
    { name: "attention", elements: x.length, call: (k) => k.attention(qkv, y, sums, attention) },
    {
      name: "attentionBackward",
      elements: x.length,
      call: (k) => k.attentionBackward(qkv, y, sums, z, qkvGradient, attention),
    },
    {
      name: "layerNorm",
      elements: x.length,
      call: (k) => k.layerNorm(x, weight, bias, y, mean, rstd, { ...layout, epsilon: 1e-5 }),
    },
    {
      name: "layerNormBackward",
      elements: x.length,
      call: (k) => k.layerNormBackward(x, weight, mean, rstd, y, z, layout),
    },
    {
      name: "layerNormParametersBackward",
      elements: x.length,
      call: (k) => k.layerNormParametersBackward(x, mean, rstd, y, weight, bias, layout),
    },
    { name: "gelu", elements: wide.length, call: (k) => k.gelu(wide, wideOut) },
    { name: "geluTanh", elements: wide.length, call: (k) => k.geluTanh(wide, wideOut) },
    { name: "geluTanhBackward", elements: wide.length, call: (k) => k.geluTanhBackward(wide, wideGradient, wideOut) },
    {
      name: "crossEntropy",
      elements: logits.length,
      call: (k) => k.crossEntropy(logits, targets, losses, mean, smooth),
    },
    {
      name: "crossEntropyBackward",
      elements: logits.length,
      call: (k) => k.crossEntropyBackward(logits, targets, mean, losses, logitsOut, smooth),
    },
    { name: "adamw", elements: parameter.length, call: (k) => k.adamw([update], step) },
    { name: "sumOfSquares", elements: parameter.length, call: (k) => k.sumOfSquares([parameter]) },
    { name: "add", elements: x.length, call: (k) => k.add(x, y, z, whole) },
    {
      name: "sum of rows",
      elements: wide.length,
      call: (k) => k.sum(wide, weight, { outer: 1, size: rows * 4, inner: channels }),
    },
    { name: "dropout", elements: x.length, call: (k) => k.dropout(x, y, { probability: 0.1, seed: [1, 2] }) },
    {
      name: "takeRows",
      elements: x.length,
      call: (k) => k.takeRows(x, targets, y, { outer: 1, size: rows, inner: channels }),
    },
    { name: "softmax", elements: logits.length, call: (k) => k.softmax(logits, logitsOut, smooth) },
  ];
}

function benchOthers(running: { label: string; engine: Engine }[]): void {
  const shown = running.filter(({ label }) => label.startsWith("simd") || label === "reference");
  console.log(
    `\nother kernels, µs (10⁹ elements/s)\n${"".padEnd(30)}${shown.map(({ label }) => label.padStart(18)).join("")}`,
  );
  for (const { name, elements, call } of otherCalls()) {
    const cells = shown.map(({ engine }) => {
      const milliseconds = measure(() => call(engine.f32));
      return `${(milliseconds * 1000).toFixed(0)} (${(elements / milliseconds / 1e6).toFixed(2)})`.padStart(18);
    });
    console.log(name.padEnd(30) + cells.join(""));
  }
}

const running = engines.map(({ label, options }) => ({ label, engine: createEngine(options) }));
await Promise.all(running.map(({ engine }) => engine.ready()));
console.log(
  `${cpus()[0].model}, ${cpus().length} cores; Node ${process.version}; SIMD variant ${running[0].engine.variant}`,
);
if (only !== "other") benchMatmul(running);
if (only !== "matmul") benchOthers(running);
for (const { engine } of running) engine.close();

import { spawnSync } from "node:child_process";
import { expect } from "chai";
import { platform } from "../../src/tensor/current-platform.ts";
import { configureEngine, createEngine, engineInfo, kernelsFor, observeKernels } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { referenceKernels } from "../../src/tensor/reference-kernels.ts";
import { TESTED_VARIANTS } from "../variants.ts";
import { checkAgainstReference, kernelCases, runIn } from "./kernel-cases.ts";

describe("the engine", () => {
  afterEach(() => configureEngine());

  it("serves doubles from the reference kernels whatever is chosen", () => {
    expect(kernelsFor("f64")).to.equal(referenceKernels);
    configureEngine({ kernels: "blocked" });
    expect(kernelsFor("f64")).to.equal(referenceKernels);
  });

  it("says what it chose, and which set serves each kernel", () => {
    configureEngine({ kernels: "simd", variant: "plain", threads: 2 });
    const info = engineInfo();
    expect(info).to.include({ kernels: "simd", variant: "plain", threads: 2, shared: true });
    expect(info.origins).to.include({ matmul: "simd", pow: "reference", gatherElements: "reference", adamw: "simd" });
    expect(Object.keys(info.origins)).to.have.members(Object.keys(referenceKernels));
    configureEngine({ kernels: "blocked" });
    expect(engineInfo()).to.include({ kernels: "blocked", variant: null });
    expect(engineInfo().origins).to.include({ matmul: "blocked", add: "reference" });
    configureEngine({ kernels: "reference" });
    expect(engineInfo().threads).to.equal(1);
    expect(kernelsFor("f32")).to.equal(referenceKernels);
  });

  it("shows an observer every call of its kernels, also of kernels chosen meanwhile, and serves them bare afterwards", () => {
    const seen: string[] = [];
    const watching = <Result>(body: () => Result) =>
      observeKernels((name, operands, call) => {
        seen.push(`${name} of ${operands.length}`);
        return call();
      }, body);
    const bare = kernelsFor("f32");
    const out = new Float32Array(3);
    const total = watching(() => {
      kernelsFor("f32").fill(out, 2);
      configureEngine({ kernels: "reference" });
      return kernelsFor("f32").sumOfSquares([out]);
    });
    expect(total).to.equal(12);
    expect(seen).to.deep.equal(["fill of 2", "sumOfSquares of 1"]);
    expect(kernelsFor("f32")).to.equal(referenceKernels);
    expect(bare).not.to.equal(referenceKernels);
    expect(() => watching(() => kernelsFor("f32").matmul(out, out, out, null as never))).to.throw();
    kernelsFor("f32").fill(out, 0);
    expect(seen.slice(2)).to.deep.equal(["matmul of 4"]);
  });

  it("refuses options that do not exist in one sentence, and stays as it was", () => {
    const before = engineInfo();
    expect(() => configureEngine({ kernels: "gpu" as "simd" })).to.throw(
      'kernels (APOLLO_KERNELS) must be one of reference, blocked, simd, not "gpu"',
    );
    expect(() => configureEngine({ threads: 0 })).to.throw(
      "threads (APOLLO_THREADS) must be a whole number from 1 to 64, not 0",
    );
    expect(() => configureEngine({ threads: 1.5 })).to.throw("not 1.5");
    expect(() => configureEngine({ variant: "avx" as "plain" })).to.throw(
      'the SIMD variant (APOLLO_SIMD) must be one of plain, relaxed, wide, not "avx"',
    );
    expect(engineInfo()).to.deep.equal(before);
  });

  it("takes its defaults from the environment", () => {
    const engine = JSON.stringify(new URL("../../src/tensor/engine.ts", import.meta.url));
    const run = (env: Record<string, string>) =>
      spawnSync(
        process.execPath,
        [
          "--input-type=module",
          "-e",
          `import { engineInfo } from ${engine}; console.log(JSON.stringify(engineInfo()));`,
        ],
        { encoding: "utf8", env: { ...process.env, ...env } },
      );
    const chosen = JSON.parse(run({ APOLLO_KERNELS: "simd", APOLLO_THREADS: "3", APOLLO_SIMD: "plain" }).stdout);
    expect(chosen).to.include({ kernels: "simd", threads: 3, variant: "plain" });
    const unset = JSON.parse(run({ APOLLO_KERNELS: "", APOLLO_THREADS: "", APOLLO_SIMD: "" }).stdout);
    expect(unset.kernels).to.equal("simd");
    expect(unset.threads).to.be.greaterThan(0);
  });

  it("joins pairs of vectors when it is asked to, and refuses to in a run of the tests without", () => {
    const make = () => createEngine({ kernels: "simd", variant: "wide", threads: 1 }, new Memory());
    if (TESTED_VARIANTS.includes("wide")) expect(make().variant).to.equal("wide");
    else expect(make).to.throw('the SIMD variant "wide" needs Node 24 or later on x64');
    if (process.env.APOLLO_SIMD === "relaxed") expect(TESTED_VARIANTS).to.deep.equal(["plain", "relaxed"]);
  });

  it("starts no thread before there is work for it: the probe of its kernels is too little", () => {
    const { setting, startWorker } = platform;
    let started = 0;
    platform.setting = () => undefined;
    platform.startWorker = (message, onError) => {
      started++;
      return startWorker(message, onError);
    };
    try {
      const memory = new Memory();
      const engine = createEngine({ kernels: "simd", threads: 3 }, memory);
      expect(engine.probes).not.to.deep.equal([]);
      expect(started).to.equal(0);
      const length = 1 << 20;
      const address = memory.allocate(4 * length);
      engine.f32.fill(new Float32Array(memory.buffer as ArrayBuffer, address, length), 1);
      expect(started).to.equal(2);
      engine.close();
    } finally {
      Object.assign(platform, { setting, startWorker });
    }
  });

  it("refuses settings that are no whole number of threads in digits", () => {
    const { setting } = platform;
    try {
      for (const text of ["many", "0x2", "1e1", "2.0", " 2", "-1"]) {
        platform.setting = (name) => (name === "APOLLO_THREADS" ? text : undefined);
        expect(() => createEngine()).to.throw(
          `threads (APOLLO_THREADS) must be a whole number from 1 to 64, not "${text}"`,
        );
      }
    } finally {
      platform.setting = setting;
    }
  });

  it("says how much scratch its threads hold once they have computed attention and its gradient", () => {
    const memory = new Memory();
    for (const kernels of KERNEL_SETS) {
      const longer = [
        [256, 200],
        [2500, 7],
      ];
      for (const [tokens, headSize] of [[5, 3], ...(kernels === "simd" ? longer : [])]) {
        const engine = createEngine({ kernels, threads: 3 }, memory);
        const layout = {
          ...{ batches: 1, tokens, heads: 1, headSize, causal: true, scale: 1 },
          ...{ dropoutProbability: 0, dropoutSeed: [0, 0] as const },
        };
        const channels = tokens * headSize;
        const lengths = [3 * channels, channels, tokens, channels, 3 * channels];
        const addresses = lengths.map((length) => memory.allocate(4 * length));
        const [qkv, out, sums, gradient, qkvGradient] = lengths.map((length, at) =>
          new Float32Array(memory.buffer as ArrayBuffer, addresses[at], length).fill(1),
        );
        engine.f32.attention(qkv, out, sums, layout);
        engine.f32.attentionBackward(qkv, out, sums, gradient, qkvGradient, layout);
        addresses.forEach((address, at) => memory.release(address, 4 * lengths[at]));
        const { threads } = engine;
        const perThread = engine.attentionScratchBytes({ tokens, headSize });
        expect(memory.liveBytes, `${kernels}, ${tokens} tokens`).to.equal(threads * perThread);
        if (kernels !== "simd") expect(perThread).to.equal(0);
        else if (tokens > 5) expect(perThread).to.be.greaterThan(2 ** 20);
        engine.close();
      }
    }
    const simd = createEngine({ kernels: "simd", threads: 1 }, memory);
    // More than there is memory, so that a plan can say so.
    expect(simd.attentionScratchBytes({ tokens: 1e7, headSize: 64 })).to.be.greaterThan(4 * 1e7 * 3 * 64);
    simd.close();
  });

  it("refuses work after its end, in which others would lose their numbers", async () => {
    for (const kernels of ["blocked", "simd"] as const) {
      const memory = new Memory();
      const engine = createEngine({ kernels, threads: 2 }, memory, { inlineNanoseconds: 0 });
      await engine.ready();
      const [matmul, sum] = (["matmul", "sum"] as const).map((name) => kernelCases[name](new Random(7), 700));
      checkAgainstReference(memory, [engine.f32], matmul);
      engine.close();
      engine.close();
      expect(memory.liveBytes).to.equal(0);
      for (const call of kernels === "simd" ? [matmul, sum] : [matmul])
        expect(() => runIn(memory, engine.f32, call)).to.throw("this kernel's engine was closed");
    }
  });

  it("works on unshared memory with one thread, which may grow", () => {
    const memory = new Memory({ shared: false });
    const engine = createEngine({ kernels: "simd", threads: 2 }, memory);
    expect(engine).to.include({ threads: 1, shared: false });
    for (const name of ["add", "matmul", "attention", "attentionBackward", "sum", "crossEntropy"] as const) {
      checkAgainstReference(memory, [engine.f32], kernelCases[name](new Random(7), 700));
      memory.allocate(3 << 20);
    }
  });
});

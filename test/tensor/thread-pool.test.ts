import { spawnSync } from "node:child_process";
import { expect } from "chai";
import fc from "fast-check";
import { createEngine, type Engine } from "../../src/tensor/engine.ts";
import type { Kernels } from "../../src/tensor/kernels.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { compileKernels } from "../../src/tensor/simd-module.ts";
import { ThreadPool } from "../../src/tensor/thread-pool.ts";
import {
  attentionBackwardCall,
  attentionCall,
  checkEqualBits,
  type KernelCall,
  kernelCases,
  matmulCall,
  runIn,
  seedAndSize,
} from "./kernel-cases.ts";

const names = Object.keys(kernelCases) as (keyof Kernels)[];
const everythingShared = { inlineNanoseconds: 0 };

describe("results do not depend on the number of threads", () => {
  const memory = new Memory();
  memory.poison = true;
  let engines: Engine[] = [];
  before(async () => {
    engines = [1, 2, 3].map((threads) => createEngine({ kernels: "simd", threads }, memory, everythingShared));
    engines.push(...[1, 3].map((threads) => createEngine({ kernels: "blocked", threads }, memory, everythingShared)));
    await Promise.all(engines.map((engine) => engine.ready()));
  });
  after(() => engines.forEach((engine) => engine.close()));

  /** The result's bits with each engine must be those with one thread. */
  const expectEqualBits = (call: KernelCall, set: Engine["kernels"]) => {
    const tested = engines.filter(({ kernels }) => kernels === set);
    checkEqualBits(
      call,
      tested.map(({ f32 }) => runIn(memory, f32, call)),
    );
  };

  for (const name of names) {
    it(name, () => {
      const property = fc.property(seedAndSize(5000), ({ seed, size }) => {
        expectEqualBits(kernelCases[name](new Random(seed), size), "simd");
      });
      fc.assert(property, { seed: 1, numRuns: 12 });
    });
  }

  it("attention and its gradient of up to 300 tokens, heads cut into blocks too", () => {
    const long = fc.record({ tokens: fc.integer({ min: 1, max: 300 }), seed: fc.nat() });
    const property = fc.property(long, ({ tokens, seed }) => {
      expectEqualBits(attentionCall(new Random(seed), tokens), "simd");
      expectEqualBits(attentionBackwardCall(new Random(seed), tokens), "simd");
    });
    fc.assert(property, { seed: 1, numRuns: 20 });
  });

  it("matmul of many rectangles, simd and blocked", () => {
    const sizes = fc.record({
      rows: fc.integer({ min: 1, max: 300 }),
      columns: fc.integer({ min: 1, max: 300 }),
      inner: fc.integer({ min: 1, max: 300 }),
      seed: fc.nat(),
    });
    const property = fc.property(sizes, ({ seed, ...rest }) => {
      const call = matmulCall(new Random(seed), rest);
      expectEqualBits(call, "simd");
      expectEqualBits(call, "blocked");
    });
    fc.assert(property, { seed: 1, numRuns: 15 });
  });
});

describe("the thread pool", () => {
  const memory = new Memory();
  const module = compileKernels("plain", memory);
  const pool = new ThreadPool({ memory, module, threads: 3, inlineNanoseconds: 0 });
  const fill = pool.indexOf("fill");
  after(() => pool.terminate());

  const newView = (length: number) => {
    const address = memory.allocate(length * 4);
    return { address, view: new Float32Array(memory.buffer as ArrayBuffer, address, length) };
  };

  it("does the work alone until its threads run, then with them", async () => {
    const { address, view } = newView(5000);
    pool.run(fill, [address, 1], 5000, 64, 1e9);
    expect(view.every((value) => value === 1)).to.equal(true);
    await pool.ready();
    expect(pool.runningThreads).to.equal(3);
    pool.run(fill, [address, 2], 5000, 64, 1e9);
    expect(view.every((value) => value === 2)).to.equal(true);
  });

  it("does every unit of thousands of commands exactly once", () => {
    const { address, view } = newView(4096);
    const zeros = newView(4096);
    view.fill(0);
    zeros.view.fill(1);
    const add = pool.indexOf("add");
    for (let command = 1; command <= 3000; command++) {
      const length = 1 + ((command * 97) % 4096);
      pool.run(add, [address, zeros.address, address, length, 0, 1, 0, 1], length, 16, 1e9);
    }
    const counts = new Array(4096).fill(0);
    for (let command = 1; command <= 3000; command++) counts[(command * 97) % 4096]++;
    let expected = 3000;
    for (let i = 0; i < 4096; i++) {
      expect(view[i]).to.equal(expected);
      expected -= counts[i];
    }
  });

  it("sees memory that grew after its threads had started", () => {
    const blocked = pool.indexOf("blockedMatmul");
    const length = 300 * 300;
    memory.allocate(64 << 20);
    const [a, b, out] = [newView(length), newView(length), newView(length)];
    a.view.fill(1);
    b.view.fill(2);
    const sizes = [300, 300, 300, 0, 0, 300, 300, 300, 1, 0, 0, 0, 0, 0, 0, 0];
    for (let time = 0; time < 20; time++) {
      out.view.fill(0);
      pool.run(blocked, [a.address / 4, b.address / 4, out.address / 4, 0, ...sizes], 3, 1, 1e9);
      expect(out.view.every((value) => value === 600)).to.equal(true);
    }
  });

  it("hands on what a thread throws, and goes on", () => {
    const far = 2 ** 32 - 65536;
    for (let time = 0; time < 20; time++) {
      expect(() => pool.run(fill, [far, 1], 5000, 64, 1e9)).to.throw(/memory access out of bounds/);
    }
    const { address, view } = newView(5000);
    pool.run(fill, [address, 3], 5000, 64, 1e9);
    expect(view.every((value) => value === 3)).to.equal(true);
  });

  it("refuses a kernel that does not exist", () => {
    expect(() => pool.indexOf("convolve")).to.throw('there is no kernel called "convolve"');
  });

  it("is one thread without shared memory", () => {
    const unshared = new Memory({ shared: false });
    const single = new ThreadPool({ memory: unshared, module: compileKernels("plain", unshared), threads: 4 });
    expect(single.threads).to.equal(1);
    expect(single.runningThreads).to.equal(1);
  });
});

describe("a program with threads", () => {
  const run = (code: string) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8", timeout: 30000 });
  const [engine, memory, threadPool] = ["engine", "memory", "thread-pool"].map((name) =>
    JSON.stringify(new URL(`../../src/tensor/${name}.ts`, import.meta.url)),
  );

  it("ends by itself, and between its calls its threads rest after a millisecond", () => {
    const { status, stdout, stderr } = run(`
      import { configureEngine, engineReady, kernelsFor } from ${engine};
      import { memory } from ${memory};
      import { ThreadPool } from ${threadPool};
      configureEngine({ kernels: "simd", threads: 2 }, { inlineNanoseconds: 0 });
      await engineReady();
      let sharedCalls = 0;
      const { partsFor } = ThreadPool.prototype;
      ThreadPool.prototype.partsFor = function (nanoseconds) {
        const parts = partsFor.call(this, nanoseconds);
        if (parts > 1) sharedCalls++;
        return parts;
      };
      const address = memory.allocate(4 << 12);
      const numbers = new Float32Array(memory.buffer, address, 1 << 12);
      const used = [];
      for (let round = 0; round < 101; round++) {
        const before = process.cpuUsage();
        kernelsFor("f32").exp(numbers, numbers.fill(-1));
        await new Promise((resolve) => setTimeout(resolve, 10));
        const { user, system } = process.cpuUsage(before);
        used.push((user + system) / 1000);
      }
      console.log(JSON.stringify({ sharedCalls, used }));
    `);
    expect(stderr).to.equal("");
    expect(status).to.equal(0);
    const { sharedCalls, used } = JSON.parse(stdout) as { sharedCalls: number; used: number[] };
    expect(sharedCalls).to.equal(101);
    // Processor time, which a busy machine makes no longer; the median, for a compiler at work in the background adds to some.
    const median = used.sort((a, b) => a - b)[50];
    expect(median, `processor milliseconds of a short call and a rest of 10: ${used}`).to.be.lessThan(2);
  });
});

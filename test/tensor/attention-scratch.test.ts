import { expect } from "chai";
import fc from "fast-check";
import { memory } from "../../src/tensor/memory.ts";
import { compileKernels } from "../../src/tensor/simd-module.ts";

type Kernel = (...numbers: number[]) => number;

const module = compileKernels("plain", memory);
const kernels = new WebAssembly.Instance(module, { env: { memory: memory.memory } }).exports as Record<string, Kernel>;

/** What stands behind the scratch, and must stay. */
const GUARD = 0x7fc0ffee;
const GUARD_WORDS = 4096;

/** Runs a kernel with exactly so much scratch. @returns the guard words that it overwrote. */
function overrun(scratchBytes: number, run: (scratch: number) => void): number {
  const size = scratchBytes + GUARD_WORDS * 4;
  const scratch = memory.allocate(size);
  const words = new Int32Array(memory.buffer as ArrayBuffer, scratch, size / 4);
  words.fill(0, 0, scratchBytes / 4).fill(GUARD, scratchBytes / 4);
  run(scratch);
  const changed = words.subarray(scratchBytes / 4).filter((word) => word !== GUARD).length;
  memory.release(scratch, size);
  return changed;
}

describe("the scratch of attention", () => {
  it("is as large as the kernels say", () => {
    const sizes = fc.record({
      tokens: fc.integer({ min: 1, max: 300 }),
      headSize: fc.integer({ min: 1, max: 70 }),
      causal: fc.boolean(),
      masked: fc.boolean(),
      wide: fc.boolean(),
      dropping: fc.boolean(),
    });
    fc.assert(
      fc.property(sizes, ({ tokens, headSize, causal, masked, wide, dropping }) => {
        const heads = 2;
        const lengths = { qkv: 3, out: 1, sums: 1, gradient: 1, qkvGradient: 3, mask: 1 };
        const places = Object.entries(lengths).map(([name, width]) => {
          const length = name === "mask" || name === "sums" ? heads * tokens : width * heads * headSize * tokens;
          const address = memory.allocate(length * 4);
          new Float32Array(memory.buffer as ArrayBuffer, address, length).fill(name === "mask" ? 1 : 0.01);
          return { address, length };
        });
        const [qkv, out, sums, gradient, qkvGradient, mask] = places.map(({ address }) => address);
        const layout = [tokens, heads, headSize, Number(causal), 0.3, masked ? mask : 0, 0, tokens, 0, 1];
        const dropout = dropping ? [2 ** 31, 2, 3, 4] : [0, 1, 0, 0];
        const panel = wide ? 16 : 8;
        const forward = overrun(kernels.attentionScratchBytes(tokens, headSize), (scratch) => {
          const blocks = heads * kernels.attentionBlocks(tokens);
          kernels.attention(qkv, out, sums, ...layout, ...dropout, panel, 0, blocks, scratch);
        });
        const backward = overrun(kernels.attentionBackwardScratchBytes(tokens, headSize), (scratch) => {
          const operands = [qkv, out, sums, gradient, qkvGradient];
          kernels.attentionBackward(...operands, ...layout, ...dropout, panel, 0, heads, scratch);
        });
        for (const { address, length } of places) memory.release(address, length * 4);
        expect({ forward, backward }).to.deep.equal({ forward: 0, backward: 0 });
      }),
      { numRuns: 150 },
    );
  });

  it("is so for keys that were kept", () => {
    const sizes = fc.record({
      past: fc.integer({ min: 0, max: 300 }),
      tokens: fc.integer({ min: 1, max: 9 }),
      headSize: fc.integer({ min: 1, max: 70 }),
    });
    fc.assert(
      fc.property(sizes, ({ past, tokens, headSize }) => {
        const heads = 2;
        const count = past + tokens;
        const lengths = [
          3 * heads * headSize * tokens,
          heads * headSize * count,
          heads * headSize * count,
          heads * headSize * tokens,
        ];
        const places = lengths.map((length) => {
          const address = memory.allocate(length * 4);
          new Float32Array(memory.buffer as ArrayBuffer, address, length).fill(0.01);
          return { address, length };
        });
        const operands = places.map(({ address }) => address);
        const changed = overrun(kernels.cachedAttentionScratchBytes(count, headSize), (scratch) => {
          kernels.cachedAttention(...operands, past, count, heads, headSize, 0.3, 0, heads * tokens, scratch);
        });
        for (const { address, length } of places) memory.release(address, length * 4);
        expect(changed).to.equal(0);
      }),
      { numRuns: 100 },
    );
  });
});

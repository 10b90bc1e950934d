import { expect } from "chai";
import fc from "fast-check";
import { MAXIMUM_BYTES, Memory, memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";

interface Block {
  address: number;
  byteLength: number;
}

const ALIGNMENT = 64;
/** Memory grows by this much at a time. */
const GROWTH_BYTES = 1 << 20;
const LOW_BYTES = 65536;
const rounded = (byteLength: number) => Math.max(ALIGNMENT, Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT);

/** Takes a block of this size, or gives back the block at this place among those in use. */
type Action = { take: number } | { giveBack: number };

const actions = fc.array(
  fc.oneof(
    fc.record({ take: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 40000 })) }),
    fc.record({ giveBack: fc.nat() }),
  ),
  { maxLength: 120 },
) as fc.Arbitrary<Action[]>;

/** Carries actions out on a memory and hands every state to `check`; gives everything back at the end. */
function perform(on: Memory, list: readonly Action[], check: (blocks: readonly Block[]) => void): void {
  const blocks: Block[] = [];
  for (const action of list) {
    if ("take" in action) blocks.push({ address: on.allocate(action.take), byteLength: action.take });
    else if (blocks.length > 0) {
      const [{ address, byteLength }] = blocks.splice(action.giveBack % blocks.length, 1);
      on.release(address, byteLength);
    }
    check(blocks);
  }
  for (const { address, byteLength } of blocks) on.release(address, byteLength);
}

const bytesOf = (blocks: readonly Block[]) => blocks.reduce((total, { byteLength }) => total + rounded(byteLength), 0);

describe("memory", () => {
  it("hands out aligned blocks that never overlap, and counts the bytes in use exactly", () => {
    const own = new Memory();
    const property = fc.property(actions, (list) => {
      let peak = 0;
      own.resetPeak();
      perform(own, list, (blocks) => {
        peak = Math.max(peak, bytesOf(blocks));
        expect(own.liveBytes).to.equal(bytesOf(blocks));
        expect(own.peakBytes).to.equal(peak);
        const inOrder = [...blocks].sort((a, b) => a.address - b.address);
        let end = LOW_BYTES;
        for (const { address, byteLength } of inOrder) {
          expect(address % ALIGNMENT).to.equal(0);
          expect(address).to.be.at.least(end);
          end = address + rounded(byteLength);
        }
        expect(end).to.be.at.most(own.reservedBytes);
      });
      expect(own.liveBytes).to.equal(0);
    });
    fc.assert(property, { seed: 1, numRuns: 200 });
  });

  it("what is written into a block stays until it is given back", () => {
    const own = new Memory();
    own.poison = true;
    let marksMade = 0;
    const property = fc.property(actions, (list) => {
      const marks = new Map<Block, number>();
      perform(own, list, (blocks) => {
        for (const block of blocks) {
          const words = new Uint32Array(own.buffer as ArrayBuffer, block.address, rounded(block.byteLength) / 4);
          const mark = marks.get(block);
          if (mark !== undefined) expect(words.every((word) => word === mark)).to.equal(true);
          else {
            words.fill(++marksMade);
            marks.set(block, marksMade);
          }
        }
      });
    });
    fc.assert(property, { seed: 2, numRuns: 60 });
  });

  it("is whole again when everything came back, whatever the order", () => {
    const own = new Memory();
    const first = own.allocate(64);
    own.release(first, 64);
    fc.assert(
      fc.property(actions, (list) => {
        perform(own, list, () => {});
        const { reservedBytes } = own;
        const all = reservedBytes - LOW_BYTES;
        expect(own.allocate(all)).to.equal(first);
        expect(own.reservedBytes).to.equal(reservedBytes);
        own.release(first, all);
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  it("hands the bytes of a released block out again, also in parts, and joins neighbours", () => {
    const own = new Memory();
    const [a, b, c, d] = [1000, 2000, 3000, 64].map((byteLength) => own.allocate(byteLength));
    own.release(b, 2000);
    expect(own.allocate(2000)).to.equal(b);
    own.release(b, 2000);
    expect(own.allocate(500)).to.equal(b);
    expect(own.allocate(1400)).to.equal(b + rounded(500));
    own.release(b, 500);
    own.release(b + rounded(500), 1400);
    own.release(a, 1000);
    own.release(c, 3000);
    expect(own.allocate(rounded(1000) + rounded(2000) + rounded(3000))).to.equal(a);
    expect(d).to.equal(c + rounded(3000));
  });

  it("takes the smallest hole that is large enough", () => {
    const own = new Memory();
    const sizes = [6400, 64, 1280, 64, 3200, 64];
    const blocks = sizes.map((byteLength) => ({ address: own.allocate(byteLength), byteLength }));
    for (const index of [0, 2, 4]) own.release(blocks[index].address, blocks[index].byteLength);
    expect(own.allocate(1280)).to.equal(blocks[2].address);
    expect(own.allocate(1280)).to.equal(blocks[4].address);
  });

  it("reserves little more than was ever in use at a time", () => {
    // Steps of one kind and two lengths, with tensors that outlive them, as in progressive training.
    const own = new Memory();
    const random = new Random(1);
    const lasting: Block[] = [];
    for (let step = 0; step < 400; step++) {
      const length = step % 3 === 0 ? 60 : 10 + random.integer(50);
      const passing: Block[] = [];
      for (let at = 0; at < length; at++) {
        for (const byteLength of [4096, 40960, 16384 + 64 * random.integer(64)]) {
          passing.push({ address: own.allocate(byteLength), byteLength });
        }
        const { address, byteLength } = passing.splice(random.integer(passing.length), 1)[0];
        own.release(address, byteLength);
      }
      if (step % 10 === 0) lasting.push({ address: own.allocate(10000), byteLength: 10000 });
      for (const { address, byteLength } of passing) own.release(address, byteLength);
    }
    expect(own.liveBytes).to.equal(bytesOf(lasting));
    expect(own.reservedBytes).to.be.at.most(1.15 * own.peakBytes + LOW_BYTES + GROWTH_BYTES);
  });

  it("released bytes are NaN where poison is set, and left alone where it is not", () => {
    for (const poison of [true, false]) {
      const own = new Memory();
      own.poison = poison;
      const address = own.allocate(400);
      const f32 = new Float32Array(own.buffer as ArrayBuffer, address, 100).fill(1);
      const f64 = new Float64Array(own.buffer as ArrayBuffer, address, 50);
      own.release(address, 400);
      expect(f32.every((value) => Number.isNaN(value) === poison)).to.equal(true);
      expect(f64.every((value) => Number.isNaN(value) === poison)).to.equal(true);
    }
  });

  it("unshared memory keeps what it holds when it grows, under a new buffer", () => {
    const own = new Memory({ shared: false });
    const address = own.allocate(64);
    const before = own.buffer;
    new Float32Array(before as ArrayBuffer, address, 16).fill(7);
    own.allocate(2 * GROWTH_BYTES);
    expect(own.buffer).not.to.equal(before);
    expect(new Float32Array(own.buffer as ArrayBuffer, address, 16).every((value) => value === 7)).to.equal(true);
  });

  it("refuses what is no number of bytes, and is as it was", () => {
    const own = new Memory();
    for (const byteLength of [Number.NaN, -64, 1.5, Number.POSITIVE_INFINITY, 2 ** 60]) {
      expect(() => own.allocate(byteLength)).to.throw(`memory: a block of ${byteLength} bytes cannot be allocated`);
    }
    expect(own.liveBytes).to.equal(0);
    expect(own.allocate(64)).to.equal(LOW_BYTES);
  });

  it("says what was asked for, what is in use, and how to give back, when 4 GiB do not suffice", () => {
    const { liveBytes, reservedBytes } = memory;
    expect(() => memory.allocate(MAXIMUM_BYTES)).to.throw(
      `out of memory: ${MAXIMUM_BYTES} bytes were asked for while ${liveBytes} of at most ${MAXIMUM_BYTES} are in use; ` +
        "wrap repeated work in scope(() => …)",
    );
    expect(memory).to.include({ liveBytes, reservedBytes });
    const own = new Memory();
    own.allocate(2 ** 31);
    expect(() => own.allocate(2 ** 31)).to.throw(`${2 ** 31} of at most 4294967296 are in use`);
    expect(own.allocate(2 ** 31 - 2 * LOW_BYTES)).to.equal(2 ** 31 + LOW_BYTES);
  });
});

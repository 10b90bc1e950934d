import { expect } from "chai";
import { widenBf16, widenF16 } from "../../src/io/half-floats.ts";

const ALL = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** What sixteen bits mean, by the definition of such formats: (−1)^sign · 2^(exponent − bias) · (1 + fraction). */
function meaning(bits: number, { exponentBits }: { exponentBits: number }): number {
  const fractionBits = 15 - exponentBits;
  const sign = bits >= 32768 ? -1 : 1;
  const exponent = Math.floor((bits % 32768) / 2 ** fractionBits);
  const fraction = (bits % 2 ** fractionBits) / 2 ** fractionBits;
  const largest = 2 ** exponentBits - 1;
  const bias = (largest - 1) / 2;
  if (exponent === largest) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

describe("numbers of sixteen bits", () => {
  for (const [name, widen, exponentBits] of [
    ["F16", widenF16, 5],
    ["BF16", widenBf16, 8],
  ] as const) {
    it(`of type ${name} keep their value, all 65,536 of them`, () => {
      const wide = new Float32Array(ALL.length);
      widen(ALL, wide);
      for (const bits of ALL) {
        const expected = meaning(bits, { exponentBits });
        if (!Object.is(wide[bits], expected))
          expect.fail(`0x${bits.toString(16)}: ${wide[bits]} instead of ${expected}`);
      }
    });

    it(`of type ${name} keep the bits of what is no number`, () => {
      const wide = new Float32Array(ALL.length);
      widen(ALL, wide);
      const words = new Uint32Array(wide.buffer);
      const notNumbers = [...ALL].filter((bits) => Number.isNaN(meaning(bits, { exponentBits })));
      expect(new Set(notNumbers.map((bits) => words[bits])).size).to.equal(notNumbers.length);
    });
  }
});

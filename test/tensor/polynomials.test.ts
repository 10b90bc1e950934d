import { readFileSync } from "node:fs";
import { expect } from "chai";
import { ERFC_SCALE, erfc, fitTables, GELU_REACH, TANH_NEAR } from "../../scripts/fit-polynomials.ts";

const sources = ["lanes.ts", "gelu.ts"]
  .map((name) => readFileSync(new URL(`../../src/tensor/assembly/${name}`, import.meta.url), "utf8"))
  .join("\n");

/** The numbers of a table in the AssemblyScript sources, as f32. */
function table(name: string): number[] {
  const match = sources.match(new RegExp(`const ${name} = memory\\.data<f32>\\(\\[([^\\]]*)\\]\\)`));
  if (match === null) throw new Error(`the sources have no table ${name}`);
  const numbers = match[1].split(",").filter((text) => text.trim() !== "");
  return numbers.map((text) => Math.fround(Number(text)));
}

/** By mpmath with 40 digits. */
const ERFC = [
  [0, 1],
  [0.25, 0.7236736098317631],
  [0.5, 0.4795001221869535],
  [1, 0.15729920705028513],
  [1.5, 0.03389485352468927],
  [1.9375, 0.0061431936047868],
  [1.984375, 0.00501093394992645],
  [2, 0.004677734981047266],
  [2.03125, 0.004070817705246996],
  [2.5, 0.00040695201744495897],
  [3, 2.209049699858544e-5],
  [4, 1.541725790028002e-8],
  [4.25, 1.8505741373867425e-9],
  [5, 1.5374597944280349e-12],
];

describe("the kernels' polynomials", () => {
  const fits = fitTables();

  it("are those that scripts/fit-polynomials.ts makes", () => {
    for (const [name, { coefficients }] of Object.entries(fits)) {
      expect(table(name), name).to.deep.equal(coefficients);
    }
    // Tables of coefficients have such names.
    const names = [...sources.matchAll(/const (\w+_SERIES|EXACT_\w+) = memory/g)].map(([, name]) => name);
    expect(names.sort()).to.deep.equal(Object.keys(fits).sort());
  });

  it("are used in the intervals that they were fitted on", () => {
    expect(table("ERFC_SCALE")).to.deep.equal([ERFC_SCALE]);
    expect(table("TANH_NEAR")).to.deep.equal([Math.fround(TANH_NEAR)]);
    expect(table("REACH")).to.deep.equal([-GELU_REACH, GELU_REACH]);
  });

  it("are by themselves closer than f32's rounding, but for two, whose errors their degrees allow no smaller", () => {
    for (const name of [
      "EXP_SERIES",
      "LOG_SERIES",
      "TANH_SERIES",
      "ERF_SERIES",
      "ERFC_SERIES",
      "EXACT_EXPONENT",
    ] as const) {
      expect(fits[name].roundedError, name).to.be.below(2 ** -24);
    }
    expect(fits.POWER_SERIES.roundedError).to.be.below(1.1e-7);
    expect(fits.EXACT_SLOPE.roundedError).to.be.below(3.2e-7);
  });
});

describe("erfc", () => {
  it("is right to 2e-13 of itself, also where one formula takes over from the other", () => {
    for (const [z, expected] of ERFC) expect(erfc(z) / expected, `erfc(${z})`).to.be.closeTo(1, 2e-13);
  });
});

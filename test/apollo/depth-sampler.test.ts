import { expect } from "chai";
import fc from "fast-check";
import {
  type DepthSampler,
  type DepthSamplerOptions,
  depthSampler,
  ES_VARIANTS,
  LVPS_VARIANTS,
  releaseDepth,
} from "../../src/apollo/depth-sampler.ts";
import { Random } from "../../src/tensor/random.ts";

const every: DepthSamplerOptions[] = [
  ...LVPS_VARIANTS.map((lvps) => ({ sampler: "lvps", lvps }) as const),
  ...[-0.5, 1, 5, 10].map((k) => ({ sampler: "lvps", k }) as const),
  { sampler: "lvps", lvps: "round", k: 5 },
  { sampler: "lvps", lvps: "floor", k: -0.9 },
  { sampler: "lvps", lvps: "floorIncl", k: 2 },
  ...ES_VARIANTS.map((es) => ({ sampler: "es", es }) as const),
  { sampler: "es", k: 0.1 },
  { sampler: "es", es: "round", k: 40 },
  { sampler: "us" },
  { sampler: "fs" },
  { sampler: "none" },
];
const samplers = every.map(depthSampler);
const lvps = (variant: (typeof LVPS_VARIANTS)[number], k = 0) => depthSampler({ sampler: "lvps", lvps: variant, k });
const es = (variant: (typeof ES_VARIANTS)[number]) => depthSampler({ sampler: "es", es: variant });
const isRelease = ({ name }: DepthSampler) => name.includes("release");

const anySampler = fc.constantFrom(...samplers);
const uniforms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const ranges = fc.integer({ min: 1, max: 48 }).chain((L) => fc.tuple(fc.integer({ min: 1, max: L }), fc.constant(L)));

const probabilities = (sampler: DepthSampler, N: number, L: number) =>
  sampler.depths(N, L).map(({ probability }) => probability);

/** Holds numbers to as many digits as the specification prints. */
function expectDigits(found: readonly number[], printed: string, label: string): void {
  const words = printed.split(" ");
  expect(found, label).to.have.length(words.length);
  words.forEach((word, index) => {
    const digits = word.split(".")[1]?.length ?? 0;
    expect(found[index], `${label}, entry ${index}`).to.be.closeTo(Number(word), 0.5 * 10 ** -digits + 1e-12);
  });
}

function sum(from: number, to: number, term: (j: number) => number): number {
  let total = 0;
  for (let j = from; j <= to; j++) total += term(j);
  return total;
}

/** ∫ f by Gauss–Legendre with three points on each of many equal pieces. */
function integrate(f: (x: number) => number, low: number, high: number, pieces = 20000): number {
  const half = (high - low) / pieces / 2;
  return sum(0, pieces - 1, (piece) => {
    const middle = low + (2 * piece + 1) * half;
    const offset = half * Math.sqrt(0.6);
    return (half / 9) * (5 * f(middle - offset) + 8 * f(middle) + 5 * f(middle + offset));
  });
}

/** Q(a, x) = Γ(a, x)/Γ(a) for a = degrees/2, by the recurrence Q(a+1, x) = Q(a, x) + xᵃe⁻ˣ/Γ(a+1). */
function chiSquareTail(statistic: number, degrees: number): number {
  const x = statistic / 2;
  const isEven = degrees % 2 === 0;
  let a = isEven ? 1 : 0.5;
  let tail = isEven ? Math.exp(-x) : complementaryError(Math.sqrt(x));
  let term = Math.exp(-x) * (isEven ? x : 2 * Math.sqrt(x / Math.PI));
  while (a < degrees / 2) {
    tail += term;
    a++;
    term *= x / a;
  }
  return tail;
}

/** erfc by integrating its density. */
function complementaryError(x: number): number {
  return (2 / Math.sqrt(Math.PI)) * integrate((t) => Math.exp(-t * t), x, x + 8, 2000);
}

describe("depth samplers", () => {
  it("draw an integer in [N, L], the same for the same uniform, with probability above 0", () => {
    fc.assert(
      fc.property(anySampler, uniforms, ranges, (sampler, u, [N, L]) => {
        const depth = sampler.depthFromUniform(u, N, L);
        expect(Number.isInteger(depth)).to.equal(true);
        expect(depth).to.be.within(N, L);
        expect(sampler.depthFromUniform(u, N, L)).to.equal(depth);
        expect(probabilities(sampler, N, L)[depth - N]).to.be.above(0);
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  it("draw within [N, L] at the very ends of the unit interval", () => {
    for (const sampler of samplers) {
      for (const u of [0, Number.MIN_VALUE, 1e-300, 2 ** -53, 1 - 2 ** -53]) {
        for (const [N, L] of [
          [1, 12],
          [3, 24],
          [11, 15],
          [13, 15],
          [12, 96],
        ]) {
          const depth = sampler.depthFromUniform(u, N, L);
          expect(depth, sampler.name).to.be.within(N, L);
          expect(probabilities(sampler, N, L)[depth - N], sampler.name).to.be.above(0);
        }
      }
    }
  });

  it("never fall in the uniform, or never rise for the release's formulas", () => {
    fc.assert(
      fc.property(anySampler, uniforms, uniforms, ranges, (sampler, u, v, [N, L]) => {
        const low = sampler.depthFromUniform(Math.min(u, v), N, L);
        const high = sampler.depthFromUniform(Math.max(u, v), N, L);
        if (isRelease(sampler)) expect(high).to.be.at.most(low);
        else expect(high).to.be.at.least(low);
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  it("give L for N = L", () => {
    for (const sampler of samplers) {
      expect(sampler.depthFromUniform(0.3, 12, 12), sampler.name).to.equal(12);
      expect(sampler.depths(12, 12), sampler.name).to.deep.equal([{ depth: 12, probability: 1 }]);
      expect(sampler.expectedDepth(12, 12), sampler.name).to.equal(12);
    }
  });

  it("have probabilities over N … L that are at least 0, sum to 1 and have the expected depth as their mean", () => {
    fc.assert(
      fc.property(anySampler, ranges, (sampler, [N, L]) => {
        const pmf = sampler.depths(N, L);
        expect(pmf.map(({ depth }) => depth)).to.deep.equal(Array.from({ length: L - N + 1 }, (_, i) => N + i));
        for (const { probability } of pmf) expect(probability).to.be.at.least(0);
        expect(pmf.reduce((total, { probability }) => total + probability, 0)).to.be.closeTo(1, 1e-12);
        const mean = pmf.reduce((total, { depth, probability }) => total + depth * probability, 0);
        expect(sampler.expectedDepth(N, L)).to.be.closeTo(mean, 1e-10);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  it("have their breakpoints where the cumulative distribution says, to 1e-12", () => {
    const closedForm = closedFormCumulatives();
    for (const { sampler, cumulative } of closedForm) {
      for (const [N, L] of [
        [1, 6],
        [1, 12],
        [3, 12],
        [6, 12],
        [3, 24],
        [12, 24],
        [11, 15],
      ]) {
        for (let j = N; j < L; j++) {
          const falling = isRelease(sampler);
          // P(depth ≤ j), or P(depth > j) where the depth falls in the uniform.
          const expected = falling ? 1 - cumulative(j, N, L) : cumulative(j, N, L);
          const found = bisect((u) => sampler.depthFromUniform(u, N, L) > j !== falling);
          expect(found, `${sampler.name} (${N}, ${L}) at ${j}`).to.be.closeTo(expected, 1e-12);
          const mass = sum(0, j - N, (index) => probabilities(sampler, N, L)[index]);
          expect(mass, `${sampler.name} (${N}, ${L}) at ${j}`).to.be.closeTo(cumulative(j, N, L), 1e-12);
        }
      }
    }
  });

  it("pass a chi-square test at 1e5 draws, never draw a zero cell, and keep their mean within 4 standard errors", () => {
    const draws = 100_000;
    const tested = [
      ...LVPS_VARIANTS.map((variant) => lvps(variant)),
      ...ES_VARIANTS.map(es),
      lvps("int", 10),
      ...(["us", "fs", "none"] as const).map((sampler) => depthSampler({ sampler })),
    ];
    for (const sampler of tested) {
      for (const [N, L] of [
        [1, 12],
        [3, 12],
        [6, 12],
      ]) {
        const label = `${sampler.name} (${N}, ${L})`;
        const random = Random.stream(7, label);
        const counts = new Array<number>(L - N + 1).fill(0);
        for (let draw = 0; draw < draws; draw++) counts[sampler.depthFromUniform(random.uniform(), N, L) - N]++;
        const pmf = probabilities(sampler, N, L);

        let statistic = 0;
        let cells = 0;
        let rest = { count: 0, expected: 0 };
        pmf.forEach((probability, index) => {
          if (probability === 0) expect(counts[index], `${label} at ${N + index}`).to.equal(0);
          // Cells too small for the approximation are counted together.
          rest = { count: rest.count + counts[index], expected: rest.expected + draws * probability };
          if (rest.expected < 5) return;
          statistic += (rest.count - rest.expected) ** 2 / rest.expected;
          cells++;
          rest = { count: 0, expected: 0 };
        });
        if (cells > 1) expect(chiSquareTail(statistic, cells - 1), label).to.be.above(1e-6);

        const mean = counts.reduce((total, count, index) => total + count * (N + index), 0) / draws;
        const expected = sampler.expectedDepth(N, L);
        const variance = pmf.reduce((total, p, index) => total + p * (N + index - expected) ** 2, 0);
        expect(Math.abs(mean - expected), label).to.be.at.most(4 * Math.sqrt(variance / draws) + 1e-12);
      }
    }
  });

  it("measures p-values with a tail that matches tables", () => {
    expect(chiSquareTail(3.841458820694124, 1)).to.be.closeTo(0.05, 1e-9);
    expect(chiSquareTail(5.991464547107979, 2)).to.be.closeTo(0.05, 1e-9);
    expect(chiSquareTail(7.814727903251179, 3)).to.be.closeTo(0.05, 1e-9);
    expect(chiSquareTail(18.307038053275146, 10)).to.be.closeTo(0.05, 1e-9);
    expect(chiSquareTail(19.67513757268249, 11)).to.be.closeTo(0.05, 1e-9);
  });
});

describe("expected depths", () => {
  it("are those of the specification", () => {
    const rows: [N: number, L: number, lvps: string, us: number][] = [
      // floor, round, floorIncl, int, release
      [1, 12, "2.2944 2.6713 2.3618 1.9829 1.7668", 6.5],
      [3, 12, "5.0795 5.5282 5.2525 5.0899 4.2256", 7.5],
      [6, 12, "7.8385 8.3074 8.1358 8.0883 7.1354", 9],
      [12, 12, "12 12 12 12 12", 12],
      [1, 24, "2.8967 3.2782 2.9333 2.3539 2.1277", 12.5],
      [3, 24, "6.6604 7.1142 6.7589 6.4270 5.1503", 13.5],
      [6, 24, "10.6077 11.0817 10.7839 10.6227 8.6850", 15],
      [12, 24, "16.1459 16.6303 16.4480 16.4040 14.4584", 18],
    ];
    for (const [N, L, printed, us] of rows) {
      const order = ["floor", "round", "floorIncl", "int", "release"] as const;
      const found = order.map((variant) => lvps(variant).expectedDepth(N, L));
      expectDigits(found, printed, `(${N}, ${L})`);
      expect(depthSampler({ sampler: "us" }).expectedDepth(N, L)).to.be.closeTo(us, 1e-12);
      expect(depthSampler({ sampler: "fs" }).expectedDepth(N, L)).to.equal(L);
      expect(depthSampler({ sampler: "none" }).expectedDepth(N, L)).to.equal(N);
      for (const variant of ["int", "round"] as const) {
        expect(es(variant).expectedDepth(N, L), `es ${variant}`).to.be.closeTo((N + L) / 2, 1e-12);
      }
    }
    expect(lvps("floor").expectedDepth(1, 12)).to.be.closeTo(58301 / 25410, 1e-13);
    expect(lvps("floor").expectedDepth(3, 12)).to.be.closeTo(35201 / 6930, 1e-13);
    expect(lvps("floor").expectedDepth(6, 12)).to.be.closeTo(18107 / 2310, 1e-13);
    // The specification's numbers are for x from U(0, 1); the release's least x of 1e-6 takes some 1e-5 from them.
    const release = [1, 3, 6].map(
      (N) => N + sum(N + 1, 12, (j) => Math.min(1, 0.5 + Math.log((12 + 0.4 * N - j) / (j - 0.6 * N)) / 20)),
    );
    expectDigits(release, "6.333 7.393 8.937", "es release");
    [1, 3, 6].forEach((N, index) => {
      expect(es("release").expectedDepth(N, 12), `es release, N = ${N}`).to.be.within(
        release[index] - 1e-5,
        release[index],
      );
    });
  });

  it("of LVPS with k = 0 have the closed forms", () => {
    fc.assert(
      fc.property(ranges, ([N, L]) => {
        fc.pre(N < L);
        const factor = N / (L - N);
        const floor = N + factor * (L * sum(N + 1, L - 1, (j) => 1 / j) - (L - 1 - N));
        const round = N + factor * sum(N + 1, L, (j) => (L - j + 0.5) / (j - 0.5));
        const int = sum(N, L, (j) => 1 / j) / sum(N, L, (j) => 1 / j ** 2);
        const r = L / N;
        const release = N + sum(N + 1, L, (j) => (0.6 / (r - 0.2)) * (((r + 0.4) * N) / j - 1));
        expect(lvps("floor").expectedDepth(N, L)).to.be.closeTo(floor, 1e-11);
        expect(lvps("round").expectedDepth(N, L)).to.be.closeTo(round, 1e-11);
        expect(lvps("int").expectedDepth(N, L)).to.be.closeTo(int, 1e-11);
        expect(lvps("release").expectedDepth(N, L)).to.be.closeTo(release, 1e-11);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe("depth distributions", () => {
  it("of LVPS are those of the specification", () => {
    expectDigits(
      probabilities(lvps("release"), 1, 12),
      ".7356 .1051 .0525 .0315 .0210 .0150 .0113 .0088 .0070 .0057 .0048 .0017",
      "release 1",
    );
    expectDigits(
      probabilities(lvps("release"), 3, 12),
      ".6368 .1042 .0695 .0496 .0372 .0289 .0232 .0189 .0158 .0158",
      "release 3",
    );
    expectDigits(probabilities(lvps("release"), 6, 12), ".6476 .0857 .0667 .0533 .0436 .0364 .0667", "release 6");
    expectDigits(
      probabilities(lvps("floor"), 1, 12),
      ".5455 .1818 .0909 .0545 .0364 .0260 .0195 .0152 .0121 .0099 .0083 0",
      "floor 1",
    );
    expectDigits(
      probabilities(lvps("floor"), 3, 12),
      ".3333 .2 .1333 .0952 .0714 .0556 .0444 .0364 .0303 0",
      "floor 3",
    );
    expectDigits(probabilities(lvps("floor"), 6, 12), ".2857 .2143 .1667 .1333 .1091 .0909 0", "floor 6");
    expectDigits(
      probabilities(lvps("int"), 1, 12),
      ".6390 .1597 .0710 .0399 .0256 .0177 .0130 .0100 .0079 .0064 .0053 .0044",
      "int 1",
    );
    expectDigits(
      probabilities(lvps("int"), 3, 12),
      ".3528 .1984 .1270 .0882 .0648 .0496 .0392 .0317 .0262 .0220",
      "int 3",
    );
    expectDigits(probabilities(lvps("int"), 6, 12), ".2740 .2013 .1541 .1218 .0987 .0815 .0685", "int 6");
    expectDigits(probabilities(lvps("int", 1), 1, 6), ".4885 .2171 .1221 .0782 .0543 .0399", "int k = 1");
    expectDigits(probabilities(lvps("int", 5), 1, 6), ".2942 .2161 .1655 .1308 .1059 .0875", "int k = 5");
    expectDigits(probabilities(lvps("int", 10), 1, 6), ".2390 .2008 .1711 .1475 .1285 .1130", "int k = 10");
  });

  it("of LVPS on 1 … 6 are exact fractions", () => {
    const exact = (variant: (typeof LVPS_VARIANTS)[number], fractions: number[]) =>
      probabilities(lvps(variant), 1, 6).forEach((probability, index) => {
        expect(probability, `${variant} at ${index + 1}`).to.be.closeTo(fractions[index], 1e-15);
      });
    exact("floor", [3 / 5, 1 / 5, 1 / 10, 3 / 50, 1 / 25, 0]);
    exact("round", [2 / 5, 8 / 25, 24 / 175, 8 / 105, 8 / 165, 1 / 55]);
    exact(
      "int",
      [3600, 900, 400, 225, 144, 100].map((count) => count / 5369),
    );
  });

  it("of LVPS have the ends of the specification", () => {
    const ends: [N: number, first: string, last: string][] = [
      [1, ".545 .364 .639 .736", "0 .0040 .0044 .0017"],
      [3, ".333 .190 .353 .637", "0 .0145 .0220 .0158"],
      [6, ".286 .154 .274 .648", "0 .0435 .0685 .0667"],
    ];
    for (const [N, first, last] of ends) {
      const pmfs = (["floor", "round", "int", "release"] as const).map((variant) =>
        probabilities(lvps(variant), N, 12),
      );
      const firsts = pmfs.map((pmf) => pmf[0]);
      const lasts = pmfs.map((pmf) => pmf[pmf.length - 1]);
      expectDigits(firsts, first, `P(N), N = ${N}`);
      expectDigits(lasts, last, `P(L), N = ${N}`);
    }
  });

  it("of ES are those of the specification", () => {
    expectDigits(
      probabilities(es("int"), 1, 12),
      ".4136 .0316 .0182 .0138 .0119 .0111 .0111 .0119 .0138 .0182 .0316 .4136",
      "int 1",
    );
    expectDigits(
      probabilities(es("int"), 3, 12),
      ".4312 .0279 .0164 .0129 .0116 .0116 .0129 .0164 .0279 .4312",
      "int 3",
    );
    expectDigits(probabilities(es("int"), 6, 12), ".4587 .0215 .0137 .0122 .0137 .0215 .4587", "int 6");
    expectDigits(
      probabilities(es("round"), 1, 12),
      ".2087 .1107 .0602 .0452 .0388 .0363 .0363 .0388 .0452 .0602 .1107 .2087",
      "round 1",
    );
    expectDigits(probabilities(es("round"), 1, 6), ".2861 .1305 .0835 .0835 .1305 .2861", "round 1 … 6");
    expectDigits(
      probabilities(es("release"), 1, 12),
      ".3997 .032 .023 .0192 .0175 .017 .0175 .0192 .023 .032 .0672 .3325",
      "release 1",
    );
  });

  it("of the default is nearer to the release's than any other reading of LVPS", () => {
    const distance = (variant: (typeof LVPS_VARIANTS)[number], N: number) => {
      const release = probabilities(lvps("release"), N, 12);
      const own = probabilities(lvps(variant), N, 12);
      return own.reduce((total, p, index) => total + Math.abs(p - release[index]) / 2, 0);
    };
    expectDigits(
      [1, 3, 6].map((N) => distance("int", N)),
      ".097 .284 .374",
      "total variation",
    );
    for (const N of [1, 3, 6]) {
      for (const other of ["floor", "floorIncl", "round"] as const) {
        expect(distance(other, N), `${other}, N = ${N}`).to.be.above(distance("int", N));
      }
    }
  });

  it("of LVPS tend to the uniform one for large k, and US is that", () => {
    for (const probability of probabilities(lvps("int", 1e9), 3, 12)) expect(probability).to.be.closeTo(0.1, 1e-8);
    for (const probability of probabilities(depthSampler({ sampler: "us" }), 3, 12)) {
      expect(probability).to.be.closeTo(0.1, 1e-15);
    }
  });

  it("of LVPS fall with the depth for every k from 0", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e3, noNaN: true }), ranges, (k, [N, L]) => {
        const pmf = probabilities(lvps("int", k), N, L);
        for (let index = 1; index < pmf.length; index++) expect(pmf[index]).to.be.below(pmf[index - 1]);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("stay finite at extreme k", () => {
    for (const [N, L] of [
      [1, 12],
      [6, 96],
    ]) {
      for (const sampler of [
        lvps("int", 1e300),
        lvps("round", 1e150),
        lvps("int", -N + 1e-12),
        depthSampler({ sampler: "es", k: 1000 }),
        depthSampler({ sampler: "es", es: "round", k: 1000 }),
        depthSampler({ sampler: "es", es: "round", k: 1e-9 }),
      ]) {
        const pmf = probabilities(sampler, N, L);
        expect(
          sum(0, pmf.length - 1, (index) => pmf[index]),
          sampler.name,
        ).to.be.closeTo(1, 1e-9);
      }
    }
    // Half of the mass at each end.
    const steep = probabilities(depthSampler({ sampler: "es", k: 1000 }), 1, 12);
    expect([steep[0], steep[11]].map((p) => Math.abs(p - 0.5) < 1e-12)).to.deep.equal([true, true]);
  });
});

describe("depth densities", () => {
  it("of LVPS are the paper's on 1 … 6", () => {
    const at = (k: number) => [1, 2, 3, 4, 5, 6].map((x) => lvps("int", k).density!(x, 1, 6));
    expectDigits(at(0), "1.2 .3 .133 .075 .048 .0333", "k = 0");
    for (const [k, b] of [
      [0, 1.2],
      [1, 2.8],
      [5, 13.2],
      [10, 35.2],
    ]) {
      at(k).forEach((density, index) => expect(density, `k = ${k}`).to.be.closeTo(b / (index + 1 + k) ** 2, 1e-14));
    }
  });

  it("integrate to 1, and give the mean of the continuous LVPS", () => {
    for (const sampler of samplers) {
      if (sampler.density === undefined || sampler.name.endsWith("k=40")) continue;
      for (const [N, L] of [
        [1, 12],
        [3, 12],
        [6, 12],
      ]) {
        // Piece borders on the jumps: the release's ES runs from y(x = 1) to y(x = 0), up to its least x.
        const y = (x: number) => (L - 0.2 * N) / (1 + Math.exp(20 * (x - 0.5))) + 0.6 * N;
        const cuts =
          sampler.name === "es release k=20"
            ? [y(1), y(0.99), y(0.01), y(0)]
            : [0, 0.6 * N, N, L, L + 0.4 * N, L + 1].sort((a, b) => a - b);
        const mass = sum(1, cuts.length - 1, (index) =>
          integrate((x) => sampler.density!(x, N, L), cuts[index - 1], cuts[index]),
        );
        expect(mass, `${sampler.name} (${N}, ${L})`).to.be.closeTo(1, 1e-4);
      }
    }
    const means: [N: number, L: number, mean: string][] = [
      [1, 12, "2.7108"],
      [3, 12, "5.5452"],
      [6, 12, "8.3178"],
      [1, 24, "3.3162"],
      [3, 24, "7.1295"],
      [6, 24, "11.0904"],
      [12, 24, "16.6355"],
    ];
    for (const [N, L, mean] of means) {
      const found = integrate((x) => x * lvps("floor").density!(x, N, L), N, L);
      expectDigits([found], mean, `(${N}, ${L})`);
      expect(found).to.be.closeTo((N * L * Math.log(L / N)) / (L - N), 1e-9);
    }
  });

  it("integrate to the mass that the variant makes of them", () => {
    for (const [N, L] of [
      [1, 12],
      [3, 12],
      [6, 12],
    ]) {
      const interior = (sampler: DepthSampler, shift: number) => {
        for (let j = N + 1; j < L; j++) {
          const mass = integrate((x) => sampler.density!(x, N, L), j - shift, j + 1 - shift, 2000);
          const probability = probabilities(sampler, N, L)[j - N];
          expect(mass, `${sampler.name} (${N}, ${L}) at ${j}`).to.be.closeTo(probability, 1e-9);
        }
      };
      interior(lvps("floor"), 0);
      interior(lvps("floor", 5), 0);
      interior(lvps("floorIncl"), 0);
      interior(lvps("release"), 0);
      interior(lvps("round"), 0.5);
      interior(es("round"), 0.5);
      interior(es("release"), 0);
    }
  });

  it("of ES are high at both ends and symmetric", () => {
    const density = es("int").density!;
    for (const z of [0, 0.5, 1, 2.4]) expect(density(1 + z, 1, 6)).to.be.closeTo(density(6 - z, 1, 6), 1e-12);
    expect(density(1, 1, 6)).to.be.closeTo((1 / (5 / 147.41) + 1 / (5 + 5 / 147.41)) / 10, 1e-3);
    expect(density(1, 1, 6)).to.be.above(30 * density(3.5, 1, 6));
  });

  it("are 0 outside the interval, refused where all mass is on one point, and absent without a formula", () => {
    expect(lvps("int").density!(0.9, 1, 6)).to.equal(0);
    expect(lvps("int").density!(6.1, 1, 6)).to.equal(0);
    expect(lvps("floorIncl").density!(6.9, 1, 6)).to.be.above(0);
    expect(lvps("release").density!(0.7, 1, 6)).to.be.above(0);
    expect(lvps("release").density!(0.5, 1, 6)).to.equal(0);
    expect(() => lvps("int").density!(6, 6, 6)).to.throw("no density for N = L = 6");
    expect(depthSampler({ sampler: "fs" }).density).to.equal(undefined);
    expect(depthSampler({ sampler: "none" }).density).to.equal(undefined);
  });
});

describe("releaseDepth", () => {
  it("follows the formula: draws worked out by hand", () => {
    // N = 1, L = 12: y ≈ 7.44/(11.8x + 0.6), clipped to [1, 12].
    const lvpsDraws: [x: number, depth: number][] = [
      [1e-6, 12],
      [0.001, 12],
      [0.002, 11],
      [0.01, 10],
      [0.1, 4],
      [0.26, 2],
      [0.27, 1],
      [0.5, 1],
      [1, 1],
    ];
    for (const [x, depth] of lvpsDraws) {
      expect(releaseDepth({ sampler: "lvps", x, uniqueLayers: 1, targetDepth: 12 }), `x = ${x}`).to.equal(depth);
    }
    // N = 6, L = 12: y ≈ 1.44/(1.8x + 0.6); 6y falls below 7 at x = 0.352 and below 12 at x = 0.0667.
    for (const [x, depth] of [
      [0.066, 12],
      [0.067, 11],
      [0.352, 7],
      [0.353, 6],
    ]) {
      expect(releaseDepth({ sampler: "lvps", x, uniqueLayers: 6, targetDepth: 12 }), `x = ${x}`).to.equal(depth);
    }
    // ES, N = 1, L = 12: y = 11.8/(1 + e^{20x−10}) + 0.6, so y(½) = 6.5.
    for (const [x, depth] of [
      [1e-6, 12],
      [0.3, 12],
      [0.4, 10],
      [0.5, 6],
      [0.6, 2],
      [0.9, 1],
    ]) {
      expect(releaseDepth({ sampler: "es", x, uniqueLayers: 1, targetDepth: 12 }), `x = ${x}`).to.equal(depth);
    }
  });

  it("is what the release variants draw at x = 1e-6 + (1 − 1e-6)·u", () => {
    fc.assert(
      fc.property(fc.constantFrom("lvps", "es"), uniforms, ranges, (sampler, u, [N, L]) => {
        const drawn = (sampler === "lvps" ? lvps("release") : es("release")).depthFromUniform(u, N, L);
        const x = 1e-6 + (1 - 1e-6) * u;
        expect(releaseDepth({ sampler, x, uniqueLayers: N, targetDepth: L })).to.equal(drawn);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });

  it("reaches L where plain truncation loses a layer", () => {
    expect(Math.trunc((15 / 11) * 11)).to.equal(14);
    expect(releaseDepth({ sampler: "lvps", x: 1e-6, uniqueLayers: 11, targetDepth: 15 })).to.equal(15);
    expect(releaseDepth({ sampler: "lvps", x: 1e-6, uniqueLayers: 13, targetDepth: 15 })).to.equal(15);
  });

  it("refuses an x that the release cannot draw", () => {
    expect(() => releaseDepth({ sampler: "lvps", x: 0, uniqueLayers: 1, targetDepth: 12 })).to.throw("unlike 0");
    expect(() => releaseDepth({ sampler: "lvps", x: 1.1, uniqueLayers: 1, targetDepth: 12 })).to.throw("unlike 1.1");
  });
});

describe("depthSampler", () => {
  it("takes int, k = 0 for LVPS and k = 10 for ES when nothing is said", () => {
    expect(depthSampler({ sampler: "lvps" }).name).to.equal("lvps int k=0");
    expect(depthSampler({ sampler: "es" }).name).to.equal("es int k=10");
    expect(depthSampler({ sampler: "es", es: "release" }).name).to.equal("es release k=20");
    expect(depthSampler({ sampler: "es", es: "release", k: 20 }).name).to.equal("es release k=20");
  });

  it("refuses in one sentence that names the value", () => {
    const refusal = (options: object) => () => depthSampler(options as DepthSamplerOptions);
    expect(refusal({ sampler: "normal" })).to.throw('no sampler "normal"');
    expect(refusal({ sampler: "lvps", lvps: "ceil" })).to.throw('no lvps variant "ceil"');
    expect(refusal({ sampler: "es", es: "floor" })).to.throw('no es variant "floor"');
    expect(refusal({ sampler: "us", lvps: "int" })).to.throw('lvps "int" means nothing to the sampler us');
    expect(refusal({ sampler: "lvps", es: "int" })).to.throw('es "int" means nothing to the sampler lvps');
    expect(refusal({ sampler: "fs", k: 3 })).to.throw("k = 3 means nothing to the sampler fs");
    expect(refusal({ sampler: "lvps", k: Number.NaN })).to.throw("not NaN");
    expect(refusal({ sampler: "lvps", lvps: "release", k: 5 })).to.throw("such as 5");
    expect(refusal({ sampler: "es", es: "release", k: 10 })).to.throw("such as 10");
    expect(refusal({ sampler: "es", k: 0 })).to.throw("unlike 0");
    expect(refusal({ sampler: "es", k: 2000 })).to.throw("unlike 2000");
  });

  it("refuses a k of LVPS at or below −N, whichever the variant", () => {
    for (const variant of ["int", "round", "floor", "floorIncl"] as const) {
      const sampler = lvps(variant, -3);
      expect(() => sampler.depthFromUniform(0.5, 3, 12), variant).to.throw("above -N = -3, unlike -3");
      expect(() => sampler.depths(2, 12), variant).to.throw("above -N = -2, unlike -3");
      expect(() => sampler.density!(5, 2, 12), variant).to.throw("above -N = -2, unlike -3");
      expect(sampler.expectedDepth(4, 12), variant).to.be.within(4, 12);
    }
  });

  it("refuses a uniform, N or L out of range", () => {
    const us = depthSampler({ sampler: "us" });
    expect(() => us.depthFromUniform(1, 1, 6)).to.throw("unlike 1");
    expect(() => us.depthFromUniform(-0.1, 1, 6)).to.throw("unlike -0.1");
    expect(() => us.depthFromUniform(Number.NaN, 1, 6)).to.throw("unlike NaN");
    expect(() => us.depths(7, 6)).to.throw("from N = 7, not 6");
    expect(() => us.depths(0, 6)).to.throw("not 0");
    expect(() => us.expectedDepth(1.5, 6)).to.throw("not 1.5");
    expect(() => us.expectedDepth(1, 6.5)).to.throw("not 6.5");
  });
});

/** The smallest u at which `above` holds, found by bisection; `above` holds on a half-open interval up to 1. */
function bisect(above: (u: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2;
    if (middle >= 1) break;
    if (above(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** P(depth ≤ j), j < L, for every variant, written as the specification does. */
function closedFormCumulatives(): {
  sampler: DepthSampler;
  cumulative: (j: number, N: number, L: number) => number;
}[] {
  /** F(x) = c − b/(x+k) */
  const F = (x: number, low: number, high: number, k: number) =>
    (high + k) / (high - low) - ((low + k) * (high + k)) / (high - low) / (x + k);
  const logistic = (a: number) => 1 / (1 + Math.exp(-a));
  /** F of ES as the inverse of x(u) = N + D·[σ(k(u−½)) − σ(−k/2)]/[σ(k/2) − σ(−k/2)]. */
  const G = (x: number, low: number, high: number, k: number) => {
    const least = logistic(-k / 2);
    const y = least + ((x - low) / (high - low)) * (logistic(k / 2) - least);
    return 0.5 + Math.log(y / (1 - y)) / k;
  };
  const forms: [DepthSamplerOptions, (j: number, N: number, L: number) => number][] = [];
  for (const k of [0, 1, 10, -0.5]) {
    forms.push(
      [{ sampler: "lvps", lvps: "floor", k }, (j, N, L) => F(j + 1, N, L, k)],
      [{ sampler: "lvps", lvps: "round", k }, (j, N, L) => F(j + 0.5, N, L, k)],
      [{ sampler: "lvps", lvps: "floorIncl", k }, (j, N, L) => F(j + 1, N, L + 1, k)],
      [
        { sampler: "lvps", lvps: "int", k },
        (j, N, L) => sum(N, j, (i) => (i + k) ** -2) / sum(N, L, (i) => (i + k) ** -2),
      ],
    );
  }
  const releaseSurvival = (j: number, N: number, L: number) => (0.6 / (L / N - 0.2)) * (((L / N + 0.4) * N) / j - 1);
  forms.push([{ sampler: "lvps", lvps: "release" }, (j, N, L) => 1 - releaseSurvival(j + 1, N, L)]);
  for (const k of [2, 10]) {
    const weight = (j: number, N: number, L: number) => {
      const b = (L - N) / (Math.exp(k / 2) - 1);
      return 1 / (j - N + b) + 1 / (L + b - j);
    };
    forms.push(
      [{ sampler: "es", es: "round", k }, (j, N, L) => G(j + 0.5, N, L, k)],
      [
        { sampler: "es", es: "int", k },
        (j, N, L) => sum(N, j, (i) => weight(i, N, L)) / sum(N, L, (i) => weight(i, N, L)),
      ],
    );
  }
  // y > (j+1)/N exactly for x below ½ − ln((y−0.6)/(r+0.4−y))/20, and x is uniform on [1e-6, 1].
  forms.push([
    { sampler: "es", es: "release" },
    (j, N, L) => {
      const y = (j + 1) / N;
      const x = 0.5 - Math.log((y - 0.6) / (L / N + 0.4 - y)) / 20;
      return 1 - (x - 1e-6) / (1 - 1e-6);
    },
  ]);
  forms.push(
    [{ sampler: "us" }, (j, N, L) => (j - N + 1) / (L - N + 1)],
    [{ sampler: "fs" }, () => 0],
    [{ sampler: "none" }, () => 1],
  );
  return forms.map(([options, cumulative]) => ({ sampler: depthSampler(options), cumulative }));
}

import { expect } from "chai";
import fc from "fast-check";
import { LAYER_MAPS, type LayerMapName, layerMap, preservesFunctionAtGrowth } from "../../src/apollo/layer-map.ts";

const names = fc.constantFrom(...LAYER_MAPS);
const sizes = fc.integer({ min: 1, max: 96 }).chain((L) => fc.tuple(fc.integer({ min: 1, max: L }), fc.constant(L)));

/** All (N, N′, Lt) with N < N′ ≤ Lt ≤ 24, N ≤ 12. */
const triples: [N: number, Nnext: number, L: number][] = [];
for (let N = 1; N <= 12; N++) {
  for (let Nnext = N + 1; Nnext <= 24; Nnext++) for (let L = Nnext; L <= 24; L++) triples.push([N, Nnext, L]);
}
const divisibleTriples = triples.filter(([N, Nnext]) => Nnext % N === 0);

describe("layerMap", () => {
  const golden: [N: number, L: number, maps: Partial<Record<LayerMapName, string>>][] = [
    [1, 3, { interp_floor: "0 0 0", interp_round: "0 0 0", stack: "0 0 0", stack_top: "0 0 0" }],
    [3, 4, { interp_floor: "0 0 1 2", interp_round: "0 1 1 2", stack: "0 1 2 0", stack_top: "0 1 2 2" }],
    [3, 5, { interp_floor: "0 0 1 1 2", interp_round: "0 0 1 1 2", stack: "0 1 2 0 1", stack_top: "0 1 2 1 2" }],
    [
      3,
      6,
      { interp_floor: "0 0 1 1 2 2", interp_round: "0 0 1 1 2 2", stack: "0 1 2 0 1 2", stack_top: "0 1 2 0 1 2" },
    ],
    [
      3,
      12,
      {
        interp_floor: "0 0 0 0 1 1 1 1 2 2 2 2",
        interp_round: "0 0 0 0 0 1 1 1 1 2 2 2",
        stack: "0 1 2 0 1 2 0 1 2 0 1 2",
        stack_top: "0 1 2 0 1 2 0 1 2 0 1 2",
      },
    ],
    [
      6,
      8,
      {
        interp_floor: "0 0 1 2 3 3 4 5",
        interp_round: "0 1 1 2 3 4 4 5",
        stack: "0 1 2 3 4 5 0 1",
        stack_top: "0 1 2 3 4 5 4 5",
      },
    ],
    [
      6,
      9,
      {
        interp_floor: "0 0 1 2 2 3 4 4 5",
        interp_round: "0 0 1 2 2 3 4 4 5",
        stack: "0 1 2 3 4 5 0 1 2",
        stack_top: "0 1 2 3 4 5 3 4 5",
      },
    ],
    [
      6,
      12,
      {
        interp_floor: "0 0 1 1 2 2 3 3 4 4 5 5",
        interp_round: "0 0 1 1 2 2 3 3 4 4 5 5",
        stack: "0 1 2 3 4 5 0 1 2 3 4 5",
        stack_top: "0 1 2 3 4 5 0 1 2 3 4 5",
      },
    ],
  ];
  for (const [N, L, maps] of golden) {
    it(`gives the golden vectors of (${N}, ${L})`, () => {
      for (const [name, map] of Object.entries(maps)) {
        expect(layerMap(name as LayerMapName, N, L).join(" "), name).to.equal(map);
      }
    });
  }

  it("interp_ceil follows its 1-based definition", () => {
    expect(layerMap("interp_ceil", 3, 4)).to.deep.equal([0, 1, 2, 2]);
    expect(layerMap("interp_ceil", 6, 8)).to.deep.equal([0, 1, 2, 2, 3, 4, 5, 5]);
    expect(layerMap("interp_ceil", 3, 12)).to.deep.equal([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it("is a list of L indices that uses every layer", () => {
    fc.assert(
      fc.property(names, sizes, (name, [N, L]) => {
        const map = layerMap(name, N, L);
        expect(map).to.have.length(L);
        expect([...new Set(map)].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: N }, (_, i) => i));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it("never falls along an interpolation, and is the identity for N = L", () => {
    fc.assert(
      fc.property(names, sizes, (name, [N, L]) => {
        expect(layerMap(name, L, L)).to.deep.equal(Array.from({ length: L }, (_, i) => i));
        if (!name.startsWith("interp")) return;
        const map = layerMap(name, N, L);
        for (let l = 1; l < L; l++) expect(map[l]).to.be.within(map[l - 1], map[l - 1] + 1);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it("differs from division by a rounded ratio for 98 of the pairs up to 96", () => {
    const differing: string[] = [];
    for (let L = 1; L <= 96; L++) {
      for (let N = 1; N <= L; N++) {
        if (layerMap("interp_floor", N, L).some((source, l) => source !== Math.trunc(l / (L / N)))) {
          differing.push(`${N},${L}`);
        }
      }
    }
    expect(differing).to.have.length(98);
    expect(differing.filter((pair) => Number(pair.split(",")[1]) <= 24)).to.deep.equal(["14,18"]);
    expect(layerMap("interp_floor", 14, 18)[9]).to.equal(7);
  });

  it("interp_round equals interp_floor on 43 of the 78 pairs up to 12, and needs its clamp on 30", () => {
    const equal: string[] = [];
    let clamped = 0;
    let pairs = 0;
    for (let L = 1; L <= 12; L++) {
      for (let N = 1; N <= L; N++) {
        pairs++;
        const round = layerMap("interp_round", N, L);
        if (round.every((source, l) => source === layerMap("interp_floor", N, L)[l])) equal.push(`${N},${L}`);
        // Eq. 12 without the clamp names layer 0 at l = 1 whenever N/L < 1/2.
        if (2 * N < L) clamped++;
      }
    }
    expect([pairs, equal.length, clamped]).to.deep.equal([78, 43, 30]);
    const depthsOf = (N: number) =>
      equal.filter((pair) => pair.startsWith(`${N},`)).map((pair) => Number(pair.split(",")[1]));
    expect(depthsOf(1)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(depthsOf(3)).to.deep.equal([3, 5, 6, 7, 8]);
    expect(depthsOf(6)).to.deep.equal([6, 9, 10, 11, 12]);
  });

  it("refuses what is no pair of sizes or no map", () => {
    expect(() => layerMap("stack", 7, 6)).to.throw("7 unique layers do not fit into a depth of 6");
    expect(() => layerMap("stack", 0, 6)).to.throw("not 0");
    expect(() => layerMap("stack", 1.5, 6)).to.throw("not 1.5");
    expect(() => layerMap("stack", 2, 6.5)).to.throw("not 6.5");
    expect(() => layerMap("stack", 2, Number.NaN)).to.throw("not NaN");
    expect(() => layerMap("toString" as LayerMapName, 2, 6)).to.throw('no map "toString"');
  });
});

describe("preservesFunctionAtGrowth", () => {
  const failures = (name: LayerMapName, among: typeof triples) =>
    among.filter(([N, Nnext, L]) => !preservesFunctionAtGrowth(name, N, Nnext, L));

  it("holds for every growth to a multiple by interp_floor, interp_ceil and stack", () => {
    expect(divisibleTriples).to.have.length(604);
    for (const name of ["interp_floor", "interp_ceil", "stack"] as const) {
      expect(failures(name, divisibleTriples), name).to.deep.equal([]);
    }
  });

  it("fails for 162 of these 604 growths by interp_round and 92 by stack_top", () => {
    expect(failures("interp_round", divisibleTriples)).to.have.length(162);
    expect(failures("stack_top", divisibleTriples)).to.have.length(92);
  });

  it("fails for interp_round 3 → 6 at depths 7 … 12", () => {
    const depths = [6, 7, 8, 9, 10, 11, 12].filter((L) => !preservesFunctionAtGrowth("interp_round", 3, 6, L));
    expect(depths).to.deep.equal([7, 8, 9, 10, 11, 12]);
  });

  it("fails for most growths to something else than a multiple", () => {
    const others = triples.filter(([N, Nnext, L]) => Nnext % N !== 0 && L > Nnext);
    for (const name of LAYER_MAPS) {
      expect(failures(name, others).length / others.length, name).to.be.above(0.75);
    }
  });

  it("at depth N′ itself compares the growth map with the shared map", () => {
    fc.assert(
      fc.property(names, sizes, (name, [N, L]) => {
        expect(preservesFunctionAtGrowth(name, N, L, L)).to.equal(true);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("refuses a growth that shrinks or outgrows the depth", () => {
    expect(() => preservesFunctionAtGrowth("stack", 6, 3, 12)).to.throw("6 unique layers do not fit into a depth of 3");
    expect(() => preservesFunctionAtGrowth("stack", 3, 6, 5)).to.throw("6 unique layers do not fit into a depth of 5");
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { type StepRecord, train } from "../../src/apollo/algorithm.ts";
import type { DescribedMethod } from "../../src/apollo/method.ts";
import { gradientCorrelation, splitGroups, TiedLayers, type Tying, untieAll } from "../../src/apollo/tied-layers.ts";
import type { Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { adaptiveSwe, swe } from "../../src/recipes/swe.ts";
import { Random } from "../../src/tensor/random.ts";
import { keep } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { causalBatch, expectSameNumbers, TINY_TOKENS, tinyGpt } from "../nn/tiny-models.ts";

const L = 4;
const layerOf = (model: Gpt, layer: number) =>
  model.blocks[layer].parameters().flatMap((parameter) => Array.from(parameter.numbers));

/** Trains so many updates; without clipping unless told. */
function trained(model: Gpt, method: DescribedMethod, updates: number, options: object = {}): StepRecord[] {
  const records: StepRecord[] = [];
  const training = train({
    ...{ model, method, optimizer: new AdamW(model.parameters()), learningRate: () => 1e-2 },
    ...{ batchAt: causalBatch, tokensPerBatch: TINY_TOKENS, seed: 1, clipNorm: Number.MAX_VALUE, ...options },
  });
  for (const record of training) {
    records.push(record);
    if (records.length === updates) break;
  }
  return records;
}

const partition = (...groups: number[][]): Tying => ({ groups, lows: 0 });
/** Correlations of neighbours i, i+1. */
const neighbours = (values: number[]) => (lower: number, upper: number) => {
  expect(upper - lower).to.equal(1);
  return values[lower];
};

describe("the correlation of gradients", () => {
  /** Gives two layers gradients of their own. */
  function withGradients(make: (element: number, layer: number) => number): number {
    const [a, b] = tinyGpt({ layers: 2 }).blocks;
    [a, b].forEach((block, layer) => {
      let element = 0;
      for (const parameter of block.parameters()) {
        const values = Array.from({ length: parameter.size }, () => make(element++, layer));
        parameter.grad = keep(Tensor.from(values, parameter.shape));
      }
    });
    return gradientCorrelation(a, b);
  }

  it("is that of Pearson: of straight lines ±1, of noise near 0, blind to size and offset", () => {
    const noise = new Random(3);
    expect(withGradients((element, layer) => (layer === 0 ? element : 3 * element + 50))).to.be.closeTo(1, 1e-6);
    expect(withGradients((element, layer) => (layer === 0 ? element : 7 - element))).to.be.closeTo(-1, 1e-6);
    expect(withGradients(() => noise.normal())).to.be.closeTo(0, 0.15);
    // Half of each is common: ½ of the variance.
    const common = Array.from({ length: 2000 }, () => noise.normal());
    expect(withGradients((element) => common[element] + noise.normal())).to.be.closeTo(0.5, 0.1);
    expect(withGradients(() => 2)).to.be.NaN;
  });
});

describe("when layers are untied", () => {
  it("SWE-A: all at once, when more than half of the neighbours were apart three times running", () => {
    const rule = untieAll(0.5);
    const check = (tying: Tying, values: number[]) => rule(tying, neighbours(values));
    const low = [0.4, 0.1, 0.9, 0.3];
    const half = [0.4, 0.1, 0.9, 0.5];
    let tying = partition([0, 1, 2, 3, 4]);
    for (const [values, lows] of [
      [low, 1],
      [low, 2],
      [half, 0],
      [low, 1],
      [low, 2],
    ] as const) {
      tying = check(tying, [...values]);
      expect(tying).to.deep.equal({ groups: [[0, 1, 2, 3, 4]], lows });
    }
    expect(check(tying, low)).to.deep.equal({ groups: [[0], [1], [2], [3], [4]], lows: 0 });
    // What cannot be told speaks for nothing.
    expect(check(tying, [Number.NaN, Number.NaN, Number.NaN, 0]).lows).to.equal(0);
  });

  it("SWE-M: a group between the neighbours that are apart, again and again", () => {
    const rule = splitGroups(0.5);
    const first = rule(partition([0, 1, 2, 3, 4]), neighbours([0.6, 0.4, 0.5, 0.9]));
    expect(first).to.deep.equal(partition([0, 1], [2, 3, 4]));
    const second = rule(first, neighbours([0.6, Number.NaN, 0.1, 0.1]));
    expect(second).to.deep.equal(partition([0, 1], [2], [3], [4]));
  });

  it("whatever the correlations are, every layer stays in one group, and groups only break", () => {
    const situation = fc.record({
      layers: fc.integer({ min: 2, max: 9 }),
      unit: fc.integer({ min: 1, max: 8 }),
      values: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 9, maxLength: 9 }),
      rule: fc.constantFrom(untieAll(0.5), splitGroups(0.5)),
    });
    fc.assert(
      fc.property(situation, ({ layers, unit, values, rule }) => {
        const tied = new TiedLayers({ layers, unitLayers: Math.min(unit, layers - 1), checkEvery: 1, rule });
        let tying: Tying = JSON.parse(tied.save());
        for (let check = 0; check < 4; check++) {
          const next = rule(tying, (lower, upper) => {
            expect(upper - lower).to.equal(Math.min(unit, layers - 1));
            return values[(lower + check) % 9];
          });
          expect(next.groups.flat().sort((a, b) => a - b)).to.deep.equal([...new Array(layers).keys()]);
          for (const group of next.groups)
            expect(tying.groups.some((old) => group.every((layer) => old.includes(layer)))).to.equal(true);
          tying = next;
        }
      }),
      { seed: 1 },
    );
  });
});

describe("tied layers in training", () => {
  const call = { steps: 8, targetDepth: L };
  /** Never, or at the first check. */
  const [never, always] = [-1, 1.1];

  for (const microBatches of [1, 3]) {
    it(`stay equal to the bit through AdamW's updates, ${microBatches} micro-batches each, with dropout`, () => {
      const model = tinyGpt({ layers: L, dropout: 0.2 });
      const before = layerOf(model, 1);
      const records = trained(model, adaptiveSwe({ threshold: never }, call), 8, { microBatches });
      for (let layer = 1; layer < L; layer++) expectSameNumbers(layerOf(model, layer), layerOf(model, 0));
      expect(layerOf(model, 1)).to.not.deep.equal(before);
      expect(records.every((record) => !("tiedGroups" in record) && record.uniqueLayers === L)).to.equal(true);
    });
  }

  it("move as the one layer of SWE-F does, but count one by one in the gradient norm", () => {
    const [shared, apart] = [0, 1].map(() => tinyGpt({ layers: L }));
    const fixed = trained(shared, swe({ boundary: 0.9 }, call), 5);
    const adaptive = trained(apart, adaptiveSwe({ threshold: never }, call), 5);
    layerOf(apart, 3).forEach((value, index) => expect(value).to.be.closeTo(layerOf(shared, 0)[index], 2e-4));
    adaptive.forEach(({ loss }, step) => expect(loss).to.be.closeTo(fixed[step].loss, 1e-4));
    // Before the first update all is the same: the copies' common gradient counts L times.
    const [of, copies] = [fixed[0].gradNorm, adaptive[0].gradNorm];
    expect(copies).to.be.greaterThan(of);
    expect(copies).to.be.lessThan(of * Math.sqrt(L));
  });

  it("repeat a unit where asked to", () => {
    const model = tinyGpt({ layers: L });
    trained(model, adaptiveSwe({ threshold: never, unitLayers: 2 }, call), 3);
    expectSameNumbers(layerOf(model, 2), layerOf(model, 0));
    expectSameNumbers(layerOf(model, 3), layerOf(model, 1));
    expect(layerOf(model, 1)).to.not.deep.equal(layerOf(model, 0));
    expect(() => adaptiveSwe({ unitLayers: L }, call)).to.throw(
      "swe-a: a unit that is repeated in 4 layers has 1 to 3",
    );
    expect(() => adaptiveSwe({ checkEvery: 0 }, call)).to.throw("a whole number of updates apart, not 0");
  });

  it("part once untied, and the record tells when", () => {
    for (const [untying, checks] of [
      ["all", 3],
      ["split", 1],
    ] as const) {
      const until = (updates: number) => {
        const model = tinyGpt({ layers: L });
        const method = adaptiveSwe({ untying, threshold: always, checkEvery: 2 }, call);
        return { model, records: trained(model, method, updates) };
      };
      // The update with index 2·checks is the first that layers have of their own.
      const tied = until(2 * checks).model;
      expectSameNumbers(layerOf(tied, 3), layerOf(tied, 0));
      const { model, records } = until(2 * checks + 1);
      for (let layer = 1; layer < L; layer++) expect(layerOf(model, layer)).to.not.deep.equal(layerOf(model, 0));
      expect(records.map(({ tiedGroups }) => tiedGroups)).to.deep.equal([...new Array(2 * checks), L]);
    }
  });

  it("part where three checks find correlations below one half, unless told otherwise", () => {
    for (const correlation of [0.45, 0.55]) {
      const { blocks } = tinyGpt({ layers: 2 });
      const rule = adaptiveSwe({}, { steps: 10, targetDepth: 2 }).gradientRule!;
      rule.begin(blocks);
      const random = new Random(4);
      const found = [1, 2, 3].map((step) => {
        const common = blocks[0].parameters().map(({ size }) => Array.from({ length: size }, () => random.normal()));
        for (const block of blocks) {
          block.parameters().forEach((parameter, index) => {
            const values = common[index].map(
              (value) => Math.sqrt(correlation) * value + Math.sqrt(1 - correlation) * random.normal(),
            );
            parameter.grad = keep(Tensor.from(values, parameter.shape));
          });
        }
        expect(gradientCorrelation(blocks[0], blocks[1])).to.be.closeTo(correlation, 0.05);
        return rule.apply({ step, blocks }).tiedGroups;
      });
      expect(found, `${correlation}`).to.deep.equal([undefined, undefined, correlation < 0.5 ? 2 : undefined]);
    }
  });

  it("are checked every 500th of the run, at least each update, and begin anew with a new run", () => {
    const method = adaptiveSwe({ untying: "split", threshold: always }, { steps: 1600, targetDepth: L });
    for (let run = 0; run < 2; run++) {
      const untied = trained(tinyGpt({ layers: L }), method, 5).find(({ tiedGroups }) => tiedGroups !== undefined);
      expect(untied?.step).to.equal(3);
    }
    const short = trained(tinyGpt({ layers: L }), adaptiveSwe({ untying: "split", threshold: always }, call), 2);
    expect(short[1].tiedGroups).to.equal(L);
  });

  it("remember what they did, and refuse a memory that is not theirs", () => {
    const make = (layers = L) => new TiedLayers({ layers, unitLayers: 1, checkEvery: 1, rule: untieAll(0.5) });
    const memory = JSON.stringify({ groups: [[0, 2], [1], [3]], lows: 2 });
    const tied = make();
    tied.load(memory);
    expect(tied.save()).to.equal(memory);
    for (const text of ["", "{}", "null", '{"groups":[[0,1,2]],"lows":0}', '{"groups":[[0,1,2,2]],"lows":0}'])
      expect(() => make().load(text)).to.throw("does not say which of 4 layers are tied");
    expect(() => make(5).load(memory)).to.throw("which of 5 layers");
  });
});

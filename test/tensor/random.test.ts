import { expect } from "chai";
import fc from "fast-check";
import { dropoutBits, dropoutThreshold, hashText, mixBits, Random } from "../../src/tensor/random.ts";

const seeds = fc.maxSafeInteger();
const draw = (random: Random, count = 20) => Array.from({ length: count }, () => random.bits());

/** Mean and variance of n draws. */
function moments(n: number, next: () => number): { mean: number; variance: number } {
  const values = Array.from({ length: n }, next);
  const mean = values.reduce((a, b) => a + b) / n;
  return { mean, variance: values.reduce((total, value) => total + (value - mean) ** 2, 0) / n };
}

describe("Random", () => {
  it("repeats itself from a seed, a name or a stored state, and differs between them", () => {
    fc.assert(
      fc.property(seeds, fc.string(), fc.nat(50), (seed, name, drawn) => {
        expect(draw(new Random(seed))).to.deep.equal(draw(new Random(seed)));
        expect(draw(Random.stream(seed, name))).to.deep.equal(draw(Random.stream(seed, name)));
        expect(draw(Random.stream(seed, name))).not.to.deep.equal(draw(Random.stream(seed, `${name}.`)));
        const random = new Random(seed);
        for (let time = 0; time < drawn; time++) random.normal();
        const stored = JSON.parse(JSON.stringify(random.state()));
        const [expected, actual] = [random, Random.fromState(stored)].map((source) => [
          source.normal(),
          source.uniform(),
          ...draw(source),
        ]);
        expect(actual).to.deep.equal(expected);
      }),
      { seed: 1, numRuns: 50 },
    );
    // The upper half of a seed counts too.
    expect(draw(new Random(5))).not.to.deep.equal(draw(new Random(5 + 2 ** 32)));
    expect(hashText("ab", 1)).not.to.equal(hashText("ba", 1));
  });

  it("refuses seeds that are not whole", () => {
    expect(() => new Random(0.5)).to.throw("Random: the seed must be a whole number, not 0.5");
  });

  it("uniform, normal and whole numbers have their distributions", () => {
    const random = new Random(3);
    const n = 40000;
    const uniform = moments(n, () => random.uniform());
    expect(uniform.mean).to.be.closeTo(0.5, 0.01);
    expect(uniform.variance).to.be.closeTo(1 / 12, 0.003);
    const normal = moments(n, () => random.normal());
    expect(normal.mean).to.be.closeTo(0, 0.025);
    expect(normal.variance).to.be.closeTo(1, 0.04);
    const counts = new Array(7).fill(0);
    for (let time = 0; time < n; time++) counts[random.integer(7)]++;
    for (const count of counts) expect(count).to.be.closeTo(n / 7, 5 * Math.sqrt(n / 7));
  });

  it("a permutation names everything once, and every order is as likely", () => {
    fc.assert(
      fc.property(seeds, fc.nat(200), (seed, length) => {
        const order = new Random(seed).permutation(length);
        expect([...order].sort((a, b) => a - b)).to.deep.equal(Array.from({ length }, (_, index) => index));
      }),
      { seed: 2, numRuns: 50 },
    );
    const random = new Random(4);
    const counts = new Map<string, number>();
    for (let time = 0; time < 6000; time++) {
      const order = random.permutation(3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect([...counts.keys()]).to.have.length(6);
    for (const count of counts.values()) expect(count).to.be.closeTo(1000, 150);
  });
});

describe("the counter-based bits of dropout", () => {
  it("fall below the threshold with the asked probability, whatever the seed", () => {
    const random = new Random(5);
    for (const probability of [0.01, 0.1, 0.5, 0.9]) {
      const seed = [random.bits(), random.bits()] as const;
      const n = 50000;
      let dropped = 0;
      for (let index = 0; index < n; index++) {
        if (dropoutBits(seed, index) < dropoutThreshold(probability)) dropped++;
      }
      expect(dropped / n).to.be.closeTo(probability, 5 * Math.sqrt((probability * (1 - probability)) / n));
    }
  });

  it("are independent between neighbours and between seeds", () => {
    const n = 50000;
    let [neighbours, seedsApart] = [0, 0];
    const half = (low: number, high: number, index: number) => (dropoutBits([low, high], index) < 2 ** 31 ? 1 : -1);
    for (let index = 0; index < n; index++) {
      neighbours += half(1, 2, index) * half(1, 2, index + 1);
      seedsApart += half(1, 2, index) * half(1, 3, index);
    }
    expect(neighbours / n).to.be.closeTo(0, 0.03);
    expect(seedsApart / n).to.be.closeTo(0, 0.03);
  });

  it("mixBits is one to one", () => {
    const seen = new Set<number>();
    for (let value = 0; value < 100000; value++) seen.add(mixBits(value * 40503));
    expect(seen.size).to.equal(100000);
  });
});

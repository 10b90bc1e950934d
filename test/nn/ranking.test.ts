import { expect } from "chai";
import fc from "fast-check";
import { rank } from "../../src/nn/ranking.ts";
import { Random } from "../../src/tensor/random.ts";

describe("a ranking", () => {
  it("is that of sorted indices, with many ties and as far as it was asked for", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40 }), (seed, size, kinds) => {
        const random = new Random(seed);
        // Zeros of both signs are equal.
        const values = Float64Array.from(
          { length: size },
          () => (random.integer(kinds) - 3) * (random.integer(2) || -1),
        );
        const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
        const count = 1 + random.integer(size);
        for (const ranking of [rank(values), rank(values, count)]) {
          for (let place = 0; place < count; place++) {
            expect(ranking.indexAt(place)).to.equal(order[place]);
            expect(ranking.valueAt(place) === values[order[place]]).to.equal(true);
          }
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

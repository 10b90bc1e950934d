import { expect } from "chai";
import fc from "fast-check";
import { crossEntropy, meanSquaredError, sum, tensor } from "../../src/autograd/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { build, expectNumbers, f64, type Index, indicesOf, normals, pick, seeds, shapes } from "./nested.ts";

const i32 = (values: Parameters<typeof tensor>[0]) => tensor(values, { dtype: "i32" });

describe("crossEntropy", () => {
  const options = fc.record({
    ignoreIndex: fc.constantFrom(undefined, -1, 0),
    labelSmoothing: fc.constantFrom(undefined, 0.1, 0.5),
    reduction: fc.constantFrom(undefined, "mean", "sum", "none"),
  } as const);

  it("is −Σ target·ln softmax, over targets of any shape, with its gradient", () => {
    fc.assert(
      fc.property(
        shapes({ maximumRank: 3 }),
        fc.integer({ min: 2, max: 5 }),
        options,
        seeds,
        (shape, V, chosen, seed) => {
          scope(() => {
            const random = new Random(seed);
            const { labelSmoothing = 0, ignoreIndex = -100, reduction = "mean" } = chosen;
            const logits = normals(random, [...shape, V]);
            // One target at least counts, or there is no mean.
            const all = indicesOf(shape);
            const targets = build(shape, (index) => {
              const counts = index.join() === all[0].join() || random.integer(3) > 0;
              return counts ? 1 + random.integer(V - 1) : ignoreIndex;
            });
            const isCounted = (index: Index) => pick(targets, index) !== ignoreIndex;
            const logShare = (index: Index, c: number) => {
              const row = Array.from({ length: V }, (_, at) => pick(logits, [...index, at]));
              return row[c] - Math.log(row.reduce((total, x) => total + Math.exp(x), 0));
            };
            const wanted = (index: Index, c: number) =>
              (pick(targets, index) === c ? 1 - labelSmoothing : 0) + labelSmoothing / V;
            const lossAt = (index: Index) => {
              let total = 0;
              if (isCounted(index)) for (let c = 0; c < V; c++) total -= wanted(index, c) * logShare(index, c);
              return total;
            };
            const x = f64(logits, { requiresGrad: true });
            const loss = crossEntropy(x, i32(targets), chosen);
            const counted = all.filter(isCounted).length;
            const divisor = reduction === "mean" ? counted : 1;
            if (reduction === "none") expectNumbers(loss, shape, lossAt);
            else expectNumbers(loss, [], () => all.reduce((total, index) => total + lossAt(index), 0) / divisor);

            sum(loss).backward();
            expectNumbers(x.grad!, [...shape, V], (index) => {
              const [row, c] = [index.slice(0, -1), index[index.length - 1]];
              return isCounted(row) ? (Math.exp(logShare(row, c)) - wanted(row, c)) / divisor : 0;
            });
          });
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });

  it("ignores −100 unless told otherwise, and stands large logits", () => {
    scope(() => {
      const logits = f64([
        [1000, 0],
        [0, 0],
      ]);
      expect(crossEntropy(logits, i32([0, -100])).item()).to.equal(0);
      expect(crossEntropy(logits, i32([1, -100])).item()).to.equal(1000);
      expect(crossEntropy(logits, i32([-100, 1])).item()).to.equal(Math.log(2));
    });
  });
});

describe("meanSquaredError", () => {
  it("is the mean of squared differences, with its gradient on both sides", () => {
    fc.assert(
      fc.property(shapes(), seeds, (shape, seed) => {
        scope(() => {
          const random = new Random(seed);
          const [a, b] = [normals(random, shape), normals(random, shape)];
          const [x, y] = [a, b].map((values) => f64(values, { requiresGrad: true }));
          const all = indicesOf(shape);
          const difference = (index: Index) => pick(a, index) - pick(b, index);
          const loss = meanSquaredError(x, y);
          expectNumbers(loss, [], () => all.reduce((total, at) => total + difference(at) ** 2, 0) / all.length);
          loss.backward();
          expectNumbers(x.grad!, shape, (index) => (2 * difference(index)) / all.length);
          expectNumbers(y.grad!, shape, (index) => (-2 * difference(index)) / all.length);
        });
      }),
      { seed: 2, numRuns: 30 },
    );
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { noGrad, ones, randn } from "../../src/autograd/index.ts";
import { Dropout, DropoutKey, type LayerUse, runPath, TransformerBlock } from "../../src/nn/index.ts";
import { configureEngine } from "../../src/tensor/engine.ts";
import { KERNEL_SETS } from "../../src/tensor/kernels.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { causalBatch, expectSameNumbers, maskedBatch, tinyBert, tinyGpt } from "./tiny-models.ts";

/** Standard errors allowed; the seeds are fixed, so a test either always passes or never. */
const ERRORS = 5;
const COUNT = 20_000;

const layerOf = (probability: number) => new Dropout({ probability }).train();

/** 1 where an element survives, 0 where it is dropped. */
function maskOf(key: DropoutKey, probability: number, count = COUNT): number[] {
  return scope(() =>
    Array.from(layerOf(probability).forward(ones([count]), key).numbers, (value) => (value > 0 ? 1 : 0)),
  );
}

const shareOf = (mask: readonly number[]) => mask.reduce((a, b) => a + b, 0) / mask.length;

/** Asserts that the share of ones is `expected` within the statistical error. */
function expectShare(share: number, expected: number, count: number, what: string): void {
  expect(Math.abs(share - expected), what).to.be.at.most(ERRORS * Math.sqrt((expected * (1 - expected)) / count));
}

describe("dropout", () => {
  it("draws the same mask for the same key, and another for any other place", () => {
    const place = (seed: number, step: number, position: number, op: number) =>
      DropoutKey.from(seed).at(step).at(position).at(op);
    const mask = maskOf(place(1, 2, 3, 0), 0.5);
    expectSameNumbers(maskOf(place(1, 2, 3, 0), 0.5), mask);
    for (const [what, key] of Object.entries({
      seed: place(2, 2, 3, 0),
      step: place(1, 3, 3, 0),
      position: place(1, 2, 4, 0),
      op: place(1, 2, 3, 1),
      "step and position exchanged": place(1, 3, 2, 0),
    })) {
      const other = maskOf(key, 0.5);
      const agreement = shareOf(mask.map((value, index) => (value === other[index] ? 1 : 0)));
      expectShare(agreement, 0.5, COUNT, `agreement with another ${what}`);
    }
  });

  it("has a key of its own for every place and for seeds of more than 32 bits", () => {
    const seen = new Set<string>();
    const add = ({ seed }: DropoutKey) => seen.add(String(seed));
    const seeds = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 40, 12345];
    for (const seed of seeds) {
      for (let step = 0; step < 20; step++) {
        for (let position = -1; position < 12; position++) {
          const key = DropoutKey.from(seed).at(step).at(0).at(position);
          add(key);
          for (let op = 0; op < 3; op++) add(key.at(op));
        }
      }
    }
    expect(seen.size).to.equal(seeds.length * 20 * 13 * 4);
  });

  for (const probability of [0.1, 0.5, 0.9]) {
    it(`drops a share of ${probability}, in masks of neighbouring places independently`, () => {
      const keys = Array.from({ length: 6 }, (_, index) => DropoutKey.from(4).at(index));
      const masks = keys.map((key) => maskOf(key, probability));
      const kept = 1 - probability;
      masks.forEach((mask, index) => {
        expectShare(shareOf(mask), kept, COUNT, `kept by key ${index}`);
        const next = masks[(index + 1) % masks.length];
        const both = shareOf(mask.map((value, element) => value * next[element]));
        expectShare(both, kept ** 2, COUNT, `kept by keys ${index} and ${index + 1}`);
        const neighbours = shareOf(mask.slice(1).map((value, element) => value * mask[element]));
        expectShare(neighbours, kept ** 2, COUNT - 1, `kept beside a kept element of key ${index}`);
      });
    });
  }

  it("multiplies what survives by 1/(1 − p), so that the expectation stays, and the gradient by the same", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.95, noNaN: true }), fc.nat(1e6), (probability, seed) => {
        scope(() => {
          const x = randn([2000], { random: new Random(seed), requiresGrad: true });
          const y = layerOf(probability).forward(x, DropoutKey.from(seed));
          y.sum().backward();
          const factor = Math.fround(1 / (1 - probability));
          const mask = maskOf(DropoutKey.from(seed), probability, 2000);
          const worst = (actual: ArrayLike<number>, expected: (index: number) => number) =>
            Math.max(...mask.map((_, index) => Math.abs(actual[index] - expected(index))));
          expect(worst(y.numbers, (index) => mask[index] * factor * x.numbers[index])).to.be.at.most(1e-5 * factor);
          expect(worst(x.grad!.numbers, (index) => mask[index] * factor)).to.be.at.most(1e-6 * factor);
          const mean = mask.reduce((total, kept) => total + kept * factor, 0) / mask.length;
          const error = Math.sqrt(probability / (1 - probability) / mask.length);
          expect(Math.abs(mean - 1)).to.be.at.most(ERRORS * error);
        });
      }),
      { seed: 81, numRuns: 30 },
    );
  });

  it("draws the same mask with every kernel set", () => {
    try {
      const masks = KERNEL_SETS.map((kernels) => {
        configureEngine({ kernels, threads: 1 });
        return maskOf(DropoutKey.from(11), 0.3, 1003);
      });
      for (const mask of masks) expect(mask).to.deep.equal(masks[0]);
    } finally {
      configureEngine();
    }
  });

  it("does nothing in eval mode or with probability 0, key or not", () => {
    const x = ones([4]);
    expect(new Dropout({ probability: 0.5 }).forward(x, undefined)).to.equal(x);
    expect(layerOf(0.5).eval().forward(x, DropoutKey.from(1))).to.equal(x);
    expect(layerOf(0).forward(x, undefined)).to.equal(x);
  });

  it("refuses to train without a key, and probabilities outside of [0, 1)", () => {
    expect(() => layerOf(0.5).forward(ones([4]), undefined)).to.throw(
      "Dropout: training with probability 0.5 needs a dropout key",
    );
    for (const probability of [-0.1, 1, Number.NaN]) {
      expect(() => new Dropout({ probability })).to.throw(
        `Dropout: the probability must be in [0, 1), not ${probability}`,
      );
    }
  });
});

describe("dropout in models", () => {
  for (const family of ["gpt", "bert"] as const) {
    const make = (dropout: number) => (family === "gpt" ? tinyGpt : tinyBert)({ layers: 2, dropout, seed: 3 });
    const loss = (model: ReturnType<typeof make>, dropoutKey?: DropoutKey) =>
      scope(() =>
        noGrad(() =>
          model.family === "gpt"
            ? (model as ReturnType<typeof tinyGpt>).loss(causalBatch(0), { dropoutKey }).item()
            : (model as ReturnType<typeof tinyBert>).loss(maskedBatch(0), { dropoutKey }).item(),
        ),
      );

    it(`${family}: the same step repeats, another step differs, eval is as without`, () => {
      const model = make(0.2).train();
      const key = DropoutKey.from(1);
      expect(loss(model, key.at(5))).to.equal(loss(model, key.at(5)));
      expect(loss(model, key.at(6))).to.not.equal(loss(model, key.at(5)));
      expect(loss(model.eval(), key.at(5))).to.equal(loss(make(0)));
      expect(loss(make(0).train())).to.equal(loss(make(0)));
      expect(() => loss(model.train())).to.throw("needs a dropout key");
    });
  }

  it("draws anew for both branches of a block and at each use of a shared one, as an unshared copy would", () => {
    const [hidden, tokens, probability] = [16, 500, 0.25];
    const make = () => {
      const block = new TransformerBlock({
        hidden,
        heads: 2,
        causal: true,
        norm: "pre",
        epsilon: 1e-5,
        activation: "gelu",
        dropout: probability,
      });
      // Branches that give a constant: 3 from attention, 30 from feed-forward. What arrives shows the masks.
      for (const [branch, value] of [
        [block.attention.output, 3],
        [block.feedForward.down, 30],
      ] as const) {
        branch.weight.numbers.fill(0);
        branch.bias!.numbers.fill(value);
      }
      return block.train();
    };
    const [block, copy] = [make(), make()];
    const dropoutKey = DropoutKey.from(9).at(1);
    scope(() =>
      noGrad(() => {
        const run = (...blocks: TransformerBlock[]) => {
          const path: LayerUse[] = blocks.map((used) => ({ block: used, branchScale: 1 }));
          const zeros = Tensor.from(new Float32Array(tokens * hidden), [1, tokens, hidden]);
          return Array.from(runPath(zeros, path, { dropoutKey }).numbers, (value) => Math.round(value));
        };
        const [once, twice] = [run(block), run(block, block)];
        expect(run(block, block)).to.deep.equal(twice);
        expect(run(block, copy)).to.deep.equal(twice);
        const second = twice.map((value, index) => value - once[index]);
        // Kept elements arrive as 3/(1 − 0.25) = 4 and 40.
        const masks = [once, second].flatMap((sums) => {
          expect([0, 4, 40, 44]).to.include.members([...new Set(sums)]);
          return [sums.map((sum) => (sum % 40 === 4 ? 1 : 0)), sums.map((sum) => (sum >= 40 ? 1 : 0))];
        });
        masks.forEach((mask, index) => {
          expectShare(shareOf(mask), 0.75, mask.length, `mask ${index}`);
          masks.slice(index + 1).forEach((other, later) => {
            const both = shareOf(mask.map((value, element) => value * other[element]));
            expectShare(both, 0.75 ** 2, mask.length, `masks ${index} and ${index + 1 + later}`);
          });
        });
      }),
    );
  });

  it("drops attention weights by a mask of their own at each use", () => {
    const model = tinyGpt({ layers: 1, dropout: 0.5 }).train();
    const { attention } = model.blocks[0];
    const x = randn([1, 6, 8], { random: new Random(1) });
    const attended = (key: DropoutKey) => Array.from(attention.forward(x, { dropoutKey: key }).numbers);
    const key = DropoutKey.from(2);
    expectSameNumbers(attended(key.at(0)), attended(key.at(0)));
    expect(attended(key.at(1))).to.not.deep.equal(attended(key.at(0)));
  });
});

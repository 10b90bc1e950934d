import { expect } from "chai";
import fc from "fast-check";
import { noGrad } from "../../src/autograd/index.ts";
import { type GenerateOptions, type Gpt, generate, pickToken } from "../../src/nn/index.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomise, tinyGpt } from "./tiny-models.ts";

const VOCABULARY = 11;
const CONTEXT = 6;

/** Logits with and without ties, of a few sizes. */
const someLogits = fc.oneof(
  fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 20 }),
  fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 20 }),
);
const randoms = fc.nat(1e6).map((seed) => new Random(seed));

const likeliest = (logits: readonly number[]) => logits.indexOf(Math.max(...logits));

const softmaxOf = (logits: readonly number[], temperature: number) => {
  const weights = logits.map((logit) => Math.exp((logit - Math.max(...logits)) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
};

/** Token ids by falling logit, the smaller id first among equals. */
const ranked = (logits: readonly number[]) =>
  logits
    .map((logit, id) => ({ logit, id }))
    .sort((a, b) => b.logit - a.logit || a.id - b.id)
    .map(({ id }) => id);

/** The probabilities that temperature, top k and top p leave, by their definitions. */
function distribution(
  logits: readonly number[],
  { temperature, topK = logits.length, topP = 1 }: { temperature: number; topK?: number; topP?: number },
): number[] {
  const candidates = ranked(logits).slice(0, topK);
  const probabilities = softmaxOf(
    candidates.map((id) => logits[id]),
    temperature,
  );
  let before = 0;
  const kept = candidates.flatMap((id, rank) => {
    const isKept = before < topP;
    before += probabilities[rank];
    return isKept ? [{ id, probability: probabilities[rank] }] : [];
  });
  const total = kept.reduce((sum, { probability }) => sum + probability, 0);
  const result = new Array<number>(logits.length).fill(0);
  for (const { id, probability } of kept) result[id] = probability / total;
  return result;
}

describe("pickToken", () => {
  it("takes the likeliest token at temperature 0, of the top 1, and of a tiny nucleus", () => {
    fc.assert(
      fc.property(someLogits, randoms, (list, random) => {
        const logits = Float64Array.from(list);
        const expected = likeliest(list);
        expect(pickToken(logits, { random, temperature: 0 })).to.equal(expected);
        expect(pickToken(logits, { random, temperature: 1, topK: 1 })).to.equal(expected);
        expect(pickToken(logits, { random, temperature: 5, topP: 1e-9 })).to.equal(expected);
        expect(pickToken(logits, { random, temperature: 1, topK: list.length, topP: 1e-9 })).to.equal(expected);
      }),
      { seed: 91, numRuns: 200 },
    );
  });

  it("draws only tokens that top k and top p leave", () => {
    fc.assert(
      fc.property(
        someLogits,
        randoms,
        fc.double({ min: 0.1, max: 4, noNaN: true }),
        fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined }),
        fc.option(fc.double({ min: 0.05, max: 0.99, noNaN: true }), { nil: undefined }),
        (list, random, temperature, topK, topP) => {
          const allowed = distribution(list, { temperature, topK, topP });
          for (let draw = 0; draw < 30; draw++) {
            const token = pickToken(Float64Array.from(list), { random, temperature, topK, topP });
            expect(allowed[token], `token ${token}`).to.be.greaterThan(0);
          }
        },
      ),
      { seed: 92, numRuns: 200 },
    );
  });

  it("keeps the smallest set that reaches top p", () => {
    const logits = Float64Array.from([0.5, 0.125, 0.25, 0.125].map(Math.log));
    const drawn = (topP: number) => {
      const random = new Random(1);
      return new Set(Array.from({ length: 200 }, () => pickToken(logits, { random, temperature: 1, topP })));
    };
    expect([...drawn(0.49)]).to.have.members([0]);
    expect([...drawn(0.51)]).to.have.members([0, 2]);
    expect([...drawn(0.74)]).to.have.members([0, 2]);
    expect([...drawn(0.76)]).to.have.members([0, 2, 1]);
    expect([...drawn(1)]).to.have.members([0, 1, 2, 3]);
  });

  it("never draws what has no probability, whatever the temperature", () => {
    fc.assert(
      fc.property(randoms, fc.constantFrom(1e-300, 1e-3, 1, 1e9), (random, temperature) => {
        const logits = Float64Array.from([Number.NEGATIVE_INFINITY, 1, 1, Number.NEGATIVE_INFINITY]);
        expect([1, 2]).to.include(pickToken(logits, { random, temperature }));
      }),
      { seed: 93, numRuns: 100 },
    );
  });

  // 0.999 quantiles of χ² by degrees of freedom.
  const QUANTILES: Record<number, number> = { 2: 13.82, 3: 16.27, 7: 24.32 };
  const logits = [0.3, -1.2, 1.4, 0, 0.9, -0.4, 1.1, -2];
  for (const { title, options, freedom } of [
    { title: "softmax at temperature 1", options: { temperature: 1 }, freedom: 7 },
    { title: "softmax at temperature 0.5", options: { temperature: 0.5 }, freedom: 7 },
    { title: "softmax at temperature 3", options: { temperature: 3 }, freedom: 7 },
    { title: "the top 4, normalised anew", options: { temperature: 1, topK: 4 }, freedom: 3 },
    { title: "the nucleus of 0.6, normalised anew", options: { temperature: 1, topP: 0.6 }, freedom: 2 },
    { title: "the nucleus of 0.75 of the top 4", options: { temperature: 1, topK: 4, topP: 0.75 }, freedom: 2 },
  ]) {
    it(`draws from ${title} (χ²)`, () => {
      const draws = 20_000;
      const random = new Random(17);
      const counts = new Array<number>(logits.length).fill(0);
      for (let draw = 0; draw < draws; draw++) counts[pickToken(Float64Array.from(logits), { random, ...options })]++;
      const expected = distribution(logits, options);
      expect(expected.filter((probability) => probability > 0)).to.have.length(freedom + 1);
      const statistic = expected.reduce((sum, probability, id) => {
        if (probability === 0) expect(counts[id], `token ${id}`).to.equal(0);
        return probability === 0 ? sum : sum + (counts[id] - draws * probability) ** 2 / (draws * probability);
      }, 0);
      expect(statistic).to.be.at.most(QUANTILES[freedom]);
    });
  }
});

describe("generate", () => {
  const make = (dropout = 0) => {
    const model = tinyGpt({ layers: 2, dropout });
    randomise(model, 6);
    return model;
  };
  const write = (model: Gpt, prompt: number[], options: Partial<GenerateOptions> = {}) => [
    ...generate(model, prompt, { maximumTokens: 12, random: new Random(1), ...options }),
  ];

  it("at temperature 0 appends the argmax of the last position's logits, seeing no more than the context", () => {
    const model = make();
    const sequence = [3, 1, 4];
    for (let count = 0; count < 12; count++) {
      const seen = sequence.slice(-CONTEXT);
      const logits = scope(() =>
        noGrad(() => model.forward(Tensor.from(seen, [1, seen.length], "i32")).toFlatArray()),
      ).slice(-VOCABULARY);
      sequence.push(likeliest(Array.from(logits)));
    }
    expect(new Set(sequence.slice(3)).size).to.be.greaterThan(1);
    expect(write(model, [3, 1, 4], { temperature: 0 })).to.deep.equal(sequence.slice(3));
    expect(write(model, [3, 1, 4], { topK: 1 })).to.deep.equal(sequence.slice(3));
    expect(write(model, [3, 1, 4], { topP: 1e-9 })).to.deep.equal(sequence.slice(3));
  });

  it("looks at the last tokens of a prompt that is longer than the context", () => {
    const model = make();
    const end = [1, 5, 9, 2, 6, 5];
    expect(write(model, [7, 7, 7, 7, ...end])).to.deep.equal(write(model, end));
    expect(write(model, [...end, 7])).to.not.deep.equal(write(model, end));
  });

  it("repeats itself with an equal seed, and not with another", () => {
    const model = make();
    expect(write(model, [1], { random: new Random(5) })).to.deep.equal(write(model, [1], { random: new Random(5) }));
    expect(write(model, [1], { random: new Random(6) })).to.not.deep.equal(
      write(model, [1], { random: new Random(5) }),
    );
  });

  it("ends after maximumTokens, or before a stop token", () => {
    const model = make();
    const tokens = write(model, [1]);
    expect(tokens).to.have.length(12);
    expect(write(model, [1], { maximumTokens: 0 })).to.deep.equal([]);
    expect(write(model, [1], { maximumTokens: 2.5 })).to.deep.equal(tokens.slice(0, 3));
    const [first, second] = [tokens[4], tokens[6]];
    for (const stopTokens of [[first], [second, first], []]) {
      const end = tokens.findIndex((token) => stopTokens.includes(token));
      expect(write(model, [1], { stopTokens })).to.deep.equal(end < 0 ? tokens : tokens.slice(0, end));
    }
  });

  it("runs through the layers it is told", () => {
    const model = make();
    const path = [1, 0, 0].map((index) => ({ block: model.blocks[index], branchScale: 1 }));
    expect(write(model, [2], { path })).to.not.deep.equal(write(model, [2]));
    const straight = model.blocks.map((block) => ({ block, branchScale: 1 }));
    expect(write(model, [2], { path: straight })).to.deep.equal(write(model, [2]));
  });

  it("draws no dropout, and leaves a model in the mode it was in", () => {
    const model = make(0.5);
    const expected = write(model.eval(), [1]);
    expect(model.isTraining).to.equal(false);
    for (const token of generate(model.train(), [1], { maximumTokens: 12, random: new Random(1) })) {
      expect(token).to.equal(expected.shift());
      expect([model.isTraining, model.blocks[1].dropout.isTraining]).to.deep.equal([true, true]);
    }
    expect(expected).to.deep.equal([]);
    expect(model.isTraining).to.equal(true);
  });

  it("refuses an empty prompt and options out of range before the first token is asked for", () => {
    const model = make();
    const call =
      (options: Partial<GenerateOptions>, prompt = [1]) =>
      () =>
        generate(model, prompt, { maximumTokens: 3, random: new Random(1), ...options });
    expect(call({}, [])).to.throw("generate: the prompt is empty; it needs at least one token");
    expect(call({ maximumTokens: -1 })).to.throw("generate: maximumTokens must be ≥ 0, not -1");
    expect(call({ maximumTokens: Number.NaN })).to.throw("generate: maximumTokens must be ≥ 0, not NaN");
    expect(call({ temperature: -1 })).to.throw("generate: the temperature must be ≥ 0, not -1");
    expect(call({ temperature: Number.NaN })).to.throw("generate: the temperature must be ≥ 0, not NaN");
    for (const topK of [0, -1, 1.5, Number.NaN])
      expect(call({ topK })).to.throw(`generate: topK must be a whole number ≥ 1, not ${topK}`);
    for (const topP of [0, -0.5, 1.01, Number.NaN])
      expect(call({ topP })).to.throw(`generate: topP must be in (0, 1], not ${topP}`);
    expect(() => write(model, [VOCABULARY])).to.throw("embedding: index 11 is outside 0 … 10");
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { MaskedBatches, maskedValidationBatches } from "../../src/data/masked-batches.ts";
import { type MaskingOptions, maskTokens } from "../../src/data/masking.ts";

const VOCABULARY = 40;
const MASK = 4;
const specialIds = new Set([0, 1, 2, 3, MASK, 17]);
const options = (changes: Partial<MaskingOptions> = {}): MaskingOptions => ({
  specialIds,
  maskId: MASK,
  vocabularySize: VOCABULARY,
  seed: 5,
  step: 0,
  ...changes,
});
const ordinary = Array.from({ length: VOCABULARY }, (_, id) => id).filter((id) => !specialIds.has(id));

describe("maskTokens", () => {
  it("hides the rounded share of ordinary tokens, touches nothing else, and remembers what stood there", () => {
    const tokens = fc
      .array(fc.nat({ max: VOCABULARY - 1 }), { minLength: 1, maxLength: 200 })
      .map((ids) => Int32Array.from(ids));
    fc.assert(
      fc.property(
        tokens,
        fc.nat(),
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (original, seed, step, fraction) => {
          const eligible = original.filter((id) => !specialIds.has(id)).length;
          fc.pre(eligible > 0);
          const before = original.slice();
          const { inputs, positions, targets } = maskTokens(original, options({ seed, step, fraction }));
          expect(original).to.deep.equal(before);
          expect(positions).to.have.length(Math.max(1, Math.round(fraction * eligible)));
          const chosen = new Set(positions);
          expect(chosen.size).to.equal(positions.length);
          expect([...positions]).to.deep.equal([...positions].sort((a, b) => a - b));
          positions.forEach((position, index) => {
            expect(targets[index]).to.equal(original[position]);
            expect(specialIds.has(original[position])).to.equal(false);
            expect(inputs[position] === MASK || !specialIds.has(inputs[position])).to.equal(true);
          });
          original.forEach((id, position) => {
            if (!chosen.has(position)) expect(inputs[position]).to.equal(id);
          });
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it("masks 80 %, replaces 10 % and keeps 10 % of the 15 %, everywhere alike", () => {
    // The last ordinary id stands everywhere, so that a random replacement is seen unless it is that id again.
    const kept = ordinary.at(-1)!;
    const tokens = new Int32Array(2000).fill(kept);
    const counts = { mask: 0, random: 0, keep: 0 };
    const replacements = new Map<number, number>();
    const halves = [0, 0];
    const steps = 200;
    for (let step = 0; step < steps; step++) {
      const { inputs, positions } = maskTokens(tokens, options({ step }));
      expect(positions).to.have.length(300);
      for (const position of positions) {
        const id = inputs[position];
        counts[id === MASK ? "mask" : id === kept ? "keep" : "random"]++;
        if (id !== MASK && id !== kept) replacements.set(id, (replacements.get(id) ?? 0) + 1);
        halves[position < 1000 ? 0 : 1]++;
      }
    }
    const total = 300 * steps;
    const within = (count: number, probability: number) =>
      expect(Math.abs(count - probability * total)).to.be.lessThan(
        5 * Math.sqrt(total * probability * (1 - probability)),
      );
    within(counts.mask, 0.8);
    within(counts.random, 0.1 * (1 - 1 / ordinary.length));
    within(counts.keep, 0.1 * (1 + 1 / ordinary.length));
    within(halves[0], 0.5);
    expect([...replacements.keys()].sort((a, b) => a - b)).to.deep.equal(ordinary.slice(0, -1));
    for (const count of replacements.values()) within(count, 0.1 / ordinary.length);
  });

  it("draws the same masks for the same seed and step, others for others", () => {
    const tokens = Int32Array.from({ length: 500 }, (_, index) => ordinary[index % ordinary.length]);
    expect(maskTokens(tokens, options())).to.deep.equal(maskTokens(tokens, options()));
    expect(maskTokens(tokens, options({ step: 1 })).positions).to.not.deep.equal(
      maskTokens(tokens, options()).positions,
    );
    expect(maskTokens(tokens, options({ seed: 6 })).positions).to.not.deep.equal(
      maskTokens(tokens, options()).positions,
    );
  });

  it("refuses tokens of which none can be hidden", () => {
    expect(() => maskTokens(Int32Array.of(0, 1, 2), options({ step: 3 }))).to.throw(
      "step 3: none of 3 tokens can be masked, since all are special",
    );
  });
});

describe("MaskedBatches", () => {
  const tokenizer = {
    vocabularySize: 2000,
    special: { padding: 0, unknown: 1, classification: 2, separator: 3, mask: 4 },
    specialIds: new Set([0, 1, 2, 3, 4]),
  };
  const tokens = Int32Array.from({ length: 1500 }, (_, index) => (index % 100 === 99 ? 3 : 5 + index));
  const stream = () => new MaskedBatches({ tokens, context: 16, batchSize: 4, seed: 1, tokenizer });
  const unmasked = ({ inputs, positions, targets }: ReturnType<MaskedBatches["batchAt"]>) => {
    const original = inputs.slice();
    positions.forEach((position, index) => {
      original[position] = targets[index];
    });
    return original;
  };

  it("frames neighbouring tokens with [CLS] and [SEP] and hides 15 % of the others", () => {
    for (let step = 0; step < 100; step++) {
      const batch = stream().batchAt(step);
      expect(batch.inputs).to.have.length(64);
      const original = unmasked(batch);
      for (let row = 0; row < 4; row++) {
        expect(batch.inputs[row * 16]).to.equal(2);
        expect(batch.inputs[row * 16 + 15]).to.equal(3);
        const body = original.slice(row * 16 + 1, row * 16 + 15);
        const start = tokens.indexOf(body.find((id) => id !== 3)!) - body.findIndex((id) => id !== 3);
        expect([...body]).to.deep.equal(
          Array.from({ length: 14 }, (_, index) => tokens[(start + index + 1500) % 1500]),
        );
      }
      const eligible = original.filter((id) => id > 4).length;
      expect(batch.positions).to.have.length(Math.round(0.15 * eligible));
    }
  });

  it("is a function of seed and step, and can continue", () => {
    const first = stream();
    for (let step = 0; step < 5; step++) expect(first.next()).to.deep.equal(stream().batchAt(step));
    const resumed = stream();
    resumed.restore(JSON.parse(JSON.stringify(first.state())));
    expect(resumed.next()).to.deep.equal(stream().batchAt(5));
  });

  it("evaluates fixed masks on windows all over the corpus, each token once", () => {
    const batches = maskedValidationBatches(tokens, { context: 16, batchSize: 8, minimumTokens: 700, tokenizer });
    expect(maskedValidationBatches(tokens, { context: 16, batchSize: 8, minimumTokens: 700, tokenizer })).to.deep.equal(
      batches,
    );
    const ids = batches.flatMap((batch) => [...unmasked(batch)]).filter((id) => id > 4);
    expect(new Set(ids).size).to.equal(ids.length);
    expect(batches.reduce((rows, batch) => rows + batch.rows, 0)).to.equal(50);
    // Neither windows nor masks depend on how they are batched.
    const placesOf = (list: typeof batches) => {
      let before = 0;
      return list.flatMap(({ rows, inputs, positions, targets }) => {
        const places = Array.from(positions, (place, index) => [before + place, targets[index], inputs[place]]);
        before += rows * 16;
        return places;
      });
    };
    const others = maskedValidationBatches(tokens, { context: 16, batchSize: 3, minimumTokens: 700, tokenizer });
    expect(others.flatMap(({ inputs }) => [...inputs])).to.deep.equal(batches.flatMap(({ inputs }) => [...inputs]));
    expect(placesOf(others)).to.deep.equal(placesOf(batches));
    expect(placesOf(batches).length).to.be.greaterThan(50);
    const all = maskedValidationBatches(tokens, { context: 16, batchSize: 8, tokenizer });
    expect(all.reduce((rows, batch) => rows + batch.rows, 0)).to.equal(Math.floor(1500 / 14));
  });

  it("refuses a short corpus, a context without room, and a tokenizer without [MASK]", () => {
    const options = { tokens, context: 16, batchSize: 4, seed: 1, tokenizer };
    expect(() => new MaskedBatches({ ...options, tokens: tokens.slice(0, 13) })).to.throw(
      "a corpus of 13 tokens is shorter than one context window: a context of 16 needs 14",
    );
    expect(() => new MaskedBatches({ ...options, context: 2 })).to.throw(
      "the context must be a whole number of at least 3, not 2",
    );
    const gpt = { ...tokenizer, special: { endOfText: 0 } };
    expect(() => new MaskedBatches({ ...options, tokenizer: gpt })).to.throw(
      "the tokenizer has no classification token",
    );
  });
});

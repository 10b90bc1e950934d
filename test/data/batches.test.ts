import { expect } from "chai";
import fc from "fast-check";
import { Batches, validationBatches } from "../../src/data/batches.ts";
import { WindowOrder } from "../../src/data/window-order.ts";

const counting = (length: number) => Int32Array.from({ length }, (_, index) => index);
const sizes = fc
  .record({
    context: fc.integer({ min: 1, max: 12 }),
    batchSize: fc.integer({ min: 1, max: 6 }),
    extra: fc.integer({ min: 0, max: 150 }),
    seed: fc.nat(),
  })
  .map(({ extra, ...rest }) => ({ ...rest, tokens: counting(rest.context + 1 + extra) }));

describe("Batches", () => {
  it("reads neighbouring tokens, and as targets the ones that follow", () => {
    fc.assert(
      fc.property(sizes, fc.nat({ max: 1000 }), (options, step) => {
        const { tokens, context, batchSize } = options;
        const { inputs, targets, rows } = new Batches(options).batchAt(step);
        expect(rows).to.equal(batchSize);
        expect(inputs).to.have.length(batchSize * context);
        inputs.forEach((token, place) => {
          expect(targets[place]).to.equal((token + 1) % tokens.length);
          if (place % context > 0) expect(token).to.equal((inputs[place - 1] + 1) % tokens.length);
        });
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("shows no token twice in an epoch, and all but fewer than a window's", () => {
    fc.assert(
      fc.property(sizes, fc.nat({ max: 20 }), ({ tokens, context, seed }, epoch) => {
        const order = new WindowOrder({ tokenCount: tokens.length, windowSize: context, seed });
        const seen = new Set<number>();
        for (let index = 0; index < order.windowsPerEpoch; index++) {
          const place = order.at(epoch * order.windowsPerEpoch + index);
          expect(place.epoch).to.equal(epoch);
          for (let token = 0; token < context; token++) seen.add((place.start + token) % tokens.length);
        }
        expect(seen.size).to.equal(order.windowsPerEpoch * context);
        expect(tokens.length - seen.size).to.be.lessThan(context);
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it("shows every token within a few epochs, with windows cut elsewhere and in another order each time", () => {
    const order = new WindowOrder({ tokenCount: 1007, windowSize: 50, seed: 9 });
    const epochs = Array.from({ length: 6 }, (_, epoch) =>
      Array.from(
        { length: order.windowsPerEpoch },
        (_, index) => order.at(epoch * order.windowsPerEpoch + index).start,
      ),
    );
    const seen = new Set(
      epochs.flat().flatMap((start) => Array.from({ length: 50 }, (_, token) => (start + token) % 1007)),
    );
    expect(seen.size).to.equal(1007);
    expect(new Set(epochs.map((starts) => Math.min(...starts))).size).to.be.greaterThan(4);
    for (const starts of epochs) expect(starts).to.not.deep.equal(starts.toSorted((a, b) => a - b));
  });

  it("gives a step's batch from seed and step alone, in any order of asking", () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 12 }), (options, steps) => {
        const stream = new Batches(options);
        for (const step of steps) expect(stream.batchAt(step)).to.deep.equal(new Batches(options).batchAt(step));
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  it("continues from a state that went through JSON", () => {
    fc.assert(
      fc.property(sizes, fc.nat({ max: 30 }), (options, steps) => {
        const stream = new Batches(options);
        for (let step = 0; step < steps; step++) expect(stream.next()).to.deep.equal(stream.batchAt(step));
        const resumed = new Batches(options);
        resumed.restore(JSON.parse(JSON.stringify(stream.state())));
        for (let step = 0; step < 3; step++) expect(resumed.next()).to.deep.equal(stream.next());
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it("orders the data by the seed", () => {
    const first = (seed: number) =>
      new Batches({ tokens: counting(1000), context: 10, batchSize: 4, seed }).batchAt(0).inputs;
    expect(first(1)).to.deep.equal(first(1));
    expect(first(1)).to.not.deep.equal(first(2));
  });

  it("refuses what it cannot cut", () => {
    const options = { tokens: counting(10), context: 10, batchSize: 2, seed: 0 };
    expect(() => new Batches(options)).to.throw(
      "a corpus of 10 tokens is shorter than one context window: a context of 10 needs 11",
    );
    expect(() => new Batches({ ...options, context: 0 })).to.throw(
      "the context must be a whole number of at least 1, not 0",
    );
    expect(() => new Batches({ ...options, context: 5, batchSize: 1.5 })).to.throw(
      "the batch size must be a whole number of at least 1, not 1.5",
    );
    const stream = new Batches({ ...options, context: 5 });
    expect(() => stream.restore({ ...stream.state(), seed: 7 })).to.throw(
      "cannot continue the data stream: its seed was 7 and is 0",
    );
    expect(() => stream.restore({ ...stream.state(), step: -1 })).to.throw("the step to continue from must be");
  });
});

describe("validationBatches", () => {
  it("covers at least the tokens asked for, or all there are, each once", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 300 }), ({ tokens, context, batchSize }, minimumTokens) => {
        const batches = validationBatches(tokens, { context, batchSize, minimumTokens });
        const inputs = batches.flatMap((batch) => [...batch.inputs]);
        const all = Math.floor((tokens.length - 1) / context) * context;
        expect(new Set(inputs).size).to.equal(inputs.length);
        expect(inputs.length)
          .to.be.at.least(Math.min(minimumTokens, all))
          .and.at.most(Math.min(minimumTokens + context - 1, all));
        // Batches of another size hold the same windows: a loss over them does not depend on it.
        const single = validationBatches(tokens, { context, batchSize: 1, minimumTokens });
        expect(single.flatMap((batch) => [...batch.inputs])).to.deep.equal(inputs);
        expect(batches.flatMap((batch) => [...batch.targets])).to.deep.equal(inputs.map((token) => token + 1));
        expect(batches.slice(0, -1).every(({ rows }) => rows === batchSize)).to.equal(true);
        for (const batch of batches) expect(batch.inputs).to.have.length(batch.rows * context);
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it("takes 65,536 tokens from all over the corpus unless told otherwise", () => {
    const batches = validationBatches(counting(200_000), { context: 64, batchSize: 16 });
    const inputs = batches.flatMap((batch) => [...batch.inputs]);
    expect(inputs).to.have.length(65_536);
    expect(inputs[0]).to.equal(0);
    expect(inputs.at(-1)).to.be.greaterThan(199_000);
  });

  it("refuses a corpus shorter than a window", () => {
    expect(() => validationBatches(counting(8), { context: 8, batchSize: 1 })).to.throw(
      "a corpus of 8 tokens is shorter than one context window",
    );
  });
});

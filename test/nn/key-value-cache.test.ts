import { expect } from "chai";
import fc from "fast-check";
import { setGrowthMasks } from "../../src/apollo/growth/growth-masks.ts";
import { noGrad } from "../../src/autograd/index.ts";
import {
  Bert,
  FeedForward,
  Gpt,
  generate,
  KeyValueCache,
  type LayerUse,
  MultiHeadAttention,
} from "../../src/nn/index.ts";
import { configureEngine, engineReady } from "../../src/tensor/engine.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { TESTED_VARIANTS } from "../variants.ts";
import { expectClose } from "./expect-close.ts";
import { expectSameNumbers, randomise } from "./tiny-models.ts";

const VOCABULARY = 11;

/** A model, a path through it, and a sequence in the parts in which it arrives. */
const situations = fc
  .record({
    layers: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    headSize: fc.integer({ min: 1, max: 9 }),
    norm: fc.constantFrom("pre" as const, "post" as const),
    uses: fc.array(
      fc.record({
        layer: fc.nat(2),
        branchScale: fc.constantFrom(1, 1, 0.5),
        growthMask: fc.constantFrom(1, 1, 0.25),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    parts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }),
    maskedHeads: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ layers, heads, headSize, norm, uses, parts, maskedHeads, seed }) => {
    const context = parts.reduce((a, b) => a + b);
    const model = new Gpt({ layers, heads, hidden: heads * headSize, context, vocabulary: VOCABULARY, norm });
    randomise(model, seed);
    if (maskedHeads) setGrowthMasks(model, { heads: { kept: 1, factor: 0.5 }, residual: { kept: 1, factor: 0.75 } });
    const path = uses.map(({ layer, ...use }): LayerUse => ({ block: model.blocks[layer % layers], ...use }));
    const random = new Random(seed);
    const ids = Array.from({ length: context }, () => random.integer(VOCABULARY));
    return { model, path, parts, ids };
  });

function unfuse(model: Gpt): void {
  for (const module of model.modules())
    if (module instanceof MultiHeadAttention || module instanceof FeedForward) module.fused = false;
}

/** Logits of all positions: at once, and part by part with a cache. */
function bothWays(model: Gpt, path: readonly LayerUse[], ids: readonly number[], parts: readonly number[]) {
  const forward = (tokens: readonly number[], cache?: KeyValueCache) =>
    scope(() =>
      noGrad(() => {
        const logits = model.forward(Tensor.from(tokens, [1, tokens.length], "i32"), { path, cache });
        return Array.from(logits.numbers);
      }),
    );
  const cache = new KeyValueCache({ ...model.size, positions: path.length });
  let at = 0;
  const cached = parts.flatMap((part) => forward(ids.slice(at, (at += part)), cache));
  expect(cache.length).to.equal(ids.length);
  cache.release();
  return { whole: forward(ids), cached };
}

describe("a key-value cache", () => {
  after(() => configureEngine());

  it("changes no bit in plain operations on the reference kernels, whatever the path and the parts", () => {
    configureEngine({ kernels: "reference" });
    fc.assert(
      fc.property(situations, ({ model, path, parts, ids }) => {
        unfuse(model);
        const { whole, cached } = bothWays(model, path, ids, parts);
        expectSameNumbers(cached, whole);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  for (const kernels of ["reference", "blocked", ...TESTED_VARIANTS] as const) {
    // The blocked kernels leave small products to the reference, which rounds otherwise.
    const what = kernels === "blocked" ? "nothing beyond rounding" : "no bit";
    it(`changes ${what} in the fused operations, ${kernels}`, async () => {
      const isSet = kernels === "reference" || kernels === "blocked";
      configureEngine(isSet ? { kernels } : { kernels: "simd", variant: kernels, threads: 2 }, {
        inlineNanoseconds: 0,
      });
      await engineReady();
      fc.assert(
        fc.property(situations, ({ model, path, parts, ids }) => {
          const { whole, cached } = bothWays(model, path, ids, parts);
          if (kernels !== "blocked") expectSameNumbers(cached, whole);
          for (let at = 0; at < whole.length; at += VOCABULARY)
            expectClose(cached.slice(at, at + VOCABULARY), whole.slice(at, at + VOCABULARY));
        }),
        { seed: 2, numRuns: 40 },
      );
    });
  }

  it("lets generation write the same text as without it, also beyond the context", () => {
    configureEngine({ kernels: "reference" });
    const prompts = fc.array(fc.nat(VOCABULARY - 1), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(situations, prompts, fc.nat(), ({ model, path }, prompt, seed) => {
        unfuse(model);
        const write = (cache?: boolean) => [
          ...generate(model, prompt, { maximumTokens: 12, random: new Random(seed), path, cache }),
        ];
        expect(write()).to.deep.equal(write(false));
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  it("leaves no memory behind, at the end of a text, where it is left, and where a token fails", () => {
    configureEngine();
    const model = new Gpt({ layers: 2, hidden: 8, heads: 2, context: 8, vocabulary: VOCABULARY });
    const options = { maximumTokens: 20, random: new Random(1) };
    expect([...generate(model, [1, 2], options)]).to.have.length(20);
    const before = memory.liveBytes;
    let most = 0;
    expect([...generate(model, [1, 2], options)]).to.have.length(20);
    expect(memory.liveBytes).to.equal(before);
    for (const _ of generate(model, [1, 2], options)) {
      most = memory.liveBytes;
      break;
    }
    expect(most).to.be.at.least(before + 2 * 2 * 8 * 8 * 4);
    expect(memory.liveBytes).to.equal(before);
    expect(() => [...generate(model, [VOCABULARY], options)]).to.throw("outside");
    expect(memory.liveBytes).to.equal(before);
  });

  it("refuses what it cannot serve, in one sentence", () => {
    configureEngine();
    const model = new Gpt({ layers: 2, hidden: 8, heads: 2, context: 6, vocabulary: VOCABULARY });
    const cache = new KeyValueCache({ positions: 2, context: 6, hidden: 8, heads: 2 });
    const ids = (count: number, batch = 1) => Tensor.from(new Int32Array(batch * count), [batch, count], "i32");
    const hidden = (tokens: Tensor, options: object = {}) =>
      noGrad(() => scope(() => void model.hidden(tokens, { cache, ...options })));
    expect(() => model.hidden(ids(2), { cache })).to.throw("a key-value cache is for inference");
    expect(() => hidden(ids(2, 3))).to.throw("holds one sequence, and ids [3, 2] are 3");
    const path = [{ block: model.blocks[0], branchScale: 1 }];
    expect(() => hidden(ids(2), { path })).to.throw("made for a path of 2 layers, not of 1");
    hidden(ids(4));
    expect(() => hidden(ids(3))).to.throw("holds 4 of at most 6 tokens: 3 more do not fit");
    hidden(ids(2));
    expect(cache.length).to.equal(6);

    const { attention } = model.blocks[0];
    const x = Tensor.from(new Float32Array(8), [1, 1, 8]);
    const attend = (options: object) => noGrad(() => attention.forward(x, { cache: cache.at(0), ...options }));
    expect(() => attend({ mask: Tensor.from([1], [1, 1]) })).to.throw("a mask and a key-value cache");
    const dropping = new MultiHeadAttention({ hidden: 8, heads: 2, causal: true, dropout: 0.1 }).train();
    expect(() => noGrad(() => dropping.forward(x, { cache: cache.at(0) }))).to.throw("dropout is on");
    const bert = new Bert({ layers: 1, hidden: 8, heads: 2, context: 6, vocabulary: VOCABULARY });
    expect(() => noGrad(() => bert.blocks[0].attention.forward(x, { cache: cache.at(0) }))).to.throw("only causal");
    cache.release();
  });
});

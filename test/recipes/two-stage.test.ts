import { expect } from "chai";
import fc from "fast-check";
import { train } from "../../src/apollo/algorithm.ts";
import { layerFlopsPerToken } from "../../src/apollo/cost.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { bert2bert } from "../../src/recipes/bert2bert.ts";
import { Random } from "../../src/tensor/random.ts";
import { causalBatch, maskedBatch, TINY_TOKENS, tinyBert, tinyGpt, weightsOf } from "../nn/tiny-models.ts";

const CALL = { steps: 400, targetDepth: 12 };

describe("bert2BERT's two-stage training", () => {
  it("is off unless asked for", () => {
    const { stages } = bert2bert({}, CALL);
    expect(stages).to.deep.equal([{ uniqueLayers: 12, firstStep: 0, endStep: 400 }]);
  });

  it("draws prefixes of whole quarters for an eighth of the run, then trains everything", () => {
    const method = bert2bert({ prefixShare: 0.125 }, CALL);
    expect(method.stages).to.deep.equal([
      { uniqueLayers: 12, firstStep: 0, endStep: 50 },
      { uniqueLayers: 12, firstStep: 50, endStep: 400 },
    ]);
    const planAt = (step: number, uniform: number) =>
      method.planStep({ ...{ step, uniform, uniqueLayers: 12, targetDepth: 12 }, random: () => new Random(1) });
    const layers = [...new Array(12).keys()];
    for (const [uniform, depth] of [
      [0, 3],
      [0.2499, 3],
      [0.25, 6],
      [0.74, 9],
      [0.9999, 12],
    ]) {
      const { positions, trainable, freezesEmbeddings } = planAt(49, uniform);
      expect(positions.map(({ weight }) => weight)).to.deep.equal(layers.slice(0, depth));
      expect(trainable).to.deep.equal(depth === 3 ? "all" : layers.slice(depth - 3, depth));
      expect(freezesEmbeddings).to.equal(depth === 3 ? undefined : true);
    }
    const whole = planAt(50, 0);
    expect(whole.positions).to.have.length(12);
    expect(whole.trainable).to.equal("all");
    expect(() => bert2bert({ prefixShare: 0.1, prefixLayers: 5 }, CALL)).to.throw(
      "multiples of 5 layers do not make 12",
    );
    expect(() => bert2bert({ prefixShare: 0.001 }, CALL)).to.throw("a share of 0.001 of 400 steps");
    expect(() => bert2bert({ prefixLayers: 3 }, CALL)).to.throw(
      "bert2bert-aki: prefixLayers 3 means nothing without a prefixShare",
    );
    expect(() => bert2bert({ knowledge: "fpi", prefixShare: 0.1 }, { steps: 400, targetDepth: 10 })).to.throw(
      "bert2bert-fpi: 10 layers do not make 4 equal parts; prefixLayers must be given",
    );
  });

  it("draws each depth as often as it says", () => {
    const shapes = fc.record({ blocks: fc.integer({ min: 1, max: 6 }), size: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(shapes, fc.nat(), ({ blocks, size }, seed) => {
        const targetDepth = blocks * size;
        const method = bert2bert({ prefixShare: 0.5, prefixLayers: size }, { steps: 10, targetDepth });
        const random = new Random(seed);
        const draws = 600;
        const counts = new Map<number, number>();
        for (let draw = 0; draw < draws; draw++) {
          const call = {
            step: 0,
            uniqueLayers: targetDepth,
            targetDepth,
            uniform: random.uniform(),
            random: () => random,
          };
          const { length } = method.planStep(call).positions;
          counts.set(length, (counts.get(length) ?? 0) + 1);
        }
        const pmf = method.depths(method.stages[0]);
        expect(pmf.reduce((sum, { probability }) => sum + probability, 0)).to.be.closeTo(1, 1e-12);
        expect([...counts.keys()].every((depth) => pmf.some((entry) => entry.depth === depth))).to.equal(true);
        for (const { depth, probability: p } of pmf)
          expect((counts.get(depth) ?? 0) / draws).to.be.closeTo(p, 5 * Math.sqrt((p * (1 - p)) / draws) + 1e-12);
        expect(method.depths(method.stages[1])).to.deep.equal([{ depth: targetDepth, probability: 1 }]);
      }),
      { seed: 1, numRuns: 20 },
    );
  });

  for (const family of ["gpt", "bert"] as const) {
    it(`${family}: moves the top layers of a prefix and the head, and nothing else by one bit, at their cost`, () => {
      const steps = 24;
      const method = bert2bert({ prefixShare: 0.5 }, { steps, targetDepth: 4 });
      const model = family === "gpt" ? tinyGpt({ layers: 4 }) : tinyBert({ layers: 4 });
      let before = new Map([...model.stateDict()].map(([name, { values }]) => [name, Array.from(values)]));
      const seen = new Set<number>();
      const training = train<never>({
        ...{ model: model as never, method, optimizer: new AdamW(model.parameters()), learningRate: () => 1e-2 },
        ...{ batchAt: (family === "gpt" ? causalBatch : maskedBatch) as never, tokensPerBatch: TINY_TOKENS, seed: 1 },
      });
      for (const { step, depth, trainedLayers, layerFlops, uniqueLayers } of training) {
        const after = weightsOf(model);
        const isFirst = step < steps / 2;
        expect(uniqueLayers).to.equal(4);
        if (!isFirst) expect(depth).to.equal(4);
        else seen.add(depth);
        expect(trainedLayers).to.equal(isFirst && depth > 1 ? 1 : undefined);
        for (const [name, values] of after) {
          const layer = /^blocks\.(\d)/.exec(name)?.[1];
          const isEmbedding = /^(positionEmbedding|typeEmbedding|embeddingNorm)/.test(name);
          const learns = layer === undefined ? !isEmbedding || depth === 1 : Number(layer) === depth - 1;
          const old = before.get(name)!;
          // All elements: a token that a batch lacks decays in the table, too.
          const moved = values.some((value, index) => !Object.is(value, old[index]));
          expect(moved, `${name} at step ${step}, depth ${depth}`).to.equal(!isFirst || learns);
        }
        before = after;
        // All layers forward, the trained ones backward; post-LN hands nothing on below its first projection.
        const forward = TINY_TOKENS * layerFlopsPerToken({ hidden: 8, context: 6 });
        const untouched = family === "bert" && isFirst && depth > 1 ? TINY_TOKENS * 2 * 8 * 24 : 0;
        expect(layerFlops).to.equal((depth + 2 * (isFirst ? 1 : depth)) * forward - untouched);
      }
      expect([...seen].sort()).to.deep.equal([1, 2, 3, 4]);
    });
  }
});

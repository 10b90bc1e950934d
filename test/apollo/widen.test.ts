import { expect } from "chai";
import fc from "fast-check";
import { train } from "../../src/apollo/algorithm.ts";
import { withIdentities } from "../../src/apollo/growth/identity-layers.ts";
import { axesOf, unitsOf } from "../../src/apollo/growth/parameter-axes.ts";
import { unitMap, widen, withRandomSplits } from "../../src/apollo/growth/widen.ts";
import { Gpt } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { type Bert2BertOptions, bert2bert } from "../../src/recipes/bert2bert.ts";
import { hypercloning } from "../../src/recipes/hypercloning.ts";
import { lemon } from "../../src/recipes/lemon.ts";
import { net2net } from "../../src/recipes/net2net.ts";
import type { RecipeCall } from "../../src/recipes/recipe.ts";
import { Random } from "../../src/tensor/random.ts";
import {
  begin,
  KINDS,
  type Kind,
  largestDifference,
  logitsOf,
  type Model,
  modelOf,
  smallOf,
} from "../nn/growing-models.ts";
import { causalBatch, randomise, TINY_TOKENS } from "../nn/tiny-models.ts";

/** A wide model that begins from a small one with random weights. */
function grown(
  kind: Kind,
  sizes: { layers: number; heads: number; toLayers?: number; toHeads: number; seed: number },
  options: Bert2BertOptions,
): { small: Model; wide: Model } {
  const { layers, heads, toLayers = layers, toHeads, seed } = sizes;
  const small = modelOf(kind, { layers, heads });
  randomise(small, seed);
  const wide = modelOf(kind, { layers: toLayers, heads: toHeads });
  begin((call) => bert2bert(options, call), wide, smallOf(small), { seed });
  return { small, wide };
}

describe("function-preserving growth in width", () => {
  for (const kind of KINDS) {
    it(`${kind}: logits stay, to 1e-5, where an integer ratio and the circular map copy every unit equally often`, () => {
      const sizes = fc.record({
        layers: fc.integer({ min: 1, max: 3 }),
        heads: fc.integer({ min: 1, max: 3 }),
        ratio: fc.integer({ min: 1, max: 3 }),
        seed: fc.nat(),
      });
      const property = fc.property(sizes, ({ layers, heads, ratio, seed }) => {
        const options = { knowledge: "fpi", widthMap: "circular" } as const;
        const { small, wide } = grown(kind, { layers, heads, toHeads: ratio * heads, seed }, options);
        const logits = logitsOf(small);
        const scale = Math.max(1, ...Array.from(logits, Math.abs));
        expect(largestDifference(logitsOf(wide), logits)).to.be.lessThan(1e-5 * scale);
      });
      fc.assert(property, { seed: 1, numRuns: 30 });
    });

    it(`${kind}: logits move where units have different numbers of copies, since LayerNorm then sees other statistics`, () => {
      const { small, wide } = grown(kind, { layers: 2, heads: 2, toHeads: 3, seed: 3 }, { knowledge: "fpi" });
      expect(largestDifference(logitsOf(wide), logitsOf(small))).to.be.greaterThan(1e-3);
    });
  }

  it("shares what is read of a unit equally between its copies", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("random" as const, "circular" as const),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 40 }),
        fc.nat(),
        (name, from, more, seed) => {
          const { sources, shares } = unitMap(name, from, from + more, new Random(seed));
          expect(sources.slice(0, from)).to.deep.equal([...new Array(from).keys()]);
          for (let unit = 0; unit < from; unit++) {
            const own = shares.filter((_, index) => sources[index] === unit);
            expect(own.reduce((sum, share) => sum + share, 0)).to.be.closeTo(1, 1e-12);
            expect(new Set(own).size).to.equal(1);
          }
        },
      ),
      { seed: 1 },
    );
    expect(unitMap("circular", 3, 7, new Random(1)).sources).to.deep.equal([0, 1, 2, 0, 1, 2, 0]);
    expect(() => unitMap("circular", 4, 3, new Random(1))).to.throw("4 units cannot become 3");
  });

  it("keeps the channels of a head together, in queries, keys and values", () => {
    // Two heads of two channels become three by a third that copies the second.
    const map = { sources: [0, 1, 1], shares: [1, 0.5, 0.5] };
    const bias = { shape: [12], values: [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23] };
    const grownBias = widen("blocks.0.attention.qkv.bias", bias, { residual: map, heads: map, inner: map }, "gpt");
    const expected = [0, 10, 20].flatMap((start) => [0, 1, 2, 3, 2, 3].map((channel) => start + channel));
    expect(Array.from(grownBias.values)).to.deep.equal(expected);
  });

  it("knows the axes of every parameter of GPT and of both forms of BERT, and of no other", () => {
    for (const kind of KINDS) {
      const model = modelOf(kind, { layers: 2, heads: 2 });
      for (const [name, { rank }] of model.namedParameters())
        expect(axesOf(name, model.family), name).to.have.length(rank);
    }
    expect(() => axesOf("pooler.weight", "bert")).to.throw('the axes of the parameter "pooler.weight"');
  });

  it("refuses heads of another size", () => {
    const small = modelOf("gpt", { layers: 1, heads: 2 });
    const wide = new Gpt({ layers: 1, heads: 2, hidden: 16, context: 6, vocabulary: 11 });
    expect(() => begin((call) => bert2bert({}, call), wide, smallOf(small))).to.throw(
      "heads of 4 channels cannot become heads of 8",
    );
  });
});

describe("growth in width and depth that preserves the function", () => {
  const recipes = {
    net2net: (call: RecipeCall) => net2net({ noise: 0 }, call),
    lemon: (call: RecipeCall) => lemon({}, call),
    hypercloning: (call: RecipeCall) => hypercloning({}, call),
  };

  /** A model of 2 layers and 2 heads, and what a recipe makes of it. */
  function made(name: keyof typeof recipes, kind: Kind, to: { layers: number; heads: number }, seed: number) {
    const small = modelOf(kind, { layers: 2, heads: 2 });
    randomise(small, seed);
    const large = modelOf(kind, to);
    const optimizer = new AdamW(large.parameters());
    const { method } = begin(recipes[name], large, smallOf(small), { seed, optimizer });
    return { small, large, method, optimizer };
  }

  for (const name of ["net2net", "lemon", "hypercloning"] as const) {
    for (const kind of KINDS) {
      it(`${name}, ${kind}: logits stay, to 1e-5, at whole ratios`, () => {
        const property = fc.property(fc.integer({ min: 1, max: 3 }), fc.nat(), (ratio, seed) => {
          const { small, large } = made(name, kind, { layers: 2, heads: 2 * ratio }, seed);
          const logits = logitsOf(small);
          const scale = Math.max(1, ...Array.from(logits, Math.abs));
          expect(largestDifference(logitsOf(large), logits)).to.be.lessThan(1e-5 * scale);
        });
        fc.assert(property, { seed: 1, numRuns: 15 });
      });
    }
  }

  for (const name of ["net2net", "lemon"] as const) {
    it(`${name}: new layers add nothing to pre-LN models, and change post-LN ones`, () => {
      for (const kind of KINDS) {
        const { small, large } = made(name, kind, { layers: 5, heads: 4 }, 3);
        const difference = largestDifference(logitsOf(large), logitsOf(small));
        if (kind === "bert") expect(difference).to.be.greaterThan(1e-3);
        else expect(difference).to.be.lessThan(1e-4);
      }
      expect(withIdentities(2, 5)).to.deep.equal([0, null, null, 1, null]);
      expect(withIdentities(3, 6)).to.deep.equal([0, null, 1, null, 2, null]);
    });
  }

  it("lemon: splits every number that is read in parts of its own, which sum to it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 2, max: 4 }), fc.nat(), (from, ratio, seed) => {
        const random = new Random(seed);
        const map = withRandomSplits(unitMap("circular", from, from * ratio, random), random);
        const matrix = {
          shape: [4 * from, 3],
          values: Float32Array.from({ length: 12 * from }, () => random.normal()),
        };
        const inner = withRandomSplits(unitMap("circular", 4 * from, 4 * from * ratio, random), random);
        // The stream's three channels stay.
        const stream = unitMap("circular", 3, 3, random);
        const maps = { residual: stream, heads: map, inner };
        const wide = widen("blocks.0.feedForward.down.weight", matrix, maps, "gpt");
        expect(wide.shape).to.deep.equal([4 * from * ratio, 3]);
        const parts = Array.from({ length: 4 * from }, (_, unit) =>
          [0, 1, 2].map((column) =>
            Array.from({ length: ratio }, (__, copy) => wide.values[(unit + 4 * from * copy) * 3 + column]),
          ),
        );
        parts.flat().forEach((own, index) => {
          const whole = own.reduce((sum, part) => sum + part, 0);
          expect(whole).to.be.closeTo(matrix.values[index], 1e-6);
        });
        // Within a unit, other columns are split otherwise.
        const [first, second] = parts[0].map((own, column) => own[0] / matrix.values[column]);
        expect(first).not.to.be.closeTo(second, 1e-6);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it("lemon: copies of a neuron, alike at first in what they read, part within two updates; hypercloned ones do not", () => {
    const distance = (name: "lemon" | "hypercloning") => {
      const { large, method, optimizer } = made(name, "gpt", { layers: 2, heads: 4 }, 3);
      const training = train({
        ...{ model: large as Gpt, method, optimizer },
        ...{ learningRate: () => 1e-2, batchAt: causalBatch, tokensPerBatch: TINY_TOKENS, seed: 1 },
      });
      for (const { step } of training) if (step === 1) break;
      const [{ bias }] = large.blocks.map(({ feedForward }) => feedForward.up);
      const half = bias!.size / 2;
      return Math.max(
        ...Array.from({ length: half }, (_, unit) => Math.abs(bias!.numbers[unit] - bias!.numbers[unit + half])),
      );
    };
    expect(distance("lemon")).to.be.greaterThan(1e-4);
    expect(distance("hypercloning")).to.be.lessThan(1e-5);
  });

  it("is refused for post-LN GPT, whose head has no norm before it to divide", () => {
    const options = { layers: 2, context: 6, vocabulary: 11, norm: "post" } as const;
    const small = new Gpt({ ...options, heads: 2, hidden: 8 });
    const large = new Gpt({ ...options, heads: 4, hidden: 16 });
    for (const recipe of Object.values(recipes))
      expect(() => begin(recipe, large, smallOf(small))).to.throw("growth: post-LN GPT has no norm before its head");
  });

  it("leaves the optimizer without state", () => {
    for (const name of ["net2net", "lemon", "hypercloning"] as const) {
      const { optimizer } = made(name, "gpt", { layers: 2, heads: 4 }, 1);
      expect(optimizer.state.size, name).to.equal(0);
    }
  });

  it("net2net: noise moves the matrices a little, and no bias", () => {
    const small = modelOf("gpt", { layers: 1, heads: 2 });
    randomise(small, 5);
    const [quiet, noisy] = [0, 0.01].map((noise) => {
      const large = modelOf("gpt", { layers: 1, heads: 4 });
      begin((call) => net2net({ noise }, call), large, smallOf(small));
      return large.stateDict();
    });
    for (const [name, { shape, values }] of noisy) {
      const before = quiet.get(name)!.values;
      const moved = Math.hypot(...values.map((value, index) => value - before[index])) / Math.hypot(...before);
      if (shape.length === 1) expect(moved, name).to.equal(0);
      else expect(moved, name).to.be.closeTo(0.01, 0.003);
    }
  });

  it("net2net: doubles inner units by a random map, another for every layer and seed", () => {
    /** The old unit that each inner unit copies. */
    const sourcesOf = (layer: number, seed: number) => {
      const { small, large } = made("net2net", "gpt", { layers: 2, heads: 4 }, seed);
      const [old, all] = [small, large].map((model) => Array.from(model.blocks[layer].feedForward.up.bias!.numbers));
      return all.map((bias) => old.indexOf(bias));
    };
    const circular = Array.from({ length: 64 }, (_, unit) => unit % 32);
    const maps = [sourcesOf(0, 1), sourcesOf(1, 1), sourcesOf(0, 2)];
    for (const sources of maps) {
      expect(sources.slice(0, 32)).to.deep.equal(circular.slice(0, 32));
      for (const source of sources.slice(32)) expect(source).to.be.within(0, 31);
    }
    expect(new Set([circular, ...maps].map(String)).size).to.equal(4);
  });

  it("hypercloning and lemon refuse a ratio that is not whole", () => {
    for (const name of ["hypercloning", "lemon"] as const)
      expect(() => made(name, "gpt", { layers: 2, heads: 3 }, 1)).to.throw("12 channels are no whole");
  });

  it("hypercloning refuses to deepen, which would change the function", () => {
    const from = { layers: 3, hidden: 8, heads: 2, context: 8, vocabulary: 20 };
    const growth = { from, to: { ...from, layers: 6, hidden: 16, heads: 4 } };
    expect(() => hypercloning({}, { steps: 10, targetDepth: 6, growth })).to.throw(
      "hypercloning: it widens alone, and 3 layers cannot become 6",
    );
  });
});

describe("advanced knowledge initialisation", () => {
  for (const kind of KINDS) {
    it(`${kind}: changes only the new heads and inner units, which come from the layer above`, () => {
      const sizes = { layers: 3, heads: 2, toHeads: 3, seed: 5 };
      const fpi = grown(kind, sizes, { knowledge: "fpi" }).wide.stateDict();
      const aki = grown(kind, sizes, { knowledge: "aki" }).wide.stateDict();
      const [kept, units] = [2, 3].map((heads) =>
        unitsOf({ ...sizes, heads, hidden: 4 * heads, context: 6, vocabulary: 11 }),
      );
      for (const [name, { shape, values }] of aki) {
        const layer = /^blocks\.(\d)/.exec(name)?.[1];
        const axes = axesOf(name, kind === "gpt" ? "gpt" : "bert");
        const grows = axes
          .map((axis, dimension) => ({ axis, dimension }))
          .filter(({ axis }) => axis !== null && axis.space !== "residual");
        let changed = 0;
        values.forEach((value, index) => {
          if (value === fpi.get(name)!.values[index]) return;
          changed++;
          const [{ axis, dimension }] = grows;
          const inner = shape.slice(dimension + 1).reduce((product, size) => product * size, 1);
          const length = shape[dimension] / (axis!.groups ?? 1);
          const unit = Math.floor((Math.floor(index / inner) % length) / (length / units[axis!.space]));
          expect(unit, `${name}[${index}]`).to.be.at.least(kept[axis!.space]);
        });
        // The last layer has none above it.
        expect(changed > 0, name).to.equal(grows.length > 0 && layer !== "2");
      }
    });
  }

  it("takes a new unit's numbers from the layer above, as that layer has grown", () => {
    const { small, wide } = grown("gpt", { layers: 2, heads: 1, toHeads: 2, seed: 7 }, { widthMap: "circular" });
    const up = (model: Model, layer: number) => model.stateDict().get(`blocks.${layer}.feedForward.up.weight`)!.values;
    // [4, 16] became [8, 32]: inputs are shared by two copies, inner unit 16 + j of layer 0 is unit j of layer 1.
    const [above, own, grownUp] = [up(small, 1), up(small, 0), up(wide, 0)];
    for (let input = 0; input < 8; input++) {
      for (let unit = 0; unit < 16; unit++) {
        expect(grownUp[32 * input + unit]).to.equal(own[16 * (input % 4) + unit] / 2);
        expect(grownUp[32 * input + 16 + unit]).to.equal(above[16 * (input % 4) + unit] / 2);
      }
    }
  });

  it("grows the layer above by this layer's maps, in what new units read and in what is read of them", () => {
    const sizes = { layers: 2, heads: 2, toHeads: 3, seed: 9 };
    const { small, wide: fpi } = grown("gpt", sizes, { knowledge: "fpi", widthMap: "random" });
    const { wide: aki } = grown("gpt", sizes, { knowledge: "aki", widthMap: "random" });
    const table = (model: Model, layer: number, name: string) =>
      Array.from(model.stateDict().get(`blocks.${layer}.feedForward.${name}`)!.values);
    /** The old unit that each copies, of which layer l's own are told by function-preserving growth from the same draws. */
    const sourcesOf = (layer: number) => {
      const old = table(small, layer, "up.bias");
      return table(fpi, layer, "up.bias").map((bias) => old.indexOf(bias));
    };
    const [sources, others] = [sourcesOf(0), sourcesOf(1)];
    expect(sources).to.not.deep.equal(others);
    const [tokens, wideTokens] = [small, fpi].map((model) => model.stateDict().get("tokenEmbedding.weight")!.values);
    const stream = Array.from({ length: 12 }, (_, channel) => tokens.indexOf(wideTokens[channel]));
    const copiesOf = (map: number[], unit: number) => map.filter((source) => source === unit).length;
    const [bias, up, down] = ["up.bias", "up.weight", "down.weight"].map((name) => table(aki, 0, name));
    const above = ["up.bias", "up.weight", "down.weight"].map((name) => table(small, 1, name));
    for (let unit = 32; unit < 48; unit++) {
      const source = sources[unit];
      expect(bias[unit]).to.equal(above[0][source]);
      stream.forEach((from, channel) => {
        const read = above[1][32 * from + source] / copiesOf(stream, from);
        expect(up[48 * channel + unit], `up ${channel}, ${unit}`).to.be.closeTo(read, 1e-6);
        const written = above[2][8 * source + from] / copiesOf(sources, source);
        expect(down[12 * unit + channel], `down ${unit}, ${channel}`).to.be.closeTo(written, 1e-6);
      });
    }
  });

  it("stacks a shallower model, the remainder from its top", () => {
    const { wide } = grown("gpt", { layers: 2, heads: 1, toLayers: 5, toHeads: 2, seed: 7 }, { knowledge: "fpi" });
    const biases = [0, 1, 2, 3, 4].map((layer) =>
      String(wide.stateDict().get(`blocks.${layer}.feedForward.up.bias`)!.values),
    );
    expect([2, 4].map((layer) => biases[layer] === biases[layer % 2])).to.deep.equal([true, false]);
    expect(biases[4]).to.equal(biases[1]);
    expect(biases[3]).to.equal(biases[1]);
  });
});

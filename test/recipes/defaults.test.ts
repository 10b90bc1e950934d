import { expect } from "chai";
import type { DescribedMethod } from "../../src/apollo/method.ts";
import { parseExperiment } from "../../src/lab/experiment.ts";
import { methodFrom } from "../../src/lab/recipe-schemas.ts";
import { albert } from "../../src/recipes/albert.ts";
import { bert2bert } from "../../src/recipes/bert2bert.ts";
import { gstack } from "../../src/recipes/gstack.ts";
import { layerDrop } from "../../src/recipes/layer-drop.ts";
import { lesa } from "../../src/recipes/lesa.ts";
import { ligo } from "../../src/recipes/ligo.ts";
import { mango } from "../../src/recipes/mango.ts";
import { midas } from "../../src/recipes/midas.ts";
import { msg } from "../../src/recipes/msg.ts";
import { mslt } from "../../src/recipes/mslt.ts";
import { net2net } from "../../src/recipes/net2net.ts";
import { oneLayer } from "../../src/recipes/one-layer.ts";
import { raptr } from "../../src/recipes/raptr.ts";
import type { RecipeCall } from "../../src/recipes/recipe.ts";
import { stackbert } from "../../src/recipes/stackbert.ts";
import { staged } from "../../src/recipes/staged.ts";
import { swe } from "../../src/recipes/swe.ts";
import { Random } from "../../src/tensor/random.ts";
import { begin, modelOf, smallOf } from "../nn/growing-models.ts";
import { expectSameNumbers, randomise, weightsOf } from "../nn/tiny-models.ts";

const STEPS = 1000;
const HEADS = 2;
const LAYERS = 12;

const FROM_CHANCE = {
  stackbert,
  gstack,
  midas,
  mslt,
  swe,
  "one-layer": oneLayer,
  raptr,
  "layer-drop": layerDrop,
  albert,
};
const WIDER = { layers: 12, heads: 1 };
/** Each with the sizes of a small model. */
const FROM_SMALL = {
  bert2bert: [bert2bert, WIDER],
  net2net: [net2net, WIDER],
  msg: [msg, WIDER],
  staged: [staged, { layers: 6, heads: 1 }],
  lesa: [lesa, { layers: 8, heads: HEADS }],
  ligo: [ligo, WIDER],
  mango: [mango, WIDER],
} as const;

/** The same recipe, by an experiment that says nothing of its options. */
function ofExperiment(kind: string, small?: object): (call: RecipeCall) => DescribedMethod {
  const { recipe } = parseExperiment({
    name: kind,
    model: { family: "gpt", layers: LAYERS, hidden: 4 * HEADS, heads: HEADS, context: 6, vocabulary: 300 },
    recipe: { kind, ...(small && { small }) },
    training: { steps: STEPS, batch: 1, learningRate: { peak: 1e-3 } },
  });
  return (call) => methodFrom(recipe, call);
}

/** What a method does from the first step to the last. */
function courseOf(method: DescribedMethod) {
  const { name, stages, depthDraw, sharedGradient } = method;
  const rate = method.learningRate?.(1e-3);
  const draws = new Random(5);
  const steps = Array.from({ length: STEPS / 5 }, (_, index) => {
    const step = 5 * index;
    const { uniqueLayers } = stages.find(({ endStep }) => step < endStep)!;
    const random = () => Random.stream(1, `path ${step}`);
    const plan = method.planStep({ step, uniqueLayers, targetDepth: LAYERS, uniform: draws.uniform(), random });
    return [rate?.(step), plan];
  });
  const growths = stages.slice(1).map((stage, index) => {
    const [from, to] = [stages[index].uniqueLayers, stage.uniqueLayers];
    return from === to ? null : method.growthMap(from, to);
  });
  return { name, stages, depthDraw, sharedGradient, steps, growths };
}

describe("recipes without options do as an experiment that gives them none", () => {
  for (const [kind, recipe] of Object.entries(FROM_CHANCE)) {
    it(kind, () => {
      const call = { steps: STEPS, targetDepth: LAYERS };
      expect(courseOf(recipe({}, call))).to.deep.equal(courseOf(ofExperiment(kind)(call)));
    });
  }

  for (const [kind, [recipe, { layers, heads }]] of Object.entries(FROM_SMALL)) {
    it(kind, () => {
      const small = modelOf("gpt", { layers, heads });
      randomise(small, 3);
      // An optimizer that has not begun.
      const start = { ...smallOf(small), state: new Map() };
      const [own, other] = [
        (call: RecipeCall) => recipe({}, call),
        ofExperiment(kind, { layers, heads, hidden: 4 * heads }),
      ].map((make) => {
        const model = modelOf("gpt", { layers: LAYERS, heads: HEADS });
        const { method, operator } = begin(make, model, start, { steps: STEPS });
        operator?.apply();
        const { steps, learningRate, weightDecay } = operator ?? {};
        return { course: courseOf(method), operator: { steps, learningRate, weightDecay }, weights: weightsOf(model) };
      });
      expect(own.course).to.deep.equal(other.course);
      expect(own.operator).to.deep.equal(other.operator);
      for (const [name, values] of own.weights) expectSameNumbers(values, other.weights.get(name)!, name);
    });
  }
});

import { expect } from "chai";
import { AdamW } from "../../src/optim/adamw.ts";
import { bert2bert } from "../../src/recipes/bert2bert.ts";
import { depthUpScaling } from "../../src/recipes/depth-up-scaling.ts";
import { hypercloning } from "../../src/recipes/hypercloning.ts";
import { lemon } from "../../src/recipes/lemon.ts";
import { lesa } from "../../src/recipes/lesa.ts";
import { ligo } from "../../src/recipes/ligo.ts";
import { mango } from "../../src/recipes/mango.ts";
import { net2net } from "../../src/recipes/net2net.ts";
import type { RecipeCall } from "../../src/recipes/recipe.ts";
import { begin, modelOf, smallOf } from "../nn/growing-models.ts";
import { randomise, weightsOf } from "../nn/tiny-models.ts";

/** From 4 layers and 2 heads to what each can make of them. */
const WIDER = { layers: 4, heads: 4 };
const DEEPER = { layers: 6, heads: 2 };
const RECIPES = [
  { name: "bert2bert", to: WIDER, recipe: (call: RecipeCall) => bert2bert({}, call) },
  { name: "net2net", to: WIDER, recipe: (call: RecipeCall) => net2net({}, call) },
  { name: "lemon", to: WIDER, recipe: (call: RecipeCall) => lemon({}, call) },
  { name: "hypercloning", to: WIDER, recipe: (call: RecipeCall) => hypercloning({}, call) },
  { name: "ligo", to: WIDER, recipe: (call: RecipeCall) => ligo({}, call) },
  { name: "mango", to: WIDER, recipe: (call: RecipeCall) => mango({}, call) },
  { name: "depth-up-scaling", to: DEEPER, recipe: (call: RecipeCall) => depthUpScaling({}, call) },
  { name: "lesa", to: DEEPER, recipe: (call: RecipeCall) => lesa({ inserted: 2, epochs: 1 }, call) },
];

describe("recipes that begin from a small model's weights alone", () => {
  for (const { name, to, recipe } of RECIPES) {
    it(`${name}: gives every layer weights, and leaves the optimizer without state`, () => {
      const small = modelOf("gpt", { layers: 4, heads: 2 });
      randomise(small, 3);
      const model = modelOf("gpt", to);
      const before = weightsOf(model);
      const optimizer = new AdamW(model.parameters());
      begin(recipe, model, smallOf(small), { optimizer }).operator?.apply();
      expect(optimizer.state.size).to.equal(0);
      for (const [parameter, values] of weightsOf(model))
        expect(values, parameter).to.not.deep.equal(before.get(parameter));
    });
  }
});

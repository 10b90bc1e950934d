/** Scratch: the full model from random weights, all steps (methods B). One stage with N = L. */

import { apollo } from "./apollo.ts";
import type { Recipe } from "./recipe.ts";

export const scratch: Recipe<object> = (_, call) => ({
  ...apollo({ stages: [call.targetDepth], boundaries: [] }, call),
  name: "scratch",
});

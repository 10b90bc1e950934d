/**
 * Net2Net (methods B.4 [T:LiGO]): wider by copies of randomly chosen units, whose readers share, and deeper by layers that change
 * nothing, spread behind the small ones, the lower first [D]. All matrices get a little noise, without which copies stay alike: optional
 * in the source, and on here [D].
 *
 * Without it the function is preserved where the stream grows by a whole ratio, and where layers are added in pre-LN models: post-LN
 * normalises once more behind a layer that adds nothing. A new optimizer [M].
 */

import { withIdentities } from "../apollo/growth/identity-layers.ts";
import { unitMap } from "../apollo/growth/widen.ts";
import { widerModel } from "../apollo/growth/wider-model.ts";
import type { FirstWeightsCall } from "../apollo/method.ts";
import { checkWidensWithNorm, type Recipe } from "./recipe.ts";
import { scratch } from "./scratch.ts";

export interface Net2NetOptions {
  /** Standard deviation of the noise, as a share of each tensor's own; 0.01 when absent. */
  noise?: number;
}

export const net2net: Recipe<Net2NetOptions> = ({ noise = 0.01 }, call) => {
  checkWidensWithNorm("net2net", call);
  return {
    ...scratch({}, call),
    name: "net2net",
    firstWeights(first) {
      const { model, small } = first;
      const wide = widerModel({
        ...first,
        // LayerNorm sees the stream: only with as many copies of every channel does it see the same [D].
        makeMap: ({ space, from, to, random }) =>
          unitMap(space === "residual" ? "circular" : "random", from, to, random),
        layers: withIdentities(small.size.layers, model.size.layers),
      });
      model.loadStateDict(wide);
      if (noise > 0) addNoise(first, noise);
      return null;
    },
  };
};

function addNoise({ model, random }: FirstWeightsCall, noise: number): void {
  for (const parameter of model.parameters()) {
    if (parameter.rank < 2) continue;
    const { numbers } = parameter;
    let squares = 0;
    for (const value of numbers) squares += value * value;
    const deviation = noise * Math.sqrt(squares / numbers.length);
    for (let index = 0; index < numbers.length; index++) numbers[index] += deviation * random.normal();
  }
}

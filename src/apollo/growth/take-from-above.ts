/**
 * Advanced knowledge initialisation (AKI, methods B.2 [N]): a wide layer keeps its own units, and takes the new ones from the
 * layer above it, grown by the same maps; the last layer has none above and copies its own. The function is not preserved,
 * and copies are no longer alike.
 */

import { axesOf, type Space } from "./parameter-axes.ts";
import type { Values } from "./widen.ts";

/** Spaces whose new units come from the layer above. The residual stream is one for all layers, and stays as it is [D]: the general formula is ambiguous there. */
const FROM_ABOVE: ReadonlySet<Space> = new Set(["heads", "inner"]);

/**
 * A parameter of a wide layer from the same parameter of this layer and of the one above, both grown.
 * @param kept units that are the layer's own, by space.
 * @param units of the wide model, by space.
 */
export function takeFromAbove(
  name: string,
  own: Values,
  above: Values,
  { kept, units, family }: { kept: Record<Space, number>; units: Record<Space, number>; family: "gpt" | "bert" },
): Values {
  const values = Float32Array.from(own.values);
  axesOf(name, family).forEach((axis, dimension) => {
    if (axis === null || !FROM_ABOVE.has(axis.space)) return;
    const { space, groups = 1 } = axis;
    const length = own.shape[dimension];
    const inner = own.shape.slice(dimension + 1).reduce((product, size) => product * size, 1);
    const unitLength = length / groups / units[space];
    for (let index = 0; index < values.length; index++) {
      const unit = Math.floor((Math.floor(index / inner) % (length / groups)) / unitLength);
      if (unit >= kept[space]) values[index] = above.values[index];
    }
  });
  return { shape: own.shape, values };
}

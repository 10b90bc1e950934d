/** Gradient checkpointing: what a part of the graph needs for its gradient is computed a second time instead of kept. */

import { scope } from "../../tensor/scope.ts";
import { formatShape, ShapeError, sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { gradientsOf } from "../backward.ts";
import { countFlops, currentFlopSection, tallyFlops, uncounted } from "../flops.ts";
import { noGrad, withRecording } from "../grad-mode.ts";
import { defineOp } from "../op.ts";
import { mul, tanh } from "./elementwise.ts";
import { drawShape } from "./samples.ts";

interface CheckpointOptions {
  body: (...inputs: Tensor[]) => Tensor;
}

/**
 * body(...inputs), of the first input's shape, of which the tape keeps the inputs alone. The way back replays the body with
 * recording on; leaves, such as parameters, are handed to it as themselves.
 */
export const gradientCheckpointOp = defineOp<CheckpointOptions>({
  name: "gradientCheckpoint",
  twice: false,
  countsItself: true,
  shape: ([x]) => x,
  forward(call, inputs) {
    const { body } = call.options;
    const output = noGrad(() => body(...inputs));
    if (!sameShape(output.shape, call.shape)) {
      throw new ShapeError(
        `gradientCheckpoint: the body made ${formatShape(output.shape)} of ${formatShape(call.shape)}; it must keep the shape`,
      );
    }
    call.save(...inputs);
    return call.view(output);
  },
  backward({ gradient, saved, options: { body }, inputWants }) {
    let gradients: (Tensor | null)[] | null = null;
    const replay = (): (Tensor | null)[] => {
      // What was made by other operations is cut off from them here: their turn comes later.
      const inputs = saved.map((tensor, index) => {
        if (!inputWants[index] || tensor.node === null) return tensor;
        const standIn = tensor.alias();
        standIn.requiresGrad = true;
        return standIn;
      });
      const targets = inputs.filter((_, index) => inputWants[index]);
      const found = scope(() => {
        const replayed = uncounted(() => countFlops(() => withRecording(true, () => body(...inputs))));
        // The mathematics asks for the body once: doing it again is executed, and is no part of the model.
        tallyFlops(0, replayed.flops.executed, currentFlopSection());
        return gradientsOf(replayed.result, targets, { gradient });
      });
      inputs.forEach((tensor, index) => {
        if (tensor !== saved[index]) tensor.release();
      });
      return saved.map((_, index) => (inputWants[index] ? found.shift()! : null));
    };
    return saved.map((_, index) => () => (gradients ??= replay())[index]!);
  },
  sample(random, longest) {
    const shape = drawShape(random, { longest });
    return {
      inputs: [{ shape }, { shape }],
      options: { body: (x, weight) => mul(tanh(mul(x, weight)), x) },
    };
  },
});

/**
 * body(x), whose result must have x's shape, without keeping what its gradient needs: only x stays, and the backward pass
 * computes the body a second time. `parameters` are those that the body uses; it must compute the same both times.
 * @throws ShapeError when the body changes the shape.
 */
export function gradientCheckpoint(body: (x: Tensor) => Tensor, x: Tensor, parameters: readonly Tensor[]): Tensor {
  return gradientCheckpointOp([x, ...new Set(parameters)], { body });
}

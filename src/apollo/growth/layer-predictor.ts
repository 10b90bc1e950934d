/**
 * LESA's predictor (methods C.8 [N] [C:yangyifei729/LESA]): a network of three linear layers with ReLU between them that learns
 * what stands between two layers from what stands between every layer's neighbours.
 *
 * A row of V_{i−1} beside the same of V_{i+1} is one example, that of V_i what is wanted [C]; the loss of a batch is
 * (1 − λ)·MSE + λ·(‖V̂‖ − ‖V‖)². Batches of 64, and AdamW with a constant learning rate of 1e-3 and a decay of 0.01 [C].
 */

import {
  add,
  concat,
  indexSelect,
  meanSquaredError,
  mul,
  noGrad,
  pow,
  relu,
  sqrt,
  sub,
  sum,
} from "../../autograd/index.ts";
import { initialize, Linear, Module } from "../../nn/index.ts";
import { AdamW } from "../../optim/adamw.ts";
import type { Random } from "../../tensor/random.ts";
import { scope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";

export interface PredictorTraining {
  /** Passes over the examples. */
  epochs: number;
  /** λ, the weight of the norm in the loss. */
  normWeight: number;
  random: Random;
}

/** Of the network's inner layers [N] [C]. */
const HIDDEN = 256;
const BATCH = 64;
const LEARNING_RATE = 1e-3;

/** [rows, columns] below and above → [rows, columns] between them. */
export class LayerPredictor extends Module {
  readonly first: Linear;
  readonly second: Linear;
  readonly last: Linear;

  constructor({ columns, seed }: { columns: number; seed: number }) {
    super();
    this.first = new Linear({ inputs: 2 * columns, outputs: HIDDEN });
    this.second = new Linear({ inputs: HIDDEN, outputs: HIDDEN });
    this.last = new Linear({ inputs: HIDDEN, outputs: columns });
    initialize(this, { seed });
  }

  /** [rows, 2·columns] → [rows, columns] */
  forward(neighbours: Tensor): Tensor {
    return this.last.forward(relu(this.second.forward(relu(this.first.forward(neighbours)))));
  }

  /** What stands between two layers: [rows, columns], as theirs. */
  between(below: Tensor, above: Tensor): Tensor {
    return scope(() => noGrad(() => this.forward(concat([below, above], { axis: 1 }))));
  }

  /**
   * Learns from every layer that has two neighbours.
   * @param layers three or more, [rows, columns] each.
   * @returns the mean loss of each epoch.
   */
  learn(layers: readonly Tensor[], { epochs, normWeight, random }: PredictorTraining): number[] {
    const inner = layers.slice(1, -1);
    const { neighbours, wanted } = scope(() => ({
      neighbours: concat(inner.map((_, index) => concat([layers[index], layers[index + 2]], { axis: 1 }))),
      wanted: concat(inner),
    }));
    const optimizer = new AdamW(this.parameters(), { weightDecay: 0.01 });
    const [count] = wanted.shape;
    return Array.from({ length: epochs }, () => {
      const order = random.permutation(count);
      let total = 0;
      for (let start = 0; start < count; start += BATCH) {
        const rows = order.slice(start, start + BATCH);
        total += rows.length * this.#update(optimizer, neighbours, wanted, rows, normWeight);
      }
      return total / count;
    });
  }

  /** @returns the loss of the batch. */
  #update(optimizer: AdamW, neighbours: Tensor, wanted: Tensor, rows: Int32Array, normWeight: number): number {
    const loss = scope(() => {
      const batch = Tensor.from(rows, [rows.length], "i32");
      const [given, target] = [neighbours, wanted].map((all) => indexSelect(all, batch));
      const loss = predictionLoss(this.forward(given), target, normWeight);
      loss.backward();
      return loss.item();
    });
    optimizer.step({ learningRate: LEARNING_RATE });
    this.zeroGrad();
    return loss;
  }
}

/** (1 − λ)·MSE + λ·(‖V̂‖ − ‖V‖)² */
export function predictionLoss(predicted: Tensor, wanted: Tensor, normWeight: number): Tensor {
  const [own, other] = [predicted, wanted].map((x) => sqrt(sum(mul(x, x))));
  return add(mul(meanSquaredError(predicted, wanted), 1 - normWeight), mul(pow(sub(own, other), 2), normWeight));
}

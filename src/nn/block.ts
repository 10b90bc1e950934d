/** One transformer layer, and paths through several. */

import { add, gradientCheckpoint, mul } from "../autograd/index.ts";
import { scope } from "../tensor/scope.ts";
import type { Initializer, Tensor } from "../tensor/tensor.ts";
import { MultiHeadAttention } from "./attention.ts";
import { Dropout, type DropoutKey } from "./dropout.ts";
import { type Activation, FeedForward } from "./feed-forward.ts";
import { LayerNorm } from "./layer-norm.ts";
import { Module } from "./module.ts";

export interface TransformerBlockOptions {
  hidden: number;
  heads: number;
  causal: boolean;
  /** Where the normalisation stands: before each branch (GPT) or after each sum (BERT). */
  norm: "pre" | "post";
  epsilon: number;
  activation: Activation;
  /** Size of the feed-forward network between its projections; 4·hidden when absent. */
  inner?: number;
  dropout?: number;
  initializer?: Initializer;
  outputInitializer?: Initializer;
}

/** What one use of a block is told. */
export interface BlockCall {
  /** [..., T, T]; 0 hides a key. */
  mask?: Tensor;
  dropoutKey?: DropoutKey;
  /** Factor on both branches before they are added to the residual stream; 1 when absent. */
  branchScale?: number;
}

/** One use of a block at a position in depth: the same block may stand at several. */
export interface LayerUse {
  block: TransformerBlock;
  branchScale: number;
  /** m: the stream becomes m·block(x) + (1 − m)·x, while a new layer grows in; 1 when absent. */
  growthMask?: number;
}

/** Every block once, in order. */
export function straightPath(blocks: readonly TransformerBlock[]): LayerUse[] {
  return blocks.map((block) => ({ block, branchScale: 1 }));
}

/** What a path is told: what all its blocks are, and how the gradient gets what it needs. */
export interface PathCall extends Pick<BlockCall, "mask" | "dropoutKey"> {
  /** Keeps only what stands between the blocks; the backward pass runs each block again. False when absent. */
  gradientCheckpointing?: boolean;
}

/** Runs [B, T, C] through the uses of a path, each with its own dropout masks. */
export function runPath(x: Tensor, path: readonly LayerUse[], call: PathCall): Tensor {
  const { mask, dropoutKey, gradientCheckpointing = false } = call;
  let stream = x;
  path.forEach(({ block, branchScale, growthMask = 1 }, position) => {
    const run = (input: Tensor) => {
      const output = block.forward(input, { mask, dropoutKey: dropoutKey?.at(position), branchScale });
      return growthMask === 1 ? output : scope(() => add(mul(output, growthMask), mul(input, 1 - growthMask)));
    };
    const next = gradientCheckpointing ? gradientCheckpoint(run, stream, block.parameters()) : run(stream);
    // Whatever the gradient needs of it, the tape keeps.
    if (stream !== x) stream.release();
    stream = next;
  });
  return stream;
}

/**
 * Attention and feed-forward with residual connections.
 * Pre-LN: x += attention(norm(x)); x += feedForward(norm(x)). Post-LN: x = norm(x + attention(x)); x = norm(x + feedForward(x)).
 */
export class TransformerBlock extends Module {
  readonly attentionNorm: LayerNorm;
  readonly attention: MultiHeadAttention;
  readonly feedForwardNorm: LayerNorm;
  readonly feedForward: FeedForward;
  readonly dropout: Dropout;
  readonly norm: "pre" | "post";

  constructor(options: TransformerBlockOptions) {
    super();
    const { hidden, epsilon, dropout = 0, norm } = options;
    if (norm !== "pre" && norm !== "post")
      throw new Error(`TransformerBlock: norm must be "pre" or "post", not ${JSON.stringify(norm)}`);
    this.attentionNorm = new LayerNorm({ size: hidden, epsilon });
    this.attention = new MultiHeadAttention(options);
    this.feedForwardNorm = new LayerNorm({ size: hidden, epsilon });
    this.feedForward = new FeedForward(options);
    this.dropout = new Dropout({ probability: dropout });
    this.norm = norm;
  }

  /** [B, T, C] → [B, T, C]. What only the gradient needs of the way there is kept by the tape alone. */
  forward(x: Tensor, { mask, dropoutKey, branchScale = 1 }: BlockCall = {}): Tensor {
    return scope(() => {
      const attended = this.#branch(x, this.attentionNorm, branchScale, dropoutKey?.at(1), (input, residual) =>
        this.attention.forward(input, { mask, dropoutKey: dropoutKey?.at(0), residual }),
      );
      return this.#branch(attended, this.feedForwardNorm, branchScale, dropoutKey?.at(2), (input, residual) =>
        this.feedForward.forward(input, { residual }),
      );
    });
  }

  /** One residual branch with its normalisation on the side that `norm` says. */
  #branch(
    x: Tensor,
    norm: LayerNorm,
    scale: number,
    key: DropoutKey | undefined,
    branch: (input: Tensor, residual?: Tensor) => Tensor,
  ): Tensor {
    const input = this.norm === "pre" ? norm.forward(x) : x;
    // Where nothing comes between, the branch's last product adds the residual itself.
    if (scale === 1 && !this.dropout.isActive) {
      const sum = branch(input, x);
      return this.norm === "pre" ? sum : norm.forward(sum);
    }
    const kept = this.dropout.forward(branch(input), key);
    const change = scale === 1 ? kept : mul(kept, scale);
    return this.norm === "pre" ? add(x, change) : norm.forwardSum(x, change);
  }
}

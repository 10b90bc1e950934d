/**
 * The backward pass: nodes in reverse order of their making, gradients added where paths meet, broadcasting undone.
 */

import { kernelsFor } from "../tensor/engine.ts";
import { adopt, outsideScopes, scope } from "../tensor/scope.ts";
import { formatShape, type Shape, ShapeError, sameShape } from "../tensor/shape.ts";
import { Tensor, zerosLike } from "../tensor/tensor.ts";
import { inFlopSection, tallyFlops, uncounted } from "./flops.ts";
import { withRecording } from "./grad-mode.ts";
import { aliasWithHistory, type BackwardCall, edgeOf, type TapeEdge, TapeNode } from "./op.ts";
import { add } from "./ops/elementwise.ts";
import { sum } from "./ops/reduction.ts";
import { reshape } from "./ops/shaping.ts";

export interface BackwardOptions {
  /** The gradient to start from, of the output's shape; 1 when absent, which asks for an output of one element. */
  gradient?: Tensor;
  /** Keeps the tape for another backward pass. */
  retainGraph?: boolean;
  /** Records the backward pass itself, so that gradients can be differentiated; keeps the tape too. */
  createGraph?: boolean;
}

/**
 * Adds d output/d leaf to `grad` of every leaf that wants gradients and that `output` was computed from.
 *
 * A leaf that was used several times receives the sum over its uses: nothing else is needed for shared layers.
 * @throws when `output` has no history, or its tape was used up by an earlier pass without `retainGraph`.
 */
export function backward(output: Tensor, options: BackwardOptions = {}): void {
  run(output, options, (leaf, gradient, createGraph) => {
    if (leaf.grad === null) leaf.grad = gradient;
    else leaf.grad = joined(leaf.grad, gradient, createGraph);
    adopt(leaf.grad, null);
  });
}

/**
 * Gradients of `output` with respect to `targets` (leaves or results on the way), without touching any `grad`.
 * A target that `output` does not depend on gets zeros.
 */
export function gradientsOf(output: Tensor, targets: readonly Tensor[], options: BackwardOptions = {}): Tensor[] {
  const wanted = new Map<TapeEdge, number>();
  targets.forEach((target, index) => {
    if (edgeOf(target) === null)
      throw new Error(`grad: target ${index} of shape ${formatShape(target.shape)} does not require gradients`);
    wanted.set(edgeOf(target), index);
  });
  const found = new Array<Tensor | null>(targets.length).fill(null);
  const collect = (target: TapeEdge, gradient: Tensor, createGraph: boolean) => {
    const index = wanted.get(target);
    if (index === undefined) return false;
    const before = found[index];
    found[index] = before === null ? gradient : joined(before, gradient, createGraph);
    return true;
  };
  run(
    output,
    options,
    (leaf, gradient, createGraph) => {
      if (!collect(leaf, gradient, createGraph)) gradient.release();
    },
    (node, gradient, createGraph) => {
      if (wanted.has(node)) collect(node, aliasWithHistory(gradient), createGraph);
    },
  );
  return targets.map((target, index) => {
    const gradient = found[wanted.get(edgeOf(targets[index])) ?? index] ?? zerosLike(target);
    adopt(gradient);
    return gradient;
  });
}

/** How one backward pass runs. */
type PassOptions = Required<Omit<BackwardOptions, "gradient">>;

type LeafUse = (leaf: Tensor, gradient: Tensor, createGraph: boolean) => void;
type NodeUse = (node: TapeNode, gradient: Tensor, createGraph: boolean) => void;

function run(output: Tensor, options: BackwardOptions, useLeaf: LeafUse, useNode?: NodeUse): void {
  const { createGraph = false, retainGraph = createGraph } = options;
  const start = edgeOf(output);
  if (start === null) {
    throw new Error(
      `backward: a tensor of shape ${formatShape(output.shape)} has no history: nothing it was computed from requires gradients, or it is a gradient made without createGraph`,
    );
  }
  const order = start instanceof Tensor ? [] : reachable(start).sort((a, b) => b.order - a.order);
  const seed = seedOf(output, options.gradient);
  if (start instanceof Tensor) return useLeaf(start, seed, createGraph);

  // Using up a node lets go of the nodes behind it, whose turn is still to come.
  for (const node of order) node.retain();
  const pending = new Map<TapeNode, Tensor>([[start, seed]]);
  let done = 0;
  try {
    withRecording(createGraph, () => {
      for (; done < order.length; done++) {
        const node = order[done];
        const gradient = pending.get(node);
        if (gradient !== undefined) {
          useNode?.(node, gradient, createGraph);
          passOn(node, gradient, { createGraph, retainGraph }, pending, useLeaf);
          pending.delete(node);
          // With createGraph the new tape holds what it needs of the gradient; this name for it is over.
          gradient.release();
          if (!retainGraph) node.consume();
        }
        node.drop();
      }
    });
  } finally {
    for (const node of order.slice(done)) node.drop();
    for (const gradient of pending.values()) gradient.release();
  }
}

/** Hands the gradients of a node's inputs to the nodes and leaves they came from. */
function passOn(
  node: TapeNode,
  gradient: Tensor,
  options: PassOptions,
  pending: Map<TapeNode, Tensor>,
  useLeaf: LeafUse,
): void {
  const contributions = scope(() => contributionsOf(node, gradient, options));
  node.edges.forEach((edge, index) => {
    const contribution = contributions[index];
    if (edge === null || contribution === null) return;
    contribution.scope = null;
    if (edge instanceof Tensor) return useLeaf(edge, contribution, options.createGraph);
    const before = pending.get(edge);
    pending.set(edge, before === undefined ? contribution : joined(before, contribution, options.createGraph));
  });
}

/** All nodes that the start depends on. @throws when one of them was used up. */
function reachable(start: TapeNode): TapeNode[] {
  const seen = new Set<TapeNode>([start]);
  const waiting = [start];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.isConsumed) {
      throw new Error(
        `backward: the tape was used up at "${node.record.name}" by an earlier backward pass; pass retainGraph: true to the earlier one`,
      );
    }
    for (const edge of node.edges) {
      if (edge instanceof TapeNode && !seen.has(edge)) {
        seen.add(edge);
        waiting.push(edge);
      }
    }
  }
  return [...seen];
}

/** The gradient of every input of a node that wants one, in the input's own shape. */
function contributionsOf(
  node: TapeNode,
  gradient: Tensor,
  { createGraph, retainGraph }: PassOptions,
): (Tensor | null)[] {
  const { record, options, saved, inputShapes, flops } = node;
  if (createGraph && !record.twice) {
    throw new Error(
      `backward: "${record.name}" is a fused operation without a second derivative; use its readable composition`,
    );
  }
  const call: BackwardCall<unknown> = {
    options,
    gradient,
    saved,
    inputShapes,
    inputWants: node.edges.map((edge) => edge !== null),
    retainGraph,
    createGraph,
    kernels: kernelsFor(gradient.dtype),
    allocate: (shape) => Tensor.allocate(shape, gradient.dtype),
  };
  const rules = record.backward!(call);
  const shared = flops?.model.backwardShared;
  if (shared?.inputs.some((index) => node.edges[index] !== null))
    tallyFlops(shared.flops, shared.flops, node.flopSection);
  return node.edges.map((edge, index) => {
    const rule = rules[index];
    if (edge === null || rule == null) return null;
    if (flops !== null) tallyFlops(flops.model.backward[index], flops.executed.backward[index], node.flopSection);
    const result = record.countsItself ? inFlopSection(node.flopSection, rule) : uncounted(rule);
    return own(unbroadcast(result, inputShapes[index]), gradient, saved);
  });
}

/** A tensor of the running scope that is nobody else's: gradients handed through unchanged get a name of their own. */
function own(contribution: Tensor, gradient: Tensor, saved: readonly Tensor[]): Tensor {
  if (contribution !== gradient && !saved.includes(contribution) && contribution.scope !== null) return contribution;
  const alias = aliasWithHistory(contribution);
  adopt(alias);
  return alias;
}

/** Sums a gradient over the axes along which its input was stretched. */
export function unbroadcast(gradient: Tensor, shape: Shape): Tensor {
  if (sameShape(gradient.shape, shape)) return gradient;
  const extra = gradient.rank - shape.length;
  const axes: number[] = [];
  for (let axis = 0; axis < gradient.rank; axis++) {
    if (axis < extra || (shape[axis - extra] === 1 && gradient.shape[axis] !== 1)) axes.push(axis);
  }
  return reshape(sum(gradient, { axes, keepAxes: true }), shape);
}

/** a + b; in place where nobody else can see it. Both names are used up. */
function joined(a: Tensor, b: Tensor, createGraph: boolean): Tensor {
  if (!createGraph && a.storage.references === 1) {
    kernelsFor(a.dtype).accumulate(b.numbers, a.numbers);
    b.release();
    return a;
  }
  const total = add(a, b);
  total.scope = null;
  a.release();
  b.release();
  return total;
}

/** The gradient to start from, under a name of its own. */
function seedOf(output: Tensor, gradient: Tensor | undefined): Tensor {
  if (gradient !== undefined) {
    if (!sameShape(gradient.shape, output.shape) || gradient.dtype !== output.dtype) {
      throw new ShapeError(
        `backward: gradient ${formatShape(gradient.shape)} ${gradient.dtype} does not fit output ${formatShape(output.shape)} ${output.dtype}`,
      );
    }
    return gradient.alias();
  }
  if (output.size !== 1) {
    throw new Error(
      `backward: an output of shape ${formatShape(output.shape)} is not a single number; pass a gradient of that shape`,
    );
  }
  return outsideScopes(() => Tensor.from([1], output.shape, output.dtype));
}

/**
 * Operations and the tape. One operation is one record: shape rule, forward, backward, FLOPs and samples for the tests.
 *
 * Applying an operation to something that wants gradients leaves a {@link TapeNode}; backward.ts walks the nodes.
 */

import { kernelsFor } from "../tensor/engine.ts";
import type { Kernels } from "../tensor/kernels.ts";
import type { Random } from "../tensor/random.ts";
import { adopt } from "../tensor/scope.ts";
import { formatShape, type Shape, ShapeError, sameShape } from "../tensor/shape.ts";
import type { DType, Storage } from "../tensor/storage.ts";
import { type TapeLink, Tensor } from "../tensor/tensor.ts";
import { describe } from "./describe.ts";
import { currentFlopSection, tallyFlops } from "./flops.ts";
import { isRecording } from "./grad-mode.ts";

/** What an operation's forward pass works with. */
export interface ForwardCall<Options> {
  readonly options: Options;
  readonly kernels: Kernels;
  /** The declared shape of the output. */
  readonly shape: Shape;
  /** Which inputs want a gradient; none does when nothing is recorded. */
  readonly inputWants: readonly boolean[];
  /** A tensor for the output, not set yet. */
  allocate(): Tensor;
  /** The output as another shape of an input's elements, without a copy. */
  view(x: Tensor): Tensor;
  /** A helper tensor that only the tape will know: released after forward unless saved. */
  auxiliary(shape: Shape): Tensor;
  /** Keeps tensors for the backward pass. */
  save(...tensors: Tensor[]): void;
}

/** What an operation's backward pass works with. */
export interface BackwardCall<Options> {
  readonly options: Options;
  readonly kernels: Kernels;
  /** The gradient of the output. */
  readonly gradient: Tensor;
  /** What forward saved, in that order. */
  readonly saved: readonly Tensor[];
  readonly inputShapes: readonly Shape[];
  /** Which inputs want a gradient: what forward was told. */
  readonly inputWants: readonly boolean[];
  /** True when another pass may follow, which must find what was saved unchanged. */
  readonly retainGraph: boolean;
  /** True when the gradient itself will be differentiated: then only operations may be used, no bare kernels. */
  readonly createGraph: boolean;
  /** A new tensor of the gradient's element type, not set yet. */
  allocate(shape: Shape): Tensor;
}

/** Computes the gradient of one input; its shape may still be broadcast, which the engine undoes. */
export type GradientRule = (() => Tensor) | null;

/** FLOPs of one application: forward, and the gradient of each input. */
export interface OpFlops {
  forward: number;
  backward: readonly number[];
  /** What is spent once as soon as one of these inputs wants a gradient. */
  backwardShared?: { inputs: readonly number[]; flops: number };
}

/** One input of a test sample. */
export interface SampleInput {
  shape: Shape;
  dtype?: "i32";
  /** Values away from the operation's kinks, ties and domain edges; standard normal when absent. */
  values?: (random: Random, size: number) => ArrayLike<number>;
  /** False for inputs without a gradient, such as masks. */
  differentiable?: boolean;
}

/** One random application of an operation, for the tests. */
export interface Sample<Options> {
  inputs: readonly SampleInput[];
  options: Options;
}

export interface OpRecord<Options> {
  name: string;
  /** The output's shape. @throws ShapeError naming operation, dimension and numbers when the inputs do not fit. */
  shape(inputs: readonly Shape[], options: Options): Shape;
  /** Element type of the output; that of the inputs that are not indices when absent. */
  dtype?: DType;
  /** Which inputs are i32 indices, where the others are numbers. */
  indexInputs?: readonly number[];
  /** Whether the other inputs' elements are only moved, so that they may be i32 too (then without a gradient). */
  moves?: true;
  forward(call: ForwardCall<Options>, inputs: readonly Tensor[]): Tensor;
  /** One rule per input, null for inputs without a gradient; absent when the operation has none at all. */
  backward?(call: BackwardCall<Options>): readonly GradientRule[];
  /** Whether the gradient can be differentiated again. */
  twice: boolean;
  flops?(inputs: readonly Shape[], options: Options): OpFlops;
  /** Whether the operations that its gradient rules apply are counted for themselves, instead of by `flops`. */
  countsItself?: true;
  /** What the kernels really do, where it differs from `flops`. */
  executedFlops?(inputs: readonly Shape[], options: Options): OpFlops;
  /**
   * Random applications for the property tests: on tensors that are small enough for finite differences, or, where
   * `longest` is given, with axes up to that length, for the bodies of vector loops.
   */
  sample(random: Random, longest?: number): Sample<Options>;
}

/** An operation that can be applied, and its record. */
export interface Op<Options> {
  (inputs: readonly Tensor[], options: Options): Tensor;
  record: OpRecord<Options>;
}

/** Makes an operation from its record. */
export function defineOp<Options = undefined>(record: OpRecord<Options>): Op<Options> {
  const op = ((inputs, options) => apply(record, inputs, options)) as Op<Options>;
  op.record = record;
  return op;
}

/** What one application asks for and what its kernels do. */
export interface FlopsOfCall {
  model: OpFlops;
  executed: OpFlops;
}

function flopsOf<Options>(record: OpRecord<Options>, inputs: readonly Shape[], options: Options): FlopsOfCall | null {
  if (record.flops === undefined) return null;
  const model = record.flops(inputs, options);
  return { model, executed: record.executedFlops?.(inputs, options) ?? model };
}

let nodesMade = 0;

/** Where a gradient goes on to: the node that made an input, a leaf, or nowhere. */
export type TapeEdge = TapeNode | Tensor | null;

/** One application of an operation, as the tape remembers it. */
export class TapeNode implements TapeLink {
  /** Grows with time: a node's inputs have smaller numbers. */
  readonly order = nodesMade++;
  // biome-ignore lint/suspicious/noExplicitAny: the options' type is known to the record alone.
  readonly record: OpRecord<any>;
  readonly options: unknown;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly inputShapes: readonly Shape[];
  readonly flops: FlopsOfCall | null;
  readonly flopSection = currentFlopSection();
  edges: TapeEdge[];
  saved: Tensor[] = [];
  /** Whether a backward pass went through and gave back what was saved. */
  isConsumed = false;
  #leafStorages: Storage[] = [];
  #isWatched = false;
  /** The output (1) and the nodes that continue to this one. */
  #references = 1;

  constructor(
    // biome-ignore lint/suspicious/noExplicitAny: see above.
    record: OpRecord<any>,
    options: unknown,
    output: Tensor,
    inputs: readonly Tensor[],
    inputShapes: readonly Shape[],
    flops: FlopsOfCall | null,
  ) {
    this.record = record;
    this.options = options;
    this.shape = output.shape;
    this.dtype = output.dtype;
    this.inputShapes = inputShapes;
    this.flops = flops;
    this.edges = inputs.map(edgeOf);
    for (const edge of this.edges) if (edge instanceof TapeNode) edge.retain();
  }

  /** Keeps a tensor's elements alive until the node is done with them. */
  save(tensor: Tensor, output: Tensor, outputNode: TapeNode): void {
    if (tensor.node === null && tensor.requiresGrad && tensor !== output) {
      // A leaf is kept as itself, so that a second derivative finds it again.
      tensor.storage.retain();
      this.#leafStorages.push(tensor.storage);
      this.saved.push(tensor);
      return;
    }
    const kept = tensor.alias();
    kept.node = tensor === output ? outputNode : tensor.node;
    kept.requiresGrad = kept.node !== null;
    this.saved.push(kept);
  }

  /** Forgets the saved tensors and the way back. */
  consume(): void {
    this.isConsumed = true;
    for (const storage of this.#leafStorages) storage.release();
    for (const tensor of this.saved) {
      if (tensor.node === null && tensor.requiresGrad) continue;
      // Its node is counted by an edge, not by this name.
      tensor.node = null;
      tensor.release();
    }
    this.#leafStorages = [];
    this.saved = [];
    const { edges } = this;
    this.edges = edges.map(() => null);
    for (const edge of edges) if (edge instanceof TapeNode) edge.drop();
  }

  /** A tape that has left all scopes may be dropped without a backward pass, together with what it keeps. */
  watch(): void {
    const waiting: TapeNode[] = [this];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (node.#isWatched) continue;
      node.#isWatched = true;
      for (const storage of node.#leafStorages) storage.watch();
      for (const tensor of node.saved) if (tensor.node !== null || !tensor.requiresGrad) tensor.storage.watch();
      for (const edge of node.edges) if (edge instanceof TapeNode) waiting.push(edge);
    }
  }

  /** One more tensor or node depends on this record. */
  retain(): void {
    this.#references++;
  }

  drop(): void {
    // A loop over a list, not recursion: graphs are deeper than the call stack.
    const waiting: TapeNode[] = [this];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (--node.#references > 0 || node.isConsumed) continue;
      for (const edge of node.edges) if (edge instanceof TapeNode) waiting.push(edge);
      node.edges = [];
      node.consume();
    }
  }
}

/** Where the gradient of a tensor goes. */
export function edgeOf(tensor: Tensor): TapeEdge {
  if (tensor.node !== null) return tensor.node as TapeNode;
  return tensor.requiresGrad ? tensor : null;
}

/** Another name for a tensor, with its history; of no scope, so that whoever makes it must release it. */
export function aliasWithHistory(tensor: Tensor): Tensor {
  const alias = tensor.alias();
  alias.node = tensor.node;
  alias.requiresGrad = tensor.requiresGrad;
  if (alias.node instanceof TapeNode) alias.node.retain();
  return alias;
}

/** One application on its way through the forward pass. A class, because closures are made anew for every call. */
class Application<Options> implements ForwardCall<Options> {
  readonly options: Options;
  readonly kernels: Kernels;
  readonly shape: Shape;
  readonly inputWants: readonly boolean[];
  readonly toSave: Tensor[] = [];
  readonly auxiliaries: Tensor[] = [];
  readonly #dtype: DType;
  readonly #outputType: DType;

  constructor(
    record: OpRecord<Options>,
    options: Options,
    { shape, dtype, inputWants }: { shape: Shape; dtype: DType; inputWants: readonly boolean[] },
  ) {
    this.options = options;
    this.shape = shape;
    this.inputWants = inputWants;
    this.kernels = kernelsFor(dtype);
    this.#dtype = dtype;
    this.#outputType = record.dtype ?? dtype;
  }

  allocate(): Tensor {
    return Tensor.allocate(this.shape, this.#outputType);
  }

  view(x: Tensor): Tensor {
    const view = x.alias(this.shape);
    adopt(view);
    return view;
  }

  auxiliary(shape: Shape): Tensor {
    const tensor = Tensor.allocate(shape, this.#dtype);
    this.auxiliaries.push(tensor);
    return tensor;
  }

  save(...tensors: Tensor[]): void {
    this.toSave.push(...tensors);
  }
}

function apply<Options>(record: OpRecord<Options>, inputs: readonly Tensor[], options: Options): Tensor {
  inputs.forEach((input, index) => {
    if (!(input instanceof Tensor))
      throw new Error(`${record.name}: input ${index} is ${describe(input)}, not a tensor`);
  });
  const shapes = inputs.map((input) => input.shape);
  const shape = record.shape(shapes, options);
  const records = record.backward !== undefined && isRecording() && inputs.some((input) => input.requiresGrad);
  const inputWants = inputs.map((input) => records && input.requiresGrad);
  const call = new Application(record, options, { shape, dtype: elementType(record, inputs), inputWants });
  // Parameters come into being before anyone holds a view of the memory, which then may grow and be replaced.
  for (const input of inputs) void input.storage;
  const output = record.forward(call, inputs);
  if (!sameShape(output.shape, shape)) {
    throw new ShapeError(`${record.name}: made ${formatShape(output.shape)} where ${formatShape(shape)} was declared`);
  }
  const flops = flopsOf(record, shapes, options);
  if (flops !== null) tallyFlops(flops.model.forward, flops.executed.forward, currentFlopSection());
  if (records) {
    const node = new TapeNode(record, options, output, inputs, shapes, flops);
    for (const tensor of call.toSave) node.save(tensor, output, node);
    output.node = node;
    output.requiresGrad = true;
    if (output.scope === null) node.watch();
  }
  for (const tensor of call.auxiliaries) tensor.release();
  return output;
}

/** The element type that an operation works on. @throws when types meet, or indices and numbers are confused. */
function elementType<Options>({ name, indexInputs, moves }: OpRecord<Options>, inputs: readonly Tensor[]): DType {
  let found: DType | null = null;
  for (let index = 0; index < inputs.length; index++) {
    const { dtype, shape } = inputs[index];
    const isIndices = indexInputs?.includes(index) ?? false;
    if (isIndices !== (dtype === "i32") && (isIndices || !moves)) {
      const wanted = isIndices ? "indices (i32)" : "numbers (f32 or f64)";
      throw new Error(`${name}: input ${index} of shape ${formatShape(shape)} is ${dtype} where ${wanted} are needed`);
    }
    if (isIndices) continue;
    if (found !== null && found !== dtype) throw new Error(`${name}: cannot mix ${found} and ${dtype} tensors`);
    found = dtype;
  }
  return found ?? "f32";
}

/** Tensor: numbers with a shape. Parameter: a tensor that is trained. */

import { formatTensor } from "./format.ts";
import type { Numbers } from "./kernels.ts";
import { Random } from "./random.ts";
import { adopt, outsideScopes, Scoped } from "./scope.ts";
import { checkShape, formatShape, type Shape, ShapeError, sizeOf } from "./shape.ts";
import { type DType, Storage } from "./storage.ts";
import type { TensorMethods } from "./tensor-methods.ts";

/** Node prints objects through this method. */
const inspect = Symbol.for("nodejs.util.inspect.custom");

/** Numbers nested in arrays as deep as the tensor has axes; a bare number for a scalar. */
export type NestedNumbers = number | NestedNumbers[];

/** What the tape hangs on a tensor: the record of the operation that made it. */
export interface TapeLink {
  /** The tensor no longer needs the record. */
  drop(): void;
  /** Leaves giving back what the record keeps to garbage collection. */
  watch(): void;
}

/**
 * A dense, row-major array of numbers in the engine's memory.
 *
 * A tensor belongs to the scope in which it was made and is released when that scope ends (see scope.ts).
 * Its methods are the operations of src/autograd, which are also there as functions.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: src/autograd/tensor-methods.ts is checked against the interface.
export class Tensor extends Scoped {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Whether gradients are wanted for it or for something it was computed from. */
  requiresGrad = false;
  /** The gradient that `backward()` accumulated, of the same shape; null when there is none. */
  grad: Tensor | null = null;
  /** Where the tape continues; null for a leaf. */
  node: TapeLink | null = null;
  #storage: Storage | null;
  #released = false;

  constructor(storage: Storage | null, shape: Shape, dtype: DType) {
    super();
    this.#storage = storage;
    this.shape = shape;
    this.dtype = dtype;
  }

  /** A new tensor of the present scope whose elements are not set yet. */
  static allocate(shape: Shape, dtype: DType = "f32"): Tensor {
    const tensor = new Tensor(new Storage(dtype, sizeOf(shape)), shape, dtype);
    adopt(tensor);
    return tensor;
  }

  /**
   * A new tensor of the present scope from flat values in row-major order.
   * @throws when they do not fill the shape, or do not fit into i32.
   */
  static from(values: ArrayLike<number>, shape: Shape, dtype: DType = "f32"): Tensor {
    checkShape("tensor", shape);
    if (values.length !== sizeOf(shape)) {
      throw new ShapeError(
        `tensor: ${values.length} values do not fill shape ${formatShape(shape)}, which has ${sizeOf(shape)}`,
      );
    }
    if (dtype === "i32" && !(values instanceof Int32Array))
      for (let index = 0; index < values.length; index++) checkIndexValue(values[index]);
    const tensor = Tensor.allocate(shape, dtype);
    tensor.data.set(values as number[]);
    return tensor;
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  get isReleased(): boolean {
    return this.#released;
  }

  /** The block of memory behind the elements. @throws when the tensor was released. */
  get storage(): Storage {
    if (this.#released) {
      throw new Error(
        `a tensor of shape ${formatShape(this.shape)} was used after its scope had ended; return it from the scope, or call keep() on it`,
      );
    }
    return (this.#storage ??= this.materialise());
  }

  /** The elements in place, for kernels: valid only while the tensor lives. Use {@link toFlatArray} to keep them. */
  get data(): Float32Array | Float64Array | Int32Array {
    return this.storage.view;
  }

  /** The elements in place as floating-point numbers. @throws for indices. */
  get numbers(): Numbers {
    if (this.dtype === "i32")
      throw new Error(`expected numbers, got an i32 tensor of shape ${formatShape(this.shape)}`);
    return this.storage.view as Numbers;
  }

  /** The elements in place as indices. @throws for floating-point tensors. */
  get indices(): Int32Array {
    if (this.dtype === "i32") return this.storage.view as Int32Array;
    throw new Error(`expected i32 indices, got an ${this.dtype} tensor of shape ${formatShape(this.shape)}`);
  }

  /** Another tensor on the same elements; of no scope, so that whoever makes it must release it. */
  alias(shape: Shape = this.shape): Tensor {
    const { storage } = this;
    storage.retain();
    return new Tensor(storage, shape, this.dtype);
  }

  /** Gives the elements back unless another tensor or the tape still uses them. Reading it afterwards throws. */
  override release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#storage?.release();
    this.node?.drop();
  }

  /** Leaves giving the memory back to garbage collection. */
  override watch(): void {
    this.#storage?.watch();
    this.node?.watch();
  }

  /** The single element of a tensor of size 1. */
  item(): number {
    if (this.size !== 1)
      throw new ShapeError(`item: a tensor of shape ${formatShape(this.shape)} has ${this.size} elements, not one`);
    return this.data[0];
  }

  /** A plain copy of the elements in row-major order. */
  toFlatArray(): Float32Array | Float64Array | Int32Array {
    const { data } = this;
    if (data instanceof Float64Array) return new Float64Array(data);
    return data instanceof Int32Array ? new Int32Array(data) : new Float32Array(data);
  }

  /** A plain copy of the elements as nested arrays. */
  toArray(): NestedNumbers {
    const { data } = this;
    const build = (axis: number, start: number): NestedNumbers => {
      if (axis === this.rank) return data[start];
      const stride = sizeOf(this.shape.slice(axis + 1));
      return Array.from({ length: this.shape[axis] }, (_, index) => build(axis + 1, start + index * stride));
    };
    return build(0, 0);
  }

  /** Shape and numbers, as NumPy prints them. */
  override toString(): string {
    return formatTensor(this);
  }

  [inspect](): string {
    return this.toString();
  }

  protected materialise(): Storage {
    throw new Error("unreachable: only parameters are made without elements");
  }

  /** Whether the elements exist in memory yet (a parameter's come into being at first use). */
  get isMaterialised(): boolean {
    return this.#storage !== null;
  }
}

// The operations as methods: declared here, defined by src/autograd, which knows them.
export interface Tensor extends TensorMethods<Tensor> {}

/** Refuses what an i32 element does not hold. */
export function checkIndexValue(value: number): void {
  if ((value | 0) !== value)
    throw new Error(`tensor: i32 holds whole numbers from ${-(2 ** 31)} to ${2 ** 31 - 1}, not ${value}`);
}

/** Zeros of a tensor's shape and element type that live outside of all scopes. */
export function zerosLike(tensor: Tensor): Tensor {
  const zeros = outsideScopes(() => Tensor.allocate(tensor.shape, tensor.dtype));
  zeros.data.fill(0);
  return zeros;
}

/** Writes the initial values of a parameter, with random numbers of its own if it wants them. */
export type Initializer = (values: Numbers, random: Random) => void;

let parametersMade = 0;

/**
 * A tensor that is trained. Its elements come into being at first use, so that a model can be described, counted and
 * refused without allocating it, and the layers that Apollo has not grown yet cost nothing. It belongs to no scope.
 *
 * Its initial values depend on `seed` and `name` alone, not on what else was made or in which order.
 */
export class Parameter extends Tensor {
  override requiresGrad = true;
  /** Names its random stream; a model names its parameters after their place in it. */
  name = `parameter ${parametersMade++}`;
  seed = 0;
  readonly #initializer: Initializer;
  #isToBeFilled = false;

  constructor(shape: Shape, initializer: Initializer, dtype: DType = "f32") {
    super(null, checkShape("parameter", shape), dtype);
    this.#initializer = initializer;
  }

  /** Drops the accumulated gradient. */
  zeroGrad(): void {
    this.grad?.release();
    this.grad = null;
  }

  /** The elements in place, for who overwrites all of them: initial values are not computed for nothing. */
  get numbersToFill(): Numbers {
    this.#isToBeFilled = true;
    try {
      return this.numbers;
    } finally {
      this.#isToBeFilled = false;
    }
  }

  protected override materialise(): Storage {
    const storage = new Storage(this.dtype, this.size);
    storage.watch();
    if (!this.#isToBeFilled) this.#initializer(storage.view as Numbers, Random.stream(this.seed, this.name));
    return storage;
  }
}

/** The table of vectors that token ids name. */

import { embedding } from "../autograd/index.ts";
import { type Initializer, Parameter, type Tensor } from "../tensor/tensor.ts";
import { normal } from "./init.ts";
import { Module } from "./module.ts";

/** Row lookup in a table [entries, size]; begins normal with standard deviation 0.02 unless told otherwise. */
export class Embedding extends Module {
  weight: Parameter;

  constructor(options: { entries: number; size: number; initializer?: Initializer }) {
    super();
    this.weight = new Parameter([options.entries, options.size], options.initializer ?? normal(0.02));
  }

  /** i32 ids [...] → [..., size]. @throws for an id outside the table. */
  forward(ids: Tensor): Tensor {
    return embedding(this.weight, ids);
  }
}

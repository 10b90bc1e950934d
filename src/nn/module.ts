/** Modules: a tree of parameters found by walking plain fields. */

import { refuseAsync } from "../tensor/scope.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { Parameter, type Tensor } from "../tensor/tensor.ts";

/** Where a tensor stands: `owner[key]`. */
interface Place {
  owner: Record<string, unknown>;
  key: string;
  path: string;
  parameter: Parameter;
}

/** The base of every layer and model. A subclass keeps parameters, modules and arrays of modules in plain fields. */
export abstract class Module {
  /** Whether dropout is active; set by {@link train} and {@link eval}. */
  isTraining = false;

  /** Every parameter once, by the path of the first field that holds it, in the order of the fields. */
  namedParameters(): Map<string, Parameter> {
    const seen = new Set<Parameter>();
    const named = new Map<string, Parameter>();
    for (const { path, parameter } of places(this)) {
      if (seen.has(parameter)) continue;
      seen.add(parameter);
      named.set(path, parameter);
    }
    return named;
  }

  /** Every parameter once, in the same order. */
  parameters(): Parameter[] {
    const found = new Set<Parameter>();
    visit(this, (member) => {
      if (member instanceof Parameter) found.add(member);
    });
    return [...found];
  }

  /** This module and every one below it, in the order of the fields. */
  modules(): Module[] {
    const found = new Set<Module>();
    visit(this, (member) => {
      if (member instanceof Module) found.add(member);
    });
    return [...found];
  }

  /** Number of trained numbers; nothing is allocated to count them. */
  parameterCount(): number {
    return this.parameters().reduce((count, parameter) => count + parameter.size, 0);
  }

  /** Switches dropout on. */
  train(): this {
    return this.#setTraining(true);
  }

  /** Switches dropout off. */
  eval(): this {
    return this.#setTraining(false);
  }

  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad();
  }

  /**
   * Copies of all parameters, by name; with `partial` only of those that exist in memory already, which leaves layers that
   * Apollo has not grown yet as they are.
   */
  stateDict(options: { partial?: boolean } = {}): Map<string, { shape: readonly number[]; values: Float32Array }> {
    const state = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const [name, parameter] of this.namedParameters()) {
      if (!options.partial || parameter.isMaterialised)
        state.set(name, { shape: parameter.shape, values: Float32Array.from(parameter.numbers) });
    }
    return state;
  }

  /**
   * Writes values into the parameters of the same names.
   * @throws before anything is written, when a name is unknown, a shape differs, values do not fill it, or (unless
   * `partial`) a name is missing.
   */
  loadStateDict(
    state: ReadonlyMap<string, { shape: readonly number[]; values: ArrayLike<number> }>,
    options: { partial?: boolean } = {},
  ): void {
    const named = this.namedParameters();
    for (const [name, { shape, values }] of state) {
      const parameter = named.get(name);
      if (parameter === undefined) throw new Error(`loadStateDict: there is no parameter called "${name}"`);
      if (!sameShape(shape, parameter.shape)) {
        throw new Error(
          `loadStateDict: "${name}" has shape ${formatShape(shape)}, the model expects ${formatShape(parameter.shape)}`,
        );
      }
      if (values.length !== parameter.size) {
        throw new Error(
          `loadStateDict: "${name}" has ${values.length} values, its shape ${formatShape(shape)} holds ${parameter.size}`,
        );
      }
    }
    if (!options.partial) {
      for (const name of named.keys()) if (!state.has(name)) throw new Error(`loadStateDict: "${name}" is missing`);
    }
    for (const [name, { values }] of state) named.get(name)!.numbers.set(values);
  }

  /** A table of the parameters: name, shape, count, and the total. */
  summary(): string {
    const rows = [...this.namedParameters()].map(([name, { shape, size }]) => [
      name,
      formatShape(shape),
      size.toLocaleString("en"),
    ]);
    rows.push(["total", "", this.parameterCount().toLocaleString("en")]);
    const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
    return rows
      .map(
        ([name, shape, count]) => `${name.padEnd(widths[0])}  ${shape.padEnd(widths[1])}  ${count.padStart(widths[2])}`,
      )
      .join("\n");
  }

  #setTraining(isTraining: boolean): this {
    visit(this, (member) => {
      if (member instanceof Module) member.isTraining = isTraining;
    });
    return this;
  }
}

/** Every field below a module that holds a parameter; one parameter may stand in several places. */
function* places(module: Module, prefix = ""): Generator<Place> {
  for (const [key, value] of Object.entries(module)) {
    const owner = module as unknown as Record<string, unknown>;
    if (value instanceof Parameter) yield { owner, key, path: `${prefix}${key}`, parameter: value };
    else if (value instanceof Module) yield* places(value, `${prefix}${key}.`);
    else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        if (item instanceof Module) yield* places(item, `${prefix}${key}.${index}.`);
        else if (item instanceof Parameter) {
          yield {
            owner: value as unknown as Record<string, unknown>,
            key: `${index}`,
            path: `${prefix}${key}.${index}`,
            parameter: item,
          };
        }
      }
    }
  }
}

/** Shows every module and parameter of a tree, in the order of the fields. Runs at every step, so it makes nothing. */
function visit(module: Module, show: (member: Module | Parameter) => void): void {
  show(module);
  const showItem = (item: unknown) => {
    if (item instanceof Parameter) show(item);
    else if (item instanceof Module) visit(item, show);
  };
  for (const key in module) {
    const value: unknown = module[key as keyof Module];
    if (Array.isArray(value)) value.forEach(showItem);
    else showItem(value);
  }
}

/**
 * Runs `body` while the named parameters of the module are replaced by other tensors, which may have been computed:
 * gradients then flow through them. Every place that holds a named parameter is replaced, and put back afterwards.
 * @throws when a name is unknown, a shape differs, or `body` is asynchronous.
 */
export function functionalCall<Result>(
  module: Module,
  tensors: ReadonlyMap<string, Tensor>,
  body: () => Result,
): Result {
  const named = module.namedParameters();
  const replacements = new Map<Parameter, Tensor>();
  for (const [name, replacement] of tensors) {
    const parameter = named.get(name);
    if (parameter === undefined) throw new Error(`functionalCall: there is no parameter called "${name}"`);
    if (!sameShape(replacement.shape, parameter.shape)) {
      throw new Error(
        `functionalCall: "${name}" has shape ${formatShape(parameter.shape)}, its replacement ${formatShape(replacement.shape)}`,
      );
    }
    replacements.set(parameter, replacement);
  }
  const replaced = [...places(module)].filter(({ parameter }) => replacements.has(parameter));
  try {
    for (const { owner, key, parameter } of replaced) owner[key] = replacements.get(parameter);
    const result = body();
    refuseAsync("functionalCall", result, "the parameters are back before an async one goes on");
    return result;
  } finally {
    for (const { owner, key, parameter } of replaced) owner[key] = parameter;
  }
}

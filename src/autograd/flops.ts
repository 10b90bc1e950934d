/**
 * Counting floating-point operations as they happen.
 *
 * *Model FLOPs* are what the mathematics asks for: 2·M·N·K per matmul, attention over the full T², element-wise work and
 * recomputation 0, backward only for gradients that are needed. *Executed* FLOPs are what the kernels really do (the
 * masked half of causal attention skipped, recomputation added).
 */

export interface FlopCount {
  model: number;
  executed: number;
  /** Model FLOPs by the section in which the operation was recorded (see {@link inFlopSection}); "" outside of all. */
  bySection: Map<string, number>;
}

let tally: FlopCount | null = null;
let section = "";

/** The section that operations are booked to now. */
export function currentFlopSection(): string {
  return section;
}

/** Books the operations of `body`, and later their gradients, to a named section such as "head". */
export function inFlopSection<Result>(name: string, body: () => Result): Result {
  const before = section;
  section = name;
  try {
    return body();
  } finally {
    section = before;
  }
}

/** Adds to the running count, if there is one. */
export function tallyFlops(model: number, executed: number, sectionName: string): void {
  if (tally === null || (model === 0 && executed === 0)) return;
  tally.model += model;
  tally.executed += executed;
  tally.bySection.set(sectionName, (tally.bySection.get(sectionName) ?? 0) + model);
}

/** Runs `body` without counting: a gradient rule made of operations is booked as the gradient of its own operation. */
export function uncounted<Result>(body: () => Result): Result {
  const before = tally;
  tally = null;
  try {
    return body();
  } finally {
    tally = before;
  }
}

/** Runs `body` and counts the FLOPs of every operation and gradient in it (an outer count receives them too). */
export function countFlops<Result>(body: () => Result): { result: Result; flops: FlopCount } {
  const outer = tally;
  const own: FlopCount = { model: 0, executed: 0, bySection: new Map() };
  tally = own;
  try {
    return { result: body(), flops: own };
  } finally {
    tally = outer;
    if (outer !== null) {
      outer.model += own.model;
      outer.executed += own.executed;
      for (const [name, flops] of own.bySection) outer.bySection.set(name, (outer.bySection.get(name) ?? 0) + flops);
    }
  }
}

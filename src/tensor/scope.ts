/**
 * Scopes: what is made inside `scope(() => …)` goes back to the pool when it ends, except what it returns.
 *
 * Scopes nest; what is returned moves to the surrounding scope, or, outside of all scopes, to garbage collection.
 */

/** What a scope takes care of: tensors. */
export abstract class Scoped {
  /** The scope that releases it; null outside of all scopes. */
  scope: Scope | null = null;
  /** Gives its memory back now. */
  abstract release(): void;
  /** Leaves giving its memory back to garbage collection. */
  abstract watch(): void;
}

/** What was made since a scope began. */
export class Scope {
  readonly parent: Scope | null;
  readonly members: Scoped[] = [];

  constructor(parent: Scope | null) {
    this.parent = parent;
  }
}

let current: Scope | null = null;

/** Puts a tensor under the care of a scope, or of garbage collection when there is none. */
export function adopt(member: Scoped, scope: Scope | null = current): void {
  member.scope = scope;
  if (scope === null) member.watch();
  else scope.members.push(member);
}

/**
 * Runs `body` and releases every tensor it made, except those in the value that it returns
 * (a tensor, or arrays, maps and plain objects of them, nested).
 * @throws when `body` is asynchronous: its tensors would be released while it still runs.
 */
export function scope<Result>(body: () => Result): Result {
  const own = new Scope(current);
  current = own;
  let result: Result;
  try {
    result = body();
    refuseAsync("scope", result, "an async function would outlive its scope");
    keepReturned(result, own);
  } finally {
    current = own.parent;
    releaseAll(own);
  }
  return result;
}

/**
 * Refuses what an asynchronous body returned, whose rejection then concerns nobody.
 * @throws naming the operation and the reason.
 */
export function refuseAsync(operation: string, result: unknown, reason: string): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => {});
  throw new Error(`${operation}: the body must be synchronous; ${reason}`);
}

/** Takes a tensor out of every scope: it lives until garbage collection. Returns the tensor. */
export function keep<Member extends Scoped>(member: Member): Member {
  if (member.scope !== null) adopt(member, null);
  return member;
}

/** Runs `body` outside of every scope, for what must outlive the present one. */
export function outsideScopes<Result>(body: () => Result): Result {
  const inner = current;
  current = null;
  try {
    return body();
  } finally {
    current = inner;
  }
}

function keepReturned(value: unknown, own: Scope): void {
  if (value instanceof Scoped) {
    if (value.scope === own) adopt(value, own.parent);
  } else if (Array.isArray(value)) {
    for (const item of value) keepReturned(item, own);
  } else if (value instanceof Map) {
    for (const item of value.values()) keepReturned(item, own);
  } else if (typeof value === "object" && value !== null && isPlain(value)) {
    for (const item of Object.values(value)) keepReturned(item, own);
  }
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function releaseAll(own: Scope): void {
  for (const member of own.members) if (member.scope === own) member.release();
}

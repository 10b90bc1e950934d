/** Reading the fields of a config.json, each with the value that it has when it is absent. */

/** The fields of an object; every reader throws one sentence that names file, field and value. */
export interface ConfigFields {
  /** A whole number from `least` on. */
  whole(name: string, absent: number, least?: number): number;
  number(name: string, absent: number): number;
  text(name: string, absent: string): string;
  /** One of several texts, as what it means here. */
  choice<Meaning>(name: string, absent: string, meanings: Readonly<Record<string, Meaning>>): Meaning;
  /** Refuses every value but this one. */
  only(name: string, value: unknown): void;
  /** The value as it is, undefined when it is absent or null. */
  raw(name: string): unknown;
  fail(name: string, demand: string): never;
}

/** @throws when the content of the file is no object. */
export function configFields(content: unknown, source: string): ConfigFields {
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new Error(`${source}: it is no JSON object`);
  const values = new Map(Object.entries(content));
  const fail = (name: string, demand: string): never => {
    throw new Error(`${source}: ${name} is ${JSON.stringify(values.get(name))}; ${demand}`);
  };
  const raw = (name: string): unknown => values.get(name) ?? undefined;
  const text = (name: string, absent: string) => {
    const value = raw(name) ?? absent;
    return typeof value === "string" ? value : fail(name, "a text is needed");
  };
  return {
    raw,
    fail,
    text,
    whole(name, absent, least = 1) {
      const value = raw(name) ?? absent;
      if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
      return fail(name, `a whole number from ${least} is needed`);
    },
    number(name, absent) {
      const value = raw(name) ?? absent;
      return typeof value === "number" ? value : fail(name, "a number is needed");
    },
    choice(name, absent, meanings) {
      const value = text(name, absent);
      if (Object.hasOwn(meanings, value)) return meanings[value];
      return fail(name, `only ${Object.keys(meanings).join(", ")} can be computed here`);
    },
    only(name, value) {
      const found = raw(name);
      if (found !== undefined && found !== value) fail(name, `only ${JSON.stringify(value)} can be computed here`);
    },
  };
}

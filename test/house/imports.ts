/** Reads import statements, and finds those that break the rules of the house. */

import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** Files by their path below src, with their text. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  /** A file below src, or the name of a package. */
  target: string;
  isPackage: boolean;
  /** Whether nothing of it is left when the program runs. */
  isTypeOnly: boolean;
}

const EVERYTHING_BELOW_SUITES = [
  ...["tensor", "autograd", "nn", "optim", "io", "data", "tasks", "apollo", "recipes"],
  ...["pretrained", "report", "lab", "finetune"],
];

/**
 * Who may import whom: `tensor ← autograd ← nn ← apollo ← recipes ← lab ← suites ← cli`, and beside them rooms that see little.
 * "types" allows type-only imports.
 */
export const ROOMS: Record<string, Record<string, "all" | "types">> = {
  tensor: {},
  autograd: { tensor: "all" },
  nn: { tensor: "all", autograd: "all" },
  optim: { tensor: "all" },
  io: { tensor: "all", optim: "types" },
  data: { tensor: "all", io: "all" },
  tasks: { tensor: "all", data: "all" },
  apollo: { tensor: "all", autograd: "all", nn: "all", optim: "all" },
  recipes: { tensor: "all", autograd: "all", nn: "all", optim: "all", apollo: "all" },
  pretrained: { tensor: "all", nn: "all", io: "all", data: "all" },
  report: {},
  lab: all("tensor", "autograd", "nn", "optim", "io", "data", "apollo", "recipes", "pretrained", "report"),
  finetune: all(
    "tensor",
    "autograd",
    "nn",
    "optim",
    "io",
    "data",
    "tasks",
    "apollo",
    "recipes",
    "pretrained",
    "report",
  ),
  suites: all(...EVERYTHING_BELOW_SUITES),
  cli: all(...EVERYTHING_BELOW_SUITES, "suites"),
  // The public names, which run anywhere.
  "index.ts": all("tensor", "autograd", "nn", "optim", "io", "data", "apollo", "recipes"),
};

/** The rooms that may use a package. */
export const PACKAGES: Record<string, readonly string[]> = {
  "pure-rand": ["tensor"],
  "@huggingface/tokenizers": ["data"],
  vega: ["report"],
  "vega-lite": ["report"],
  zod: ["lab", "suites", "cli"],
  commander: ["cli"],
  "cli-progress": ["cli"],
  "cli-table3": ["cli"],
  picocolors: ["cli"],
};

/** Where Node's modules and globals may be used. */
const NODE_FILES = ["io/files.ts", "data/files.ts", "report/run-files.ts"];
/** Where Node's globals may be used, if they are there. */
const NODE_IF_PRESENT = ["tensor/platform-node.ts"];
const NODE_ROOMS = ["lab", "suites", "cli"];
const NODE_GLOBALS = /(?<![.\w$#])(process|Buffer|require|global|setImmediate|__dirname|__filename)\b(?!\s*:)/;

function all(...rooms: string[]): Record<string, "all"> {
  return Object.fromEntries(rooms.map((room) => [room, "all"]));
}

/** The TypeScript files below a folder, but for those of `assembly`, which are compiled to something else. */
export function readSources(folder: URL): Sources {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts") && !path.includes("assembly/"));
  return new Map(paths.sort().map((path) => [path, readFileSync(new URL(path, folder), "utf8")]));
}

/** Comments become blanks, strings and templates stay as they are. */
function withoutComments(text: string): string {
  return text.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/.*|\/\*[\s\S]*?\*\//g, (part) =>
    part.startsWith("/") ? part.replace(/\S/g, " ") : part,
  );
}

/** What strings say is gone; what templates compute stays. */
function withoutStrings(text: string): string {
  return text.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, (part) =>
    (part.startsWith("`") ? (part.match(/\$\{[^}]*\}/g) ?? []) : []).join(" "),
  );
}

/** All imports of a file: static, re-exported, of types, dynamic, and workers by URL. */
export function importsOf(path: string, text: string): Import[] {
  const code = withoutComments(text);
  const found: Import[] = [];
  const add = (specifier: string, isTypeOnly: boolean) => {
    const isPackage = !specifier.startsWith(".");
    const target = isPackage ? specifier : posix.join(posix.dirname(path), specifier);
    found.push({ target, isPackage, isTypeOnly });
  };
  for (const [, what, specifier] of code.matchAll(/^\s*(?:import|export)\b([^"'`;()]*?)\bfrom\s*["']([^"']+)["']/gm)) {
    add(specifier, namesOnlyTypes(what));
  }
  for (const [, specifier] of code.matchAll(/^\s*import\s*["']([^"']+)["']/gm)) add(specifier, false);
  for (const [, keyword, specifier] of code.matchAll(/\b(typeof\s+)?import\(\s*["'`]([^"'`]+)["'`]/g)) {
    add(specifier, keyword !== undefined);
  }
  for (const [, specifier] of code.matchAll(/\bnew URL\(\s*["']([^"']+)["']\s*,\s*import\.meta\.url/g)) {
    if (specifier.endsWith(".ts")) add(specifier, false);
  }
  for (const [, argument] of code.matchAll(/\bimport\(\s*([^"'`\s][^)]*)\)/g)) {
    throw new Error(`${path}: import(${argument}) names its module only when it runs, so no rule can hold it`);
  }
  return found;
}

/** Whether an import clause is `type …`, or `{ type A, type B }`. */
function namesOnlyTypes(clause: string): boolean {
  if (/^\s*type\b(?!\s*,)/.test(clause)) return true;
  const [, outside, inside] = /^([^{]*)\{([^}]*)\}\s*$/.exec(clause) ?? [];
  if (inside === undefined || outside.trim() !== "") return false;
  const names = inside.split(",").filter((name) => name.trim() !== "");
  return names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
}

const roomOf = (path: string): string => path.split("/")[0];
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** One sentence for each import that is not allowed. */
export function brokenRules(sources: Sources): string[] {
  const broken: string[] = [];
  const graph = new Map([...sources].map(([path, text]) => [path, importsOf(path, text)]));
  for (const [path, imports] of graph) {
    const room = roomOf(path);
    const seen = ROOMS[room];
    if (seen === undefined) {
      broken.push(`${path}: there is no room called ${room} in the table`);
      continue;
    }
    for (const { target, isPackage, isTypeOnly } of imports) {
      if (isPackage && target.startsWith("node:")) continue;
      if (isPackage) {
        const allowed = PACKAGES[packageOf(target)];
        if (!allowed?.includes(room)) broken.push(`${path}: ${room} may not use the package ${packageOf(target)}`);
      } else if (target.startsWith("..")) broken.push(`${path}: imports ${target}, which lies outside of src`);
      else if (!sources.has(target)) broken.push(`${path}: imports ${target}, which does not exist`);
      else {
        const other = roomOf(target);
        const isAllowed = other === room || seen[other] === "all" || (seen[other] === "types" && isTypeOnly);
        if (!isAllowed) {
          const what = seen[other] === "types" ? `more than types from ${other}` : `from ${other}`;
          broken.push(`${path}: ${room} may not import ${what} (${target})`);
        }
      }
    }
    if (usesNode(sources, path) && !mayUseNode(path)) broken.push(`${path}: may not use Node's modules or globals`);
  }
  for (const circle of circles(graph)) broken.push(`a circle of imports: ${circle.join(" → ")}`);
  for (const road of roadsToNode(sources, graph)) broken.push(`a browser cannot load index.ts: ${road.join(" → ")}`);
  return broken;
}

function mayUseNode(path: string): boolean {
  return NODE_FILES.includes(path) || NODE_IF_PRESENT.includes(path) || NODE_ROOMS.includes(roomOf(path));
}

function usesNode(sources: Sources, path: string): boolean {
  const text = sources.get(path)!;
  const hasModule = importsOf(path, text).some(({ target, isPackage }) => isPackage && target.startsWith("node:"));
  return hasModule || NODE_GLOBALS.test(withoutStrings(withoutComments(text)));
}

type Graph = ReadonlyMap<string, readonly Import[]>;

/** A circle for every file that a depth-first walk meets again on its way; imports of types count too. */
function circles(graph: Graph): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) found.push([...way.slice(way.indexOf(path)), path]);
    if (done.has(path) || way.includes(path)) return;
    for (const { target } of graph.get(path) ?? []) walk(target, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return found;
}

/** The ways on which the public names reach files that need Node. */
function roadsToNode(sources: Sources, graph: Graph): string[][] {
  const roads: string[][] = [];
  const seen = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    if (seen.has(path)) return;
    seen.add(path);
    if (usesNode(sources, path) && !NODE_IF_PRESENT.includes(path)) roads.push([...way, path]);
    for (const { target, isPackage } of graph.get(path) ?? [])
      if (!isPackage && graph.has(target)) walk(target, [...way, path]);
  };
  if (graph.has("index.ts")) walk("index.ts", []);
  return roads;
}

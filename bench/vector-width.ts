/**
 * How far V8 joins the kernels' pairs of 128-bit operations: `node bench/vector-width.ts [--name part]`.
 *
 * Counts the instructions of the optimised code that name a 256-bit and a 128-bit register, of the kernels and of the
 * functions inside that they call. The tails of loops, which take single elements, are of the second kind and often longer
 * than the loop itself; a function with no 256-bit instruction at all was not joined. `--trace-wasm-revectorize` on the same
 * program tells why.
 */

import { execFileSync } from "node:child_process";
import binaryen from "binaryen";
import { SIMD_BINARY } from "../src/tensor/simd-binary.ts";
import { benchmark, readOptions } from "./arguments.ts";

const { name: part } = readOptions<{ name: string }>(
  benchmark("vector-width.ts", "how far V8 joins the kernels' 128-bit operations to 256 bits").option(
    "--name <part>",
    "only functions with this in their name",
    "",
  ),
);
const source = SIMD_BINARY.relaxed.shared;

/** What functions are called, by their index: an exported one by its name, another by the exported ones that use it. */
function functionNames(): (index: string) => string {
  const text = binaryen.readBinary(Buffer.from(source, "base64")).emitText();
  const exported = new Map(
    [...text.matchAll(/\(export "(\w+)" \(func \$(\d+)\)\)/g)].map(([, name, of]) => [of, name]),
  );
  const callers = new Map<string, string[]>();
  for (const code of text.split("\n (func $").slice(1)) {
    const [caller] = /^\d+/.exec(code)!;
    for (const [, callee] of code.matchAll(/\(call \$(\d+)/g))
      callers.set(callee, [...(callers.get(callee) ?? []), caller]);
  }
  const usersOf = (index: string): string[] =>
    exported.has(index) ? [exported.get(index)!] : [...new Set((callers.get(index) ?? []).flatMap(usersOf))].sort();
  return (index) => exported.get(index) ?? `${index}, inside ${usersOf(index).join(" ")}`;
}

const flags = ["--no-liftoff", "--no-wasm-lazy-compilation", "--single-threaded"];
flags.push("--experimental-wasm-revectorize", "--print-wasm-code");
const listing = execFileSync(process.execPath, [...flags, "-"], {
  input: `new WebAssembly.Module(Buffer.from("${source}", "base64"))`,
  maxBuffer: 2 ** 28,
  encoding: "utf8",
});

const nameOf = functionNames();
const rows = listing.split("--- WebAssembly code ---").flatMap((code) => {
  const index = /^index: (\d+)$/m.exec(code)?.[1];
  if (index === undefined) return [];
  const instructions = code.split("\n").filter((line) => line.startsWith("0x"));
  const wide = instructions.filter((line) => line.includes("ymm")).length;
  const narrow = instructions.filter((line) => !line.includes("ymm") && line.includes("xmm")).length;
  return [{ name: nameOf(index), wide, narrow }];
});

console.log(`Node ${process.version}\n256 bits  128 bits  function`);
for (const { name, wide, narrow } of rows.sort((a, b) => a.name.localeCompare(b.name))) {
  if (name.includes(part)) console.log(`${String(wide).padStart(8)}${String(narrow).padStart(10)}  ${name}`);
}

/**
 * How far V8 joins the kernels' pairs of 128-bit operations: `node bench/vector-width.ts [part of a name]`.
 * Counts the instructions of the optimised code that name a 256-bit and a 128-bit register. The tails of loops, which take
 * single elements, are of the second kind and often longer than the loop itself; a kernel with no 256-bit instruction at
 * all was not joined. `--trace-wasm-revectorize` on the same program tells why.
 */

import { execFileSync } from "node:child_process";
import { SIMD_BINARY } from "../src/tensor/simd-binary.ts";

const [part = ""] = process.argv.slice(2);
const source = SIMD_BINARY.relaxed.shared;

const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
const module = new WebAssembly.Module(Buffer.from(source, "base64"));
const kernels = Object.entries(new WebAssembly.Instance(module, { env: { memory } }).exports);
/** An exported function is called by its index. */
const nameOf = new Map(kernels.map(([name, kernel]) => [(kernel as () => void).name, name]));

const flags = ["--no-liftoff", "--no-wasm-lazy-compilation", "--single-threaded"];
flags.push("--experimental-wasm-revectorize", "--print-wasm-code");
const listing = execFileSync(process.execPath, [...flags, "-"], {
  input: `new WebAssembly.Module(Buffer.from("${source}", "base64"))`,
  maxBuffer: 2 ** 28,
  encoding: "utf8",
});

const rows = listing.split("--- WebAssembly code ---").flatMap((code) => {
  const index = /^index: (\d+)$/m.exec(code)?.[1];
  const name = index === undefined ? undefined : nameOf.get(index);
  if (name === undefined || !name.includes(part)) return [];
  const instructions = code.split("\n").filter((line) => line.startsWith("0x"));
  const wide = instructions.filter((line) => line.includes("ymm")).length;
  const narrow = instructions.filter((line) => !line.includes("ymm") && line.includes("xmm")).length;
  return [{ name, wide, narrow }];
});

console.log(`Node ${process.version}\n${"".padEnd(30)}256 bits  128 bits`);
for (const { name, wide, narrow } of rows.sort((a, b) => a.name.localeCompare(b.name))) {
  console.log(name.padEnd(30) + String(wide).padStart(8) + String(narrow).padStart(10));
}

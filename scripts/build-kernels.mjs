/**
 * Compiles src/tensor/assembly into the git-ignored module src/tensor/simd-binary.ts: the kernels with plain and with
 * relaxed SIMD, each for shared and for unshared memory, as base64 text that Node and browsers load alike.
 * Does nothing when the sources are the ones that the module was made from.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const sources = join(root, "src/tensor/assembly");
const target = join(root, "src/tensor/simd-binary.ts");
const assemblyScript = dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json"));

/** What the generated module depends on, in its first line. */
function fingerprint() {
  const hash = createHash("sha256");
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  hash.update(readFileSync(join(assemblyScript, "package.json")));
  for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(join(sources, name)));
  return `// Made by scripts/build-kernels.mjs from src/tensor/assembly; sources ${hash.digest("hex")}`;
}

function isCurrent(firstLine) {
  try {
    return readFileSync(target, "utf8").startsWith(`${firstLine}\n`);
  } catch {
    return false;
  }
}

/** The compiled module with an import of shared memory. */
async function compile(folder, name, features) {
  const file = join(folder, `${name}.wasm`);
  const options = [
    "-O3",
    "--noAssert",
    "--runtime",
    "stub",
    "--importMemory",
    "--noExportMemory",
    "--initialMemory",
    "1",
    // The kernels' constants lie in the memory's first page, which belongs to no buffer.
    "--memoryBase",
    "1024",
  ];
  options.push("--maximumMemory", "65536", "--sharedMemory", "--enable", "threads", "--enable", "simd", ...features);
  const compiler = join(assemblyScript, "bin/asc.js");
  await promisify(execFile)(process.execPath, [compiler, join(sources, "index.ts"), ...options, "-o", file]);
  return readFileSync(file);
}

/** The same module for unshared memory: no kernel uses atomics, so only the flag of the imported memory differs. */
function withUnsharedMemory(binary) {
  const memoryImport = Buffer.from("\x03env\x06memory\x02", "latin1");
  const at = binary.indexOf(memoryImport) + memoryImport.length;
  if (at < memoryImport.length || binary[at] !== 3)
    throw new Error("the compiled kernels do not import a shared memory");
  const copy = Buffer.from(binary);
  copy[at] = 1;
  return copy;
}

const firstLine = fingerprint();
if (!isCurrent(firstLine)) {
  const folder = mkdtempSync(join(tmpdir(), "apollo-kernels-"));
  try {
    const [plain, relaxed] = await Promise.all([
      compile(folder, "plain", []),
      compile(folder, "relaxed", ["--enable", "relaxed-simd"]),
    ]);
    const entry = (name, binary) =>
      `  ${name}: {\n    shared: "${binary.toString("base64")}",\n    unshared: "${withUnsharedMemory(binary).toString("base64")}",\n  },\n`;
    const text = `${firstLine}\n\n/** The compiled kernels, in base64. */\nexport const SIMD_BINARY = {\n${entry("plain", plain)}${entry("relaxed", relaxed)}};\n`;
    writeFileSync(`${target}.tmp`, text);
    renameSync(`${target}.tmp`, target);
    console.log(`compiled the SIMD kernels: ${plain.length} bytes plain, ${relaxed.length} bytes relaxed`);
  } catch (error) {
    console.error(error.stderr || error.stdout || error.message);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

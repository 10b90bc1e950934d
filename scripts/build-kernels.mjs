/**
 * Compiles src/tensor/assembly into the git-ignored module src/tensor/simd-binary.ts: the kernels with plain and with
 * relaxed SIMD, each for shared and for unshared memory, as base64 text that Node and browsers load alike. Beforehand it
 * writes out the register tiles, from their template into the git-ignored src/tensor/assembly/register-tiles.ts.
 * Does nothing when the sources are the ones that the module was made from.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import binaryen from "binaryen";
import { registerTileSource } from "./register-tile.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const sources = join(root, "src/tensor/assembly");
const tileSource = join(sources, "register-tiles.ts");
const target = join(root, "src/tensor/simd-binary.ts");
const packages = createRequire(import.meta.url);
const assemblyScript = dirname(packages.resolve("assemblyscript/package.json"));

function textOf(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Replaces a file as a whole, so that no other process meets half of it. */
function write(file, text) {
  const temporary = join(root, "src", `.${basename(file)}.${process.pid}`);
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}

/** Eight steps of the loop written out hide what is not arithmetic; see registerTileSource. */
const TILES = [
  { name: "multiplyNarrowTile", rows: 6, panel: 8, unroll: 8 },
  { name: "multiplyWideTile", rows: 6, panel: 16, unroll: 8 },
];

function writeRegisterTiles() {
  const head =
    '// Made by scripts/register-tile.mjs, where its reasons stand.\n\nimport { madd, storePair } from "./lanes";\n';
  const text = head + TILES.map(registerTileSource).join("");
  if (textOf(tileSource) !== text) write(tileSource, text);
}

/** What the generated module depends on, in its first line. */
function fingerprint() {
  const hash = createHash("sha256");
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  for (const compiler of ["assemblyscript", "binaryen"])
    hash.update(readFileSync(packages.resolve(`${compiler}/package.json`)));
  for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(join(sources, name)));
  return `// Made by scripts/build-kernels.mjs from src/tensor/assembly; sources ${hash.digest("hex")}`;
}

/** Where the kernels' constants begin: in the memory's first page, which belongs to no buffer. */
const MEMORY_BASE = 1024;

/** The WebAssembly text of one source file at an optimisation level, with an import of shared memory. */
async function compile(source, level, features, target) {
  const options = [
    level,
    "--noAssert",
    "--runtime",
    "stub",
    "--importMemory",
    "--noExportMemory",
    "--initialMemory",
    "1",
    "--memoryBase",
    String(MEMORY_BASE),
  ];
  options.push("--maximumMemory", "65536", "--sharedMemory", "--enable", "threads", "--enable", "simd", ...features);
  const compiler = join(assemblyScript, "bin/asc.js");
  await promisify(execFile)(process.execPath, [compiler, source, ...options, "-t", target]);
  return readFileSync(target, "utf8");
}

/** Where the function of a name begins and ends in a module's text. */
function functionRange(text, name) {
  const begin = text.indexOf(` (func $src/tensor/assembly/register-tiles/${name} `);
  const end = text.indexOf("\n )", begin) + "\n )".length;
  if (begin < 0) throw new Error(`the compiled kernels have no function ${name}`);
  return [begin, end];
}

/**
 * The kernels as a binary. The register tiles are compiled by themselves, one optimisation level lower: at the highest
 * one the compiler moves every sum down to where it is read, so that a loop that is written out keeps the operands of all
 * its steps alive, for which no processor has the registers.
 */
async function buildVariant(folder, variant, features) {
  const [kernels, tiles] = await Promise.all([
    compile(join(sources, "index.ts"), "-O3", features, join(folder, `${variant}.wat`)),
    compile(tileSource, "-O2", features, join(folder, `${variant}-tiles.wat`)),
  ]);
  let text = kernels;
  for (const { name } of TILES) {
    const [begin, end] = functionRange(text, name);
    const tile = tiles.slice(...functionRange(tiles, name));
    const constants = [...tile.matchAll(/i32\.const (\d+)/g)].map(([, number]) => Number(number));
    if (/\b(call|global\.[gs]et) /.test(tile) || constants.some((number) => number >= MEMORY_BASE))
      throw new Error(
        `${name} needs data, a global or a function of its own module, of which only the tiles are taken`,
      );
    text = text.slice(0, begin) + tile + text.slice(end);
  }
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  if (!module.validate()) throw new Error(`the kernels with ${variant} SIMD are not valid WebAssembly`);
  return Buffer.from(module.emitBinary());
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

writeRegisterTiles();
const firstLine = fingerprint();
if (!textOf(target).startsWith(`${firstLine}\n`)) {
  const folder = mkdtempSync(join(tmpdir(), "apollo-kernels-"));
  try {
    const [plain, relaxed] = await Promise.all([
      buildVariant(folder, "plain", []),
      buildVariant(folder, "relaxed", ["--enable", "relaxed-simd"]),
    ]);
    const entry = (name, binary) =>
      `  ${name}: {\n    shared: "${binary.toString("base64")}",\n    unshared: "${withUnsharedMemory(binary).toString("base64")}",\n  },\n`;
    const text = `${firstLine}\n\n/** The compiled kernels, in base64. */\nexport const SIMD_BINARY = {\n${entry("plain", plain)}${entry("relaxed", relaxed)}};\n`;
    write(target, text);
    console.log(`compiled the SIMD kernels: ${plain.length} bytes plain, ${relaxed.length} bytes relaxed`);
  } catch (error) {
    console.error(error.stderr || error.stdout || error.message);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

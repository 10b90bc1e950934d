import { type SpawnSyncOptions, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { decodeSafetensors } from "../../src/io/safetensors.ts";
import { readRun } from "../../src/report/run-files.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What a user might write; it is type-checked as it is, and run without its types. */
const PROGRAM = `
import { AdamW, apollo, Batches, engineInfo, Gpt, type Method, type StepRecord, Tensor, tensor, train } from "apollo-ts";
import { EMBEDDED_NAMES } from "apollo-ts/finetune";
import { parseExperiment, planRun, type RunPlan } from "apollo-ts/lab";
import { SUITES } from "apollo-ts/suites";

const context = 16;
const model = new Gpt({ layers: 4, hidden: 32, heads: 2, context, vocabulary: 128, dropout: 0.1, seed: 3 });
const text = "low layers are prepared for the depth to come; ".repeat(40);
const tokens = Int32Array.from(text, (letter) => letter.charCodeAt(0));
const batches = new Batches({ tokens, context, batchSize: 4, seed: 3 });
const method: Method = apollo({ stages: [1, 4], boundaries: [0.34] }, { steps: 3, targetDepth: 4 });
const records: StepRecord[] = [];
for (const record of train({
  model,
  method,
  optimizer: new AdamW(model.parameters()),
  learningRate: () => 1e-2,
  batchAt(step) {
    const { inputs, targets, rows } = batches.batchAt(step);
    return { inputs: Tensor.from(inputs, [rows, context], "i32"), targets: tensor(targets, { shape: [rows, context], dtype: "i32" }) };
  },
  tokensPerBatch: 4 * context,
  seed: 3,
})) records.push(record);

const plan: RunPlan = planRun(
  parseExperiment({
    name: "small",
    model: { family: "gpt", layers: 4, hidden: 32, heads: 2, context, vocabulary: 300 },
    data: { corpus: "brown" },
    recipe: { kind: "apollo", stages: [1, 4], boundaries: [0.34] },
    training: { steps: 3, batch: 4, learningRate: { peak: 1e-3 } },
    evaluations: 1,
  }),
);
console.log(JSON.stringify({ variant: engineInfo().variant, losses: records.map(({ loss }) => loss), plan, suites: Object.keys(SUITES), tasks: EMBEDDED_NAMES }));
`;
/** A mistake that the declarations must catch. */
const WRONG_PROGRAM = `import { Gpt } from "apollo-ts";\nnew Gpt({ layers: "4" });\n`;

interface Printed {
  variant: string | null;
  losses: number[];
  plan: object;
  suites: string[];
  tasks: string[];
}

/** npm tells the scripts that it runs about the package they belong to; an npm for another folder must not hear of it. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_local_prefix)|^APOLLO_|^INIT_CWD$/.test(name),
  ),
);

/** The Node of the machine, behind the pinned one that npm puts before it on the PATH. */
function machineNode(): string {
  const folders = process.env.PATH!.split(delimiter).filter((folder) => !folder.includes("node_modules"));
  const found = folders.map((folder) => join(folder, "node")).find((path) => existsSync(path));
  return found === undefined ? process.execPath : realpathSync(found);
}

const RUNTIMES = { "the pinned Node": process.execPath, "the machine's own Node": machineNode() };

function succeed(command: string, given: readonly string[], options: SpawnSyncOptions = {}): string {
  const result = spawnSync(command, given, { ...options, env: { ...environment, ...options.env }, encoding: "utf8" });
  expect(
    result.status,
    `${command} ${given.join(" ")}\n${result.error ?? ""}${result.stdout}${result.stderr}`,
  ).to.equal(0);
  return result.stdout;
}

describe("the packed package", function () {
  this.timeout(300_000);
  let folder: string;
  let user: string;
  let files: string[];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "apollo-package-"));
    const packed = JSON.parse(succeed("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root }));
    files = packed[0].files.map(({ path }: { path: string }) => path);
    user = join(folder, "user");
    mkdirSync(user);
    const tarball = join(folder, packed[0].filename);
    succeed("npm", ["install", tarball, "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"], {
      cwd: user,
    });
    writeFileSync(join(user, "program.mjs"), stripTypeScriptTypes(PROGRAM));
    writeFileSync(
      join(user, "story.txt"),
      "the quiet sea and the hills rise over the moon. the stars fall.\n\n".repeat(200),
    );
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const inUser = (runtime: string, given: readonly string[], env: Record<string, string> = {}) =>
    succeed(runtime, given, { cwd: user, env });
  const apollo = join("node_modules", ".bin", "apollo");

  it("holds the built files, what npm always adds, and nothing else", () => {
    const others = files.filter((path) => !/^dist\/[\w/-]+\.(js|d\.ts)$/.test(path));
    expect(others.sort()).to.deep.equal(["LICENSE", "README.md", "package.json"]);
    const { exports, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const entries = [".", "./lab", "./finetune", "./suites"].map((name) => exports[name]);
    const named = entries.flatMap((entry) => Object.values<string>(entry));
    for (const path of [...named, ...Object.values<string>(bin)]) expect(files).to.include(path.replace("./", ""));
  });

  it("trains in the vector instructions of the pinned Node, to finite and falling losses", () => {
    const { variant, losses } = JSON.parse(inUser(process.execPath, ["program.mjs"])) as Printed;
    expect(variant).to.be.oneOf(["relaxed", "wide"]);
    expect(losses).to.have.length(3);
    expect(losses[0]).to.be.closeTo(Math.log(128), 0.3);
    expect(losses[2]).to.be.lessThan(losses[0]);
  });

  it("trains to the same bits in the pinned Node and in the machine's own, with plain SIMD", () => {
    const [pinned, own] = Object.values(RUNTIMES).map(
      (runtime): Printed => JSON.parse(inUser(runtime, ["program.mjs"], { APOLLO_SIMD: "plain" })),
    );
    expect(pinned.variant).to.equal("plain");
    expect(pinned.losses[2]).to.be.lessThan(pinned.losses[0]);
    expect(own).to.deep.equal(pinned);
  });

  it("has declarations that a strict program type-checks against, with those of its dependencies", () => {
    writeFileSync(join(user, "program.mts"), PROGRAM);
    writeFileSync(join(user, "wrong.mts"), WRONG_PROGRAM);
    const compiler = join(root, "node_modules", ".bin", "tsc");
    const check = (file: string) => [
      ...[compiler, file, "--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2023"],
      ...["--module", "nodenext", "--moduleResolution", "nodenext"],
    ];
    inUser(process.execPath, check("program.mts"));
    const { status, stdout } = spawnSync(process.execPath, check("wrong.mts"), { cwd: user, encoding: "utf8" });
    expect(status).not.to.equal(0);
    expect(stdout).to.match(/wrong\.mts.*'?string'? is not assignable to type '?number/);
  });

  it("starts its threads in the one form in which bundlers find a worker's file, and such that it may become a script", () => {
    const built = (name: string) => readFileSync(join(user, "node_modules/apollo-ts/dist/tensor", name), "utf8");
    expect(built("platform-browser.js")).to.contain('new Worker(new URL("./thread-worker.js", import.meta.url), {');
    expect(built("thread-worker.js")).not.to.match(/\bawait\b/);
  });

  it("is found by npx", () => {
    expect(succeed("npx", ["--no-install", "apollo", "--help"], { cwd: user })).to.contain("Usage: apollo");
  });

  for (const [name, runtime] of Object.entries(RUNTIMES)) {
    it(`plans, trains on a text file, reports and writes text in ${name}`, () => {
      const run = `run in ${name}`;
      const size = ["--layers", "2", "--hidden", "16", "--heads", "2", "--context", "16", "--vocabulary", "280"];
      const recipe = [...size, "--stages", "1,2", "--boundaries", ".5", "--steps", "4", "--batch", "2"];
      expect(inUser(runtime, [apollo, "plan", ...recipe])).to.contain("expected depth of 2");
      const corpus = ["--corpus", "story.txt", "--evaluations", "2"];
      inUser(runtime, [apollo, "train", ...recipe, ...corpus, "--out", run]);
      expect(readdirSync(join(user, run)).sort()).to.deep.equal([
        "checkpoint.safetensors",
        "evaluations.jsonl",
        "experiment.json",
        "run.json",
        "steps.jsonl",
        "tokenizer.json",
        "weights.safetensors",
      ]);
      const { header, steps, evaluations } = readRun(join(user, run));
      expect(header.status).to.equal("finished");
      expect(steps.map(({ uniqueLayers }) => uniqueLayers)).to.deep.equal([1, 1, 2, 2]);
      expect(evaluations.map(({ step }) => step)).to.deep.equal([0, 2, 4]);
      const weights = join(user, run, "weights.safetensors");
      const { tensors } = decodeSafetensors(readFileSync(weights), weights);
      expect(tensors.get("tokenEmbedding.weight")!.shape).to.deep.equal([280, 16]);
      inUser(runtime, [apollo, "report", run]);
      expect(readFileSync(join(user, run, "report.html"), "utf8")).to.contain("<svg");
      expect(inUser(runtime, [apollo, "generate", run, "--prompt", "the sea", "--tokens", "5"])).to.match(/^the sea./);
    });
  }
});

import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import type { SeedRecord } from "../../src/finetune/fine-tune-into.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Those that the project keeps. */
const RECORDS = fileURLToPath(new URL("../../docs/records", import.meta.url));

/** Enough sentences for a vocabulary of 300 and a validation side. */
const TEXT = Array.from(
  { length: 400 },
  (_, index) => `Line ${index}: the ${["low", "high", "shared"][index % 3]} layer learns ${index * 37} things.`,
);

/** A model that trains in milliseconds a step. */
const SMALL = [
  ...["--layers", "3", "--stages", "1,3", "--boundaries", ".4", "--hidden", "16", "--heads", "2", "--context", "16"],
  ...["--vocabulary", "300", "--batch", "2", "--evaluations", "3"],
];

describe("the command line", () => {
  let folder: string;
  let corpus: string;
  let environment: NodeJS.ProcessEnv;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "apollo-cli-"));
    // Dozens of processes load the same modules.
    environment = { ...process.env, NO_COLOR: "1", NODE_COMPILE_CACHE: join(folder, "compiled") };
    corpus = join(folder, "corpus.jsonl");
    const documents = Array.from({ length: 8 }, (_, index) => TEXT.slice(50 * index, 50 * (index + 1)).join("\n"));
    writeFileSync(corpus, documents.map((text) => JSON.stringify({ text })).join("\n"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const apollo = (args: readonly string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [main, ...args], {
      cwd: folder,
      encoding: "utf8",
      env: { ...environment, ...env },
    });
  const train = (out: string, ...args: string[]) => ["train", "--corpus", corpus, "--out", out, ...SMALL, ...args];

  it("explains itself and every command", () => {
    const help = apollo(["--help"]);
    expect(help.status).to.equal(0);
    const commands = [
      "train",
      "compare",
      "plan",
      "generate",
      "fill-mask",
      "export",
      "finetune",
      "evaluate",
      "report",
      "bench",
    ];
    for (const command of commands) expect(help.stdout).to.include(`  ${command} `);
    for (const command of commands) {
      const { stdout, status } = apollo([command, "--help"]);
      expect(status).to.equal(0);
      expect(stdout).to.match(new RegExp(`^Usage: apollo ${command} `));
    }
  });

  it("reports what is recorded of a suite, without a run: table, page and numbers", () => {
    const { stdout, status, stderr } = apollo(["compare", "--suite", "quick", "--report-only", "--records", RECORDS]);
    expect(stderr).to.equal("");
    expect(status).to.equal(0);
    for (const recipe of ["scratch", "stackbert", "bert2bert-aki", "ligo", "apollo-lvps"])
      expect(stdout).to.include(recipe);
    const made = join(folder, "runs", "quick");
    expect(readdirSync(made).sort()).to.deep.equal(["comparison.json", "figures", "report.html", "tables.md"]);
    expect(readFileSync(join(made, "report.html"), "utf8")).to.include("<svg");
  });

  it("analyses the paper's schedules into numbers and a picture", () => {
    const { stdout, status } = apollo(["analyse", "schedules", "--out", "schedules"]);
    expect(status).to.equal(0);
    expect(stdout).to.include("BERT-Large, stages end at 5, 10 and 25 %");
    const { models } = JSON.parse(readFileSync(join(folder, "schedules", "schedules.json"), "utf8"));
    expect(models).to.have.length(3);
    expect(readFileSync(join(folder, "schedules", "schedules.svg"), "utf8")).to.include("</svg>");
  });

  it("analyses the streams of finished runs, as many as are named", () => {
    for (const seed of ["0", "1"])
      expect(apollo(train(`stream-${seed}`, "--steps", "6", "--seed", seed)).status).to.equal(0);
    const { stdout, status } = apollo(["analyse", "streams", "stream-0", "stream-1", "--out", "streams"]);
    expect(status).to.equal(0);
    expect(stdout).to.include("attention in layer 1");
    expect(JSON.parse(readFileSync(join(folder, "streams", "streams.json"), "utf8"))).to.have.length(2);
    expect(readFileSync(join(folder, "streams", "streams.svg"), "utf8")).to.include("</svg>");
    const unfinished = apollo(["analyse", "streams", "stream-0", "nowhere"]);
    expect(unfinished.status).to.equal(1);
    expect(unfinished.stderr).to.include("nowhere");
  });

  it("plans: the expected depths of methods A.6 and the ratios of A.10", () => {
    const { stdout, status } = apollo(["plan", "--model", "gpt-base", "--batch", "8", "--steps", "4000"]);
    expect(status).to.equal(0);
    for (const number of ["1.9829", "5.0899", "8.0883", "12.0000", "124,439,808"]) expect(stdout).to.include(number);
    // The head is c = 4.462 layers of 12: 1 − (422.68/40 + 4.462)/16.462, in epochs of the paper's 40.
    expect(stdout).to.match(/schedule saves +8\.71 % with the head, 11\.94 % counting layers only/);
    expect(stdout).to.match(/^does not fit +the engine has 4\.00 GiB at most/m);
    expect(apollo(["plan", "--model", "gpt-base", "--batch", "1"]).stdout).not.to.include("does not fit");
  });

  it("trains, says so, and leaves a complete folder", () => {
    const { stdout, stderr, status } = apollo(train("whole", "--steps", "10", "--apollo-info"));
    expect(stderr).to.include("step 10 of 10");
    expect(stdout).to.equal("finished: whole\n");
    expect(status).to.equal(0);
    expect(readdirSync(join(folder, "whole")).sort()).to.deep.equal([
      "apollo_info.jsonl",
      "checkpoint.safetensors",
      "evaluations.jsonl",
      "experiment.json",
      "run.json",
      "steps.jsonl",
      "tokenizer.json",
      "weights.safetensors",
    ]);
    const again = apollo(["train", "--experiment", join("whole", "experiment.json"), "--out", "again"]);
    expect(again.status, again.stderr).to.equal(0);
    expect(weights("again")).to.deep.equal(weights("whole"));
  });

  it("generates from what it trained, at full depth or another", () => {
    apollo(train("writer", "--steps", "4"));
    const { stdout, status } = apollo(["generate", "writer", "--prompt", "Line", "--tokens", "12"]);
    expect(status).to.equal(0);
    expect(stdout.startsWith("Line")).to.equal(true);
    expect(stdout.length).to.be.above(6);
    expect(apollo(["generate", "writer", "--prompt", "Line", "--tokens", "12"]).stdout).to.equal(stdout);
    expect(apollo(["generate", "writer", "--depth", "1"]).status).to.equal(0);
    const exported = apollo(["export", "writer", "--out", "exported"]);
    expect([exported.status, exported.stderr]).to.deep.equal([0, ""]);
    expect(exported.stdout).to.match(/^exported: GPT2LMHeadModel, 3 layers, [\d,]+ parameters, \d+ updates\n$/);
    expect(readdirSync(join(folder, "exported"))).to.include.members([
      "config.json",
      "model.safetensors",
      "tokenizer.json",
    ]);
    refuses(apollo(["generate", "writer", "--depth", "4"]), /depth must be a whole number from 1 to 3, not 4/);
    refuses(apollo(["generate", "writer", "--temperature", "-1"]), /temperature must be ≥ 0, not -1/);
    const stop = stdout.slice(6, 9);
    const ended = `${stdout.slice(0, stdout.indexOf(stop, 4))}\n`;
    const rest = ["writer", "--prompt", "Line", "--tokens", "12"];
    expect(apollo(["generate", ...rest, "--stop", "§", "--stop", stop]).stdout).to.equal(ended);
    expect(apollo(["generate", "--stop", stop, ...rest, "--stop", "§"]).stdout).to.equal(ended);
    refuses(apollo(["generate", "writer", "--stop", ""]), /a text that ends the output must not be empty/);
  });

  it("fills the masks of a text, one table for each", () => {
    apollo(train("reader", "--steps", "4", "--model", "bert"));
    const { stdout, status } = apollo(["fill-mask", "reader", "--text", "Line [MASK]: the [MASK] layer", "--top", "3"]);
    expect(status).to.equal(0);
    expect(stdout.match(/\[MASK\] \d/g)).to.deep.equal(["[MASK] 1", "[MASK] 2"]);
    expect(stdout.match(/\d+\.\d %/g)).to.have.length(6);
    refuses(apollo(["fill-mask", "reader", "--text", "Line"]), /there is no \[MASK\] in "Line"/);
  });

  it("fine-tunes on a task of the user's own, and measures it again", () => {
    mkdirSync(join(folder, "own"));
    const lines = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        JSON.stringify({ text: `Line ${index}: the layer`, label: index % 2 === 0 ? "even" : "odd" }),
      ).join("\n");
    writeFileSync(join(folder, "own", "train.jsonl"), lines(16));
    writeFileSync(join(folder, "own", "dev.jsonl"), lines(8));
    apollo(train("encoder", "--steps", "4", "--model", "bert"));
    const tuned = apollo(["finetune", "encoder", "--task", "own", "--epochs", "2", "--seeds", "2", "--out", "tuned"]);
    expect(tuned.status, tuned.stderr).to.equal(0);
    expect(tuned.stderr.match(/seed [01], epoch [12]: training loss/g)).to.have.length(4);
    const record = JSON.parse(readFileSync(join(folder, "tuned", "finetune.json"), "utf8"));
    const best = Math.max(...record.seeds.map((seed: SeedRecord) => seed.best.scores[0].accuracy));
    const measured = apollo(["evaluate", "tuned", "--predictions", "predictions.tsv"]);
    expect(measured.stdout).to.include(`own, dev: accuracy ${(100 * best).toFixed(1)} % (8 examples)`);
    const predictions = readFileSync(join(folder, "predictions.tsv"), "utf8").trim().split("\n");
    expect(predictions).to.have.length(9);
    expect(predictions[1]).to.match(/^dev\tdev-1\t(even|odd)$/);
    // The task is found again from anywhere, and by its path even where an embedded one has its name.
    const elsewhere = spawnSync(process.execPath, [main, "evaluate", join(folder, "tuned")], {
      ...{ cwd: tmpdir(), encoding: "utf8", env: environment },
    });
    expect(elsewhere.stdout).to.equal(measured.stdout.replace(/predictions: .*\n/, ""));
    // What was fine-tuned can be fine-tuned further, and no folder of another kind is written over.
    refuses(apollo(["export", "encoder", "--out", "tuned"]), /tuned holds a model; choose another folder/);
    refuses(apollo(["finetune", "tuned", "--task", "own", "--out", "encoder"]), /encoder holds a run; choose another/);
    refuses(apollo(train("tuned", "--steps", "4")), /tuned holds a model; choose another folder/);
    refuses(apollo(["evaluate", "nowhere"]), /there is no folder nowhere/);
    expect(
      apollo(["finetune", "tuned", "--task", "own", "--epochs", "1", "--probe", "--out", "further"]).status,
    ).to.equal(0);

    refuses(
      apollo(["finetune", "encoder", "--task", "own", "--out", "tuned"]),
      /tuned holds a model; choose another folder/,
    );
    refuses(
      apollo(["finetune", "encoder", "--task", "nothing"]),
      /there is no task "nothing": give sentiment, .*train\.jsonl/,
    );
    refuses(
      apollo(["finetune", "encoder", "--task", "mrpc"]),
      /the task mrpc needs the folder of its files: .*gluebenchmark\.com/,
    );
    refuses(
      apollo(["finetune", "encoder", "--task", "own", "--dropout", "1", "--out", "new"]),
      /^apollo: fine-tuning: the dropout must be in \[0, 1\), not 1$/m,
    );
    refuses(apollo(["finetune", "nowhere", "--task", "own", "--out", "new"]), /there is no folder nowhere/);
    refuses(apollo(["evaluate", "tuned", "--predictions", "own"]), /cannot write own: it is a folder/);
    refuses(apollo(["evaluate", "encoder", "--task", "own"]), /encoder holds no fine-tuned model/);
    refuses(
      apollo(["evaluate", "tuned", "--task", "sentiment"]),
      /has the labels even, odd; the task sentiment has negative, positive/,
    );
    expect(existsSync(join(folder, "new"))).to.equal(false);
  });

  it("ends cleanly at Ctrl-C, and --resume goes on to bitwise the same weights", async () => {
    const whole = apollo(train("uncut", "--steps", "400"));
    expect(whole.status, whole.stderr).to.equal(0);
    const child = spawn(process.execPath, [main, ...train("cut", "--steps", "400")], {
      cwd: folder,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (text) => (output += text));
    // The first tenth is done and reported: the rest is still to come.
    child.stderr.once("data", function listen(text: Buffer) {
      if (text.toString().includes("step 40 of 400")) child.kill("SIGINT");
      else child.stderr.once("data", listen);
    });
    const status = await new Promise((resolve) => child.on("exit", resolve));
    expect(output).to.match(/^interrupted: cut \(stopped after \d+ of 400 steps; continue with --resume\)/);
    expect(status).to.equal(130);
    expect(existsSync(join(folder, "cut", "weights.safetensors"))).to.equal(false);

    refuses(apollo(train("cut", "--steps", "400")), /cut holds an unfinished run; continue it with --resume/);
    const resumed = apollo(train("cut", "--steps", "400", "--resume"));
    expect(resumed.status, resumed.stderr).to.equal(0);
    expect(weights("cut")).to.deep.equal(weights("uncut"));
    const losses = (run: string) =>
      readFileSync(join(folder, run, "steps.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).loss);
    expect(losses("cut")).to.deep.equal(losses("uncut"));
  });

  it("continues a trained model, whose sizes and tokenizer hold", () => {
    const scratch = [
      "train",
      "--recipe",
      "scratch",
      "--corpus",
      corpus,
      ...SMALL.filter((_, index) => index < 2 || index > 5),
    ];
    const first = apollo([...scratch, "--steps", "6", "--out", "first"]);
    expect(first.status, first.stderr).to.equal(0);
    const from = ["train", "--from", "first", "--corpus", corpus, "--steps", "4", "--batch", "2", "--evaluations", "1"];
    const { status, stdout, stderr } = apollo(from);
    expect(status, stderr).to.equal(0);
    expect(stdout).to.equal(`finished: ${join("runs", "continued")}\n`);
    const read = (...path: string[]) => JSON.parse(readFileSync(join(folder, ...path), "utf8"));
    const experiment = read("runs", "continued", "experiment.json");
    expect(experiment).to.deep.include({ name: "continued", from: "first", recipe: { kind: "scratch" } });
    expect(experiment.model).to.deep.equal(read("first", "experiment.json").model);
    expect(experiment.training.learningRate.peak).to.equal(0.0384 / 16);
    expect(read("runs", "continued", "tokenizer.json")).to.deep.equal(read("first", "tokenizer.json"));
    const shorter = apollo([
      ...from,
      "--context",
      "8",
      "--recipe",
      "raptr",
      "--learning-rate",
      "1e-3",
      "--out",
      "short",
    ]);
    expect(shorter.status, shorter.stderr).to.equal(0);
    expect(read("short", "run.json")).to.deep.include({ recipe: "raptr", status: "finished" });
    expect(read("short", "experiment.json").training.learningRate.peak).to.equal(1e-3);

    for (const option of ["--model gpt", "--hidden 16", "--norm pre"]) {
      const [name] = option.split(" ");
      const message = new RegExp(`^apollo: ${name} cannot stand beside --from: the model is that of first$`, "m");
      refuses(apollo([...from, ...option.split(" "), "--out", "no"]), message);
    }
    refuses(
      apollo([...from, "--context", "17", "--out", "no"]),
      /first: the model's context is 16, the experiment's 17/,
    );
    refuses(
      apollo([...from, "--recipe", "apollo-lvps", "--stages", "1,3", "--boundaries", ".5", "--out", "no"]),
      /apollo-lvps cannot begin from first: it begins with fewer layers \(1\) than there are weights for \(3\)/,
    );
    refuses(apollo(["train", "--from", "nowhere"]), /there is no folder nowhere/);
  });

  it("ends quietly when nobody reads on", async () => {
    apollo(train("endless", "--steps", "4"));
    const child = spawn(process.execPath, [main, "generate", "endless", "--tokens", "100000"], {
      ...{ cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] },
    });
    let errors = "";
    child.stderr!.on("data", (text) => (errors += text));
    child.stdout!.once("data", () => child.stdout!.destroy());
    const status = await new Promise((resolve) => child.on("exit", resolve));
    expect(errors).to.equal("");
    expect(status).to.equal(141);
  });

  it("ends at once at Ctrl-C while it prepares, and leaves no folder", async () => {
    // The whole Brown corpus, not tokenised before.
    const child = spawn(process.execPath, [main, "train", "--out", "unprepared"], {
      cwd: folder,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stderr.on("data", (text: Buffer) => {
      if (text.toString().includes("training the tokenizer")) child.kill("SIGINT");
    });
    const signal = await new Promise((resolve) => child.on("exit", (_, by) => resolve(by)));
    expect(signal).to.equal("SIGINT");
    expect(existsSync(join(folder, "unprepared"))).to.equal(false);
  });

  it("compares recipes, keeps what is finished, and writes a page that needs nothing else", () => {
    const compare = ["compare", "--corpus", corpus, "--out", "compared", ...SMALL, "--steps", "12"];
    const { stdout, status, stderr } = apollo(compare);
    expect(status, stderr).to.equal(0);
    expect(stdout).to.match(/scratch .*target/);
    expect(stdout).to.match(/apollo-lvps .*(not reached|%)/);
    const page = readFileSync(join(folder, "compared", "report.html"), "utf8");
    expect(page.replaceAll(/xmlns(:xlink)?="[^"]*"/g, "")).not.to.match(/https?:|src=|@import|<link|<script/);
    const { runs } = JSON.parse(readFileSync(join(folder, "compared", "comparison.json"), "utf8"));
    expect(runs.map(({ name, status }: { name: string; status: string }) => `${name} ${status}`)).to.deep.equal([
      "scratch finished",
      "apollo-lvps finished",
      "apollo-fs finished",
    ]);

    const before = weights(join("compared", "scratch"));
    expect(apollo(compare).status).to.equal(0);
    expect(weights(join("compared", "scratch"))).to.deep.equal(before);
    expect(apollo(["report", "compared"]).stdout).to.include("apollo-fs");

    // A run that cannot go on is told as failed, and the others stay.
    const header = join(folder, "compared", "apollo-fs", "run.json");
    writeFileSync(header, readFileSync(header, "utf8").replace('"finished"', '"interrupted"'));
    writeFileSync(join(folder, "compared", "apollo-fs", "checkpoint.safetensors"), "cut off");
    const broken = apollo(compare);
    expect(broken.status).to.equal(1);
    expect(broken.stdout).to.match(/^apollo-fs failed: .*checkpoint\.safetensors: /m);
    refuses(apollo([...compare, "--seed", "1"]), /compared.scratch holds another experiment \("scratch", seed 0\)/);
  });

  it("compares BERT runs too", () => {
    const { stdout, status } = apollo([
      ...["compare", "--model", "bert", "--corpus", corpus, "--out", "masked", ...SMALL, "--steps", "6"],
      ...["--recipes", "scratch,apollo-us"],
    ]);
    expect(status).to.equal(0);
    expect(stdout).to.match(/apollo-us: finished/);
  });

  it("goes on with the others when a run fails, and says which failed and why", () => {
    const { stdout, stderr, status } = apollo([
      ...["compare", "--corpus", corpus, "--out", "diverged", ...SMALL, "--steps", "30"],
      ...["--recipes", "scratch,apollo-none", "--learning-rate", "1e12"],
    ]);
    expect(status).to.equal(1);
    expect(stderr).to.match(/scratch: failed: training stopped at step \d+: loss NaN/);
    expect(stdout).to.match(/apollo-none: failed/);
    expect(readFileSync(join(folder, "diverged", "report.html"), "utf8")).to.include("training stopped at step");
  });

  it("says which kernels serve", () => {
    const { stdout } = apollo(["bench", "--machine"], { APOLLO_KERNELS: "blocked", APOLLO_THREADS: "2" });
    expect(stdout).to.match(/kernels +blocked, variant null, 2 threads/);
    expect(stdout).to.match(/^blocked +matmul$/m);
  });

  it("says what the probe of the SIMD variants found", () => {
    const { stdout } = apollo(["bench", "--machine"], { APOLLO_KERNELS: "", APOLLO_SIMD: "" });
    expect(stdout).to.match(/^probe +\w+: .*: (chosen|passed over) \(\d+ ms\)$/m);
    expect(apollo(["bench", "--machine"], { APOLLO_SIMD: "plain" }).stdout).not.to.match(/^probe/m);
  });

  it("profiles the kernels of a step: every share of it, and what is left for JavaScript", () => {
    const size = ["--hidden", "8", "--layers", "1", "--heads", "2", "--context", "4", "--batch", "2"];
    const { stdout, status } = apollo(["bench", "--profile", ...size, "--vocabulary", "16", "--steps", "4"]);
    expect(status).to.equal(0);
    const shares = [...stdout.matchAll(/^│ (.+?) +│.*? ([\d.]+) %/gm)].map(([, name, share]) => ({
      name,
      share: +share,
    }));
    const named = (wanted: string) => shares.find(({ name }) => name === wanted)!.share;
    expect(named("matmul NN 8×8×24")).to.be.greaterThan(0);
    expect(named("all kernels") + named("JavaScript")).to.be.closeTo(100, 0.11);
    expect(named("step")).to.equal(100);
    const ofKernels = shares.slice(0, -3).reduce((total, { share }) => total + share, 0);
    expect(ofKernels).to.be.closeTo(named("all kernels"), 0.05 * shares.length);
  });

  describe("refuses in one sentence, with exit code 1 and nothing written:", () => {
    const cases: [name: string, args: string[], complaint: RegExp][] = [
      ["a command that does not exist", ["trian"], /unknown command 'trian'/],
      ["an option that does not exist", ["train", "--stpes", "3"], /unknown option '--stpes'/],
      ["a number that is none", ["train", "--steps", "many"], /--steps <T>' argument 'many' is invalid/],
      ["half a step", ["train", "--steps", "1.5"], /--steps <T>' argument '1\.5' is invalid\. "1\.5" is not a/],
      ["a number in another notation", ["train", "--seed", "0x1"], /"0x1" is not a whole number/],
      ["a number with a space", ["train", "--learning-rate", " 1"], /" 1" is not a number/],
      ["no number", ["train", "--dropout", ""], /"" is not a number/],
      ["a stage in another notation", ["train", "--stages", "1,3e0"], /"3e0" is not a whole number/],
      ["an argument too many", ["bench", "5"], /^error: unknown argument '5'$/m],
      ["a second folder", ["report", "nothing", "more"], /^error: unknown argument 'more'$/m],
      [
        "a benchmark without end",
        ["bench", "--steps", "1000000000000"],
        /"1000000000000" is not a whole number from 1 to 100000/,
      ],
      ["a corpus that does not exist", ["train", "--corpus", "nowhere.txt"], /there is no corpus "nowhere\.txt"/],
      [
        "a comparison on a corpus that does not exist",
        ["compare", "--corpus", "nowhere.txt"],
        /no corpus "nowhere\.txt"/,
      ],
      ["an empty corpus", ["train", "--corpus", "empty.txt"], /empty\.txt is empty/],
      ["bytes that are no text", ["train", "--corpus", "bytes.txt"], /bytes\.txt is not UTF-8 text/],
      ["a line without text", ["train", "--corpus", "untold.jsonl"], /untold\.jsonl, line 2: .*"text".*\{"txt": ?1\}/],
      ["a single short document", ["train", "--corpus", "short.txt"], /too small to train on/],
      ["a vocabulary below the bytes", ["train", "--vocabulary", "200"], /vocabulary of 200 is too small/],
      [
        "stages that do not end at L",
        ["train", "--stages", "1,3,6", "--boundaries", ".1,.2"],
        /end at .* 12.*1 \| 3 \| 6/,
      ],
      ["stages that do not increase", ["train", "--stages", "1,6,3,12"], /stages must increase.*1 \| 6 \| 3 \| 12/],
      ["equal boundaries", ["train", "--boundaries", ".1,.1,.2"], /boundaries 0\.1, 0\.1, 0\.2/],
      ["boundaries out of order", ["train", "--boundaries", ".3,.1,.2"], /boundaries 0\.3, 0\.1, 0\.2/],
      ["a boundary outside the run", ["train", "--boundaries", ".1,.2,1.5"], /boundaries\.2 is 1\.5: must lie between/],
      ["heads that do not divide", ["train", "--heads", "5"], /5 heads do not divide hidden size 64/],
      [
        "a model over 4 GiB",
        ["train", "--model", "gpt-base", "--batch", "64"],
        /needs about 3\d\.\d\d GiB.*engine has 4\.00/,
      ],
      ["a preset that does not exist", ["plan", "--model", "gpt-huge"], /no model preset "gpt-huge"/],
      ["an unknown recipe", ["compare", "--recipes", "scratch,stack"], /there is no recipe "stack"/],
      [
        "a recipe by a name that all objects have",
        ["compare", "--recipes", "constructor,scratch"],
        /there is no recipe "constructor"/,
      ],
      ["a preset by such a name", ["plan", "--model", "constructor"], /no model preset "constructor"/],
      ["a suite by such a name", ["compare", "--suite", "toString"], /there is no suite "toString"/],
      [
        "a report of a suite by such a name",
        ["compare", "--suite", "constructor", "--report-only"],
        /there is no suite "constructor"/,
      ],
      ["one recipe twice", ["compare", "--recipes", "scratch,scratch"], /two experiments are called "scratch"/],
      ["a depth k below −N", ["train", "--k", "-1"], /k of lvps must be above -N/],
      ["a folder that is no run", ["generate", "."], /\. holds neither a run \(experiment\.json\) nor a model/],
      ["an export of nothing", ["export", ".", "--out", "another"], /is not a run/],
      ["an export to nowhere", ["export", "."], /required option '--out <folder>' not specified/],
      ["a folder without runs", ["report", "nothing"], /there is no folder nothing/],
      [
        "an experiment that is no JSON",
        ["train", "--experiment", "short.txt"],
        /short\.txt is not JSON; it ends with "Hello\."/,
      ],
      [
        "options that an experiment file has already",
        ["train", "--experiment", "short.txt", "--steps", "7", "--learning-rate", "-5"],
        /--steps cannot stand beside --experiment: short\.txt holds the whole experiment/,
      ],
      [
        "an option that means nothing to the recipe",
        ["train", "--recipe", "apollo-us", "--k", "5"],
        /--k 5 means nothing to the recipe apollo-us/,
      ],
      [
        "an option that means nothing to any recipe of a comparison",
        ["compare", "--recipes", "scratch,apollo-fs", "--lvps", "round"],
        /--lvps round means nothing to any of the recipes scratch, apollo-fs/,
      ],
      [
        "more layers than can be counted",
        ["plan", "--recipe", "scratch", "--layers", "1000000000"],
        /model\.layers is 1000000000/,
      ],
      [
        "a benchmark of too many layers",
        ["bench", "--layers", "1000000000"],
        /does not fit: training needs about 10058879\.\d/,
      ],
      [
        "a benchmark of too long a context",
        ["bench", "--context", "100000000"],
        /does not fit: training needs about 783\d\d\./,
      ],
      [
        "a benchmark of too many tokens",
        ["bench", "--batch", "1000000"],
        /does not fit: training needs about 31\d\d\./,
      ],
      ["a benchmark of too many words", ["bench", "--vocabulary", "99999999999"], /does not fit: training needs about/],
      ["an unknown suite", ["compare", "--suite", "all"], /there is no suite "all"; there are paper-gpt, /],
      [
        "options beside a suite",
        ["compare", "--suite", "quick", "--steps", "9"],
        /--steps cannot stand beside --suite quick/,
      ],
      ["a suite's option alone", ["compare", "--solo"], /--solo means nothing without --suite/],
      [
        "processes of a solo suite",
        ["compare", "--suite", "quick", "--solo", "--processes", "3"],
        /--processes 3 cannot stand beside --solo/,
      ],
      [
        "a report that is to run",
        ["compare", "--suite", "quick", "--report-only", "--solo"],
        /--solo means nothing beside --report-only/,
      ],
      [
        "records that are not there",
        ["compare", "--suite", "quick", "--report-only", "--records", "nowhere"],
        /the folder nowhere does not exist/,
      ],
      [
        "records that are a file",
        ["compare", "--suite", "quick", "--records", "corpus.jsonl"],
        /corpus\.jsonl is a file; records need a folder/,
      ],
      [
        "a recipe without its small model",
        ["train", "--recipe", "ligo"],
        /needs either the folder of a run, or hidden and/,
      ],
      ["an analysis of no run", ["analyse", "expansion", "nowhere"], /nowhere is not a folder/],
      ["a map where both are compared", ["analyse", "growth", "--map", "stack"], /unknown option .--map./],
      ["sizes beside --machine", ["bench", "--machine", "--layers", "3"], /--layers means nothing to --machine/],
      ["a profile beside --machine", ["bench", "--profile", "--machine"], /--profile means nothing to --machine/],
      ["fewer tokens than none", ["generate", ".", "--tokens", "-3"], /option '--tokens <n>' argument '-3' is invalid/],
      ["a choice among no tokens", ["generate", ".", "--top-k", "0"], /option '--top-k <k>' argument '0' is invalid/],
      ["a choice among one token", ["generate", ".", "--temperature", "0", "--top-k", "3"], /--top-k means nothing at/],
      ["a benchmark of no model", ["bench", "--heads", "3"], /3 heads do not divide hidden size 128/],
      ["a run whose JSON was cut off", ["report", "torn"], /torn.run\.json is not JSON: \{ "schema": 1, "na$/],
    ];
    before(() => {
      mkdirSync(join(folder, "torn"));
      writeFileSync(join(folder, "torn", "run.json"), '{\n  "schema": 1,\n  "na');
      writeFileSync(join(folder, "empty.txt"), "\n\n");
      writeFileSync(join(folder, "bytes.txt"), Buffer.from([0xff, 0xfe, 0x80, 0x81]));
      writeFileSync(join(folder, "untold.jsonl"), '{"text": "a"}\n{"txt": 1}\n');
      writeFileSync(join(folder, "short.txt"), "Hello.");
    });
    for (const [name, args, complaint] of cases) {
      it(name, () => {
        const needsOut = args[0] === "train" || args[0] === "compare";
        const result = apollo(needsOut ? [...args, "--out", "refused"] : args);
        refuses(result, complaint);
        expect(result.stdout, "something was told before").to.equal("");
        expect(existsSync(join(folder, "refused")), "a folder was begun").to.equal(false);
      });
    }

    it("settings of the environment that do not exist", () => {
      const { status, stderr } = apollo(["bench", "--machine"], { APOLLO_KERNELS: "gpu" });
      expect(status).to.equal(1);
      expect(stderr).to.equal('apollo: kernels (APOLLO_KERNELS) must be one of reference, blocked, simd, not "gpu"\n');
    });
  });

  function weights(run: string): Buffer {
    return readFileSync(join(folder, run, "weights.safetensors"));
  }

  /** One line of complaint, after whatever was told on the way. */
  function refuses({ status, stderr }: SpawnSyncReturns<string>, complaint: RegExp): void {
    expect(status).to.equal(1);
    const complaints = stderr
      .trim()
      .split("\n")
      .filter(
        (line) =>
          !/^(reading the corpus|training the tokenizer|encoding|\(add --help.*|\(Did you mean.*)$/.test(line) &&
          line !== "",
      );
    expect(complaints, stderr).to.have.length(1);
    expect(complaints[0]).to.match(complaint);
    expect(stderr).not.to.match(/^ +at /m);
  }
});

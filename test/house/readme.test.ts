import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { Command } from "commander";
import { addExperimentOptions, type ExperimentFlags, experimentsFrom } from "../../src/cli/experiment-options.ts";
import { createProgram } from "../../src/cli/program.ts";
import { fineTunedOn } from "../../src/finetune/fine-tune-into.ts";
import { parseExperiment } from "../../src/lab/experiment.ts";
import { Gpt } from "../../src/nn/index.ts";
import { savePretrained } from "../../src/pretrained/index.ts";
import { gptTokenizer } from "../finetune/small-task.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");
const manifest = JSON.parse(read("package.json"));

/** What an example prints, in a folder of its own where it reads and writes files. */
function output(example: string, cwd?: string): string {
  const path = fileURLToPath(new URL(example, root));
  const { stdout, stderr, status } = spawnSync(process.execPath, [path], { encoding: "utf8", cwd });
  expect(status, stderr).to.equal(0);
  return stdout;
}

describe("the README", () => {
  it("shows the twelve-line program as it is in examples, where it learns", () => {
    const program = read("examples/twelve-lines.ts");
    expect(program.split("\n").filter((line) => line !== "").length).to.be.at.most(12);
    expect(readme).to.include(program.replace("../src/index.ts", "apollo-ts").trimEnd());
    const losses = [...output("examples/twelve-lines.ts").matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(losses).to.have.length(10);
    expect(losses[9]).to.be.below(losses[0] / 2);
  });

  it("shows the added operation as it is in examples, where it passes its check", () => {
    const program = read("examples/add-an-operation.ts");
    const record = program.slice(program.indexOf("const cubeOp"), program.indexOf("\nconst random")).trimEnd();
    expect(readme).to.include(record);
    expect(output("examples/add-an-operation.ts")).to.include("agree with finite differences");
  });

  it("names only files, folders and scripts that exist", () => {
    const paths = [...readme.matchAll(/`((?:src|bench|test|examples|scripts|docs)\/[\w./-]+)`/g)].map(
      ([, path]) => path,
    );
    expect(paths.length).to.be.above(5);
    for (const path of paths) expect(existsSync(new URL(path, root)), path).to.equal(true);
    for (const [, path] of readme.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
      expect(existsSync(new URL(path, root)), path).to.equal(true);
    }
    for (const [, script] of readme.matchAll(/npm run ([\w:]+)/g)) expect(manifest.scripts).to.have.property(script);
  });

  it("shows an experiment file that describes an experiment", () => {
    const [, file] = /`experiment\.json`.*?```json\n(.*?)```/s.exec(readme)!;
    const { name, recipe, training, model } = parseExperiment(JSON.parse(file));
    expect(readme).to.include(`runs/compare-gpt/${name}`);
    expect(recipe).to.deep.equal({ kind: "layer-drop", limit: 0.3, decay: 100 });
    // Beside the runs of `npm start`, which it is to be compared with.
    const [started] = experimentsFrom(
      addExperimentOptions(new Command()).parse([], { from: "user" }).opts<ExperimentFlags>(),
      ["scratch"],
    );
    expect(model).to.deep.equal(JSON.parse(JSON.stringify(started.model)));
    expect(training).to.deep.equal({ ...started.training, weightDecay: 0.1 });
  });

  it("has a guide to models whose program is in examples, where it learns a task", () => {
    const program = read("examples/fine-tune.ts");
    const shown = program
      .replace("../src/finetune/index.ts", "apollo-ts/finetune")
      .replace("../src/lab/index.ts", "apollo-ts/lab");
    expect(read("docs/models.md")).to.include(shown.trimEnd());
    withTemporaryFolder((folder) => {
      const size = { layers: 1, hidden: 16, heads: 2, context: 16, vocabulary: gptTokenizer.vocabularySize };
      savePretrained(join(folder, "models", "gpt"), { model: new Gpt(size), tokenizer: gptTokenizer });
      expect(output("examples/fine-tune.ts", folder)).to.match(/^development { accuracy: 0\.\d+ }\n$/);
      expect(fineTunedOn(join(folder, "models", "praise"))).to.deep.equal({ task: "sentiment" });
    });
  });

  it("lists every command of the command line", () => {
    const commands = createProgram().commands.map((command) => command.name());
    expect(commands.length).to.be.above(3);
    for (const command of commands) expect(readme).to.include(`| \`apollo ${command}\` |`);
  });
});

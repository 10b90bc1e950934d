import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { createProgram } from "../../src/cli/program.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");
const manifest = JSON.parse(read("package.json"));

/** What an example prints. */
function output(example: string): string {
  const path = fileURLToPath(new URL(example, root));
  const { stdout, stderr, status } = spawnSync(process.execPath, [path], { encoding: "utf8" });
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

  it("lists every command of the command line", () => {
    const commands = createProgram().commands.map((command) => command.name());
    expect(commands.length).to.be.above(3);
    for (const command of commands) expect(readme).to.include(`| \`apollo ${command}\` |`);
  });
});

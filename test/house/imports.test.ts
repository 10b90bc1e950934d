import { expect } from "chai";
import { brokenRules, importsOf, PACKAGES, ROOMS, readSources } from "./imports.ts";

const sources = readSources(new URL("../../src/", import.meta.url));

describe("the rules of the house", () => {
  it("hold for every import", () => {
    expect(brokenRules(sources)).to.deep.equal([]);
  });

  it("are about what is there: every room and package of the tables, and every file's imports", () => {
    const rooms = new Set([...sources.keys()].map((path) => path.split("/")[0]));
    expect([...rooms].sort()).to.deep.equal(Object.keys(ROOMS).sort());
    const used = [...sources].flatMap(([path, text]) => importsOf(path, text));
    const packages = new Set(used.filter(({ isPackage }) => isPackage).map(({ target }) => target));
    for (const name of Object.keys(PACKAGES)) {
      expect(
        [...packages].some((target) => target === name || target.startsWith(`${name}/`)),
        name,
      ).to.equal(true);
    }
    // Every statement of the plain form is read.
    for (const [path, text] of sources) {
      const plain = text.match(/^(?:import|export|\}) .*from "[^"]+";$/gm) ?? [];
      expect(importsOf(path, text).length, path).to.be.at.least(plain.length);
    }
  });
});

describe("reading imports", () => {
  const targets = (text: string) =>
    importsOf("nn/here.ts", text).map(({ target, isTypeOnly }) => (isTypeOnly ? `type ${target}` : target));

  it("finds every form", () => {
    expect(targets('import { a } from "./a.ts";')).to.deep.equal(["nn/a.ts"]);
    expect(targets('import a, { type B } from "../io/a.ts";')).to.deep.equal(["io/a.ts"]);
    expect(targets('import * as a from "./a.ts";\nimport "./b.ts";')).to.deep.equal(["nn/a.ts", "nn/b.ts"]);
    expect(targets('import {\n  a,\n  // a comment from "./no.ts"\n  type B,\n} from "./a.ts";')).to.deep.equal([
      "nn/a.ts",
    ]);
    expect(targets('export { a } from "./a.ts";\nexport * from "./b.ts";')).to.deep.equal(["nn/a.ts", "nn/b.ts"]);
    expect(targets('import type { A } from "./a.ts";')).to.deep.equal(["type nn/a.ts"]);
    expect(targets('export type { A } from "./a.ts";')).to.deep.equal(["type nn/a.ts"]);
    expect(targets('import { type A, type B } from "./a.ts";')).to.deep.equal(["type nn/a.ts"]);
    expect(targets('const a = await import("./a.ts");')).to.deep.equal(["nn/a.ts"]);
    expect(targets('let a: typeof import("./a.ts");')).to.deep.equal(["type nn/a.ts"]);
    expect(targets('new Worker(new URL("./a.ts", import.meta.url))')).to.deep.equal(["nn/a.ts"]);
    expect(targets('import { z } from "zod";\nimport b from "@scope/b/c";')).to.deep.equal(["zod", "@scope/b/c"]);
  });

  it("passes over comments, strings and exports of its own", () => {
    expect(targets('// import { a } from "./a.ts";\n/*\nimport "./b.ts";\n*/')).to.deep.equal([]);
    expect(targets('export const a = "import { x } from";\nexport function from() {}')).to.deep.equal([]);
    expect(targets('const url = "https://a.b"; // import("./a.ts")')).to.deep.equal([]);
  });

  it("refuses an import whose module is computed", () => {
    expect(() => targets("await import(name);")).to.throw(
      "nn/here.ts: import(name) names its module only when it runs",
    );
  });
});

describe("a forbidden import is found:", () => {
  /** What is said when lines are added to a file, or a file is added. */
  const brokenBy = (path: string, text: string) =>
    brokenRules(new Map([...sources, [path, `${text}\n${sources.get(path) ?? ""}`]]));

  const cases: [what: string, path: string, text: string, message: string][] = [
    [
      "an arrow to the right",
      "tensor/shape.ts",
      'import type { Op } from "../autograd/op.ts";',
      "tensor/shape.ts: tensor may not import from autograd (autograd/op.ts)",
    ],
    [
      "over several rooms, dynamically",
      "nn/gpt.ts",
      'await import("../lab/run.ts");',
      "nn/gpt.ts: nn may not import from lab (lab/run.ts)",
    ],
    [
      "a room beside",
      "report/theme.ts",
      'export * from "../tensor/shape.ts";',
      "report/theme.ts: report may not import from tensor (tensor/shape.ts)",
    ],
    [
      "data in apollo",
      "apollo/method.ts",
      'import "../data/batches.ts";',
      "apollo/method.ts: apollo may not import from data (data/batches.ts)",
    ],
    [
      "more than types",
      "io/checkpoint.ts",
      'import { AdamW } from "../optim/adamw.ts";',
      "io/checkpoint.ts: io may not import more than types from optim (optim/adamw.ts)",
    ],
    [
      "a circle, even of types",
      "tensor/shape.ts",
      'import type { Tensor } from "./tensor.ts";',
      "a circle of imports: tensor/shape.ts → tensor/tensor.ts → tensor/format.ts → tensor/shape.ts",
    ],
    [
      "a Node module",
      "nn/gpt.ts",
      'import { readFileSync } from "node:fs";',
      "nn/gpt.ts: may not use Node's modules or globals",
    ],
    [
      "a Node global",
      "optim/sgd.ts",
      "const x = process.env.X;",
      "optim/sgd.ts: may not use Node's modules or globals",
    ],
    ["another", "io/safetensors.ts", "Buffer.from([])", "io/safetensors.ts: may not use Node's modules or globals"],
    ["one in a template", "optim/sgd.ts", `\`\${process.pid}\``, "optim/sgd.ts: may not use Node's modules or globals"],
    [
      "a test",
      "nn/gpt.ts",
      'import "../../test/nn/tiny-models.ts";',
      "nn/gpt.ts: imports ../test/nn/tiny-models.ts, which lies outside of src",
    ],
    ["a package", "nn/gpt.ts", 'import { z } from "zod";', "nn/gpt.ts: nn may not use the package zod"],
    ["an unknown package", "cli/main.ts", 'import "left-pad";', "cli/main.ts: cli may not use the package left-pad"],
    ["nothing", "nn/gpt.ts", 'import "./nowhere.ts";', "nn/gpt.ts: imports nn/nowhere.ts, which does not exist"],
    ["a new room", "utils/a.ts", "export {};", "utils/a.ts: there is no room called utils in the table"],
  ];
  for (const [what, path, text, message] of cases) {
    it(what, () => expect(brokenBy(path, text)).to.include(message));
  }

  it("Node behind the public names", () => {
    const [broken] = brokenBy("nn/gpt.ts", 'import { writeWhole } from "../io/files.ts";').filter((sentence) =>
      sentence.startsWith("a browser cannot load index.ts: index.ts → "),
    );
    expect(broken).to.match(/ → nn\/gpt\.ts → io\/files\.ts$/);
  });
});

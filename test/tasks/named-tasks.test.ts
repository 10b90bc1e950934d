import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { EMBEDDED_NAMES, OFFICIAL_NAMES, readTask } from "../../src/tasks/named-tasks.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";
import { fixtureFolder } from "./task-folder.ts";

const NAMES = [...EMBEDDED_NAMES, ...OFFICIAL_NAMES];

describe("tasks by name", () => {
  it("read their files, the user's own examples, or nothing", () => {
    expect(readTask("sst-2", { data: fixtureFolder("glue/SST-2") }).train).to.have.length(3);
    withTemporaryFolder((folder) => {
      const lines = ["sport", "weather"].map((label) => JSON.stringify({ text: "a", label }));
      for (const side of ["train", "dev"]) writeFileSync(join(folder, `${side}.jsonl`), lines.join("\n"));
      expect(readTask(folder).train).to.have.length(2);
      expect(() => readTask(folder, { data: "files" })).to.throw(
        `the task ${folder} does not read a folder of data: files means nothing to it`,
      );
    });
    for (const name of EMBEDDED_NAMES)
      expect(() => readTask(name, { data: "files" })).to.throw(`the task ${name} does not read a folder of data`);
    for (const name of OFFICIAL_NAMES)
      expect(() => readTask(name)).to.throw(`the task ${name} needs the folder of its files: `);
  });

  it("are refused where there is none of the name, with and without a folder of data", () => {
    for (const options of [{}, { data: fixtureFolder("glue/SST-2") }]) {
      expect(() => readTask("toString", options)).to.throw(
        `there is no task "toString": give ${NAMES.join(", ")}, or a folder with train.jsonl and dev.jsonl`,
      );
      for (const name of NAMES) {
        const other = name.toUpperCase();
        expect(() => readTask(other, options)).to.throw(new RegExp(`^there is no task "${other}": give ${name}$`));
      }
    }
  });
});

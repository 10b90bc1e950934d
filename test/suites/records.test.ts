import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { recordOf, workKey } from "../../src/report/run-record.ts";
import { parseRecord } from "../../src/suites/parse-record.ts";
import { Records } from "../../src/suites/records.ts";
import { exampleRun } from "../report/example-runs.ts";

describe("the record of a run", () => {
  const log = exampleRun({ name: "lvps", stages: [1, 2] });
  const record = recordOf(log, { hash: "abc", isSolo: false, date: "2026-11-27" });

  it("survives being written and read", () => {
    expect(parseRecord(JSON.stringify(record), "a record")).to.deep.equal(record);
    const diverged = { ...record, evaluations: record.evaluations.map((one) => ({ ...one, loss: Number.NaN })) };
    expect(parseRecord(JSON.stringify(diverged), "a record").evaluations[1].loss).to.be.NaN;
    expect(() => parseRecord("{", "x.json")).to.throw("x.json is not JSON");
    const fails = (change: object, message: string) =>
      expect(() => parseRecord(JSON.stringify({ ...record, ...change }), "x.json")).to.throw(
        `x.json is not the record of a run: ${message}`,
      );
    fails({ schema: 2 }, "schema: must be 1, which is what this version reads");
    fails({ header: undefined }, "header: ");
    fails({ training: undefined }, "training: ");
    fails({ evaluations: [{ ...record.evaluations[0], work: undefined }] }, "evaluations.0.work: ");
    fails({ header: { ...record.header, seed: "zero" } }, "header.seed: ");
    expect(() => parseRecord("null", "x.json")).to.throw("x.json is not the record of a run: it: ");
  });

  it("counts every step once, by N and depth", () => {
    const counts = record.evaluations.map(({ work }) => Object.values(work).reduce((sum, count) => sum + count, 0));
    expect(counts).to.deep.equal([0, 4, 4, 4, 4, 4]);
    expect(record.evaluations[1].work).to.deep.equal({ "1/1": 2, "1/2": 2 });
    expect(record.evaluations.at(-1)!.work).to.deep.equal({ "2/2": 4 });
  });

  it("tells steps apart in which only some layers learn", () => {
    expect(workKey({ uniqueLayers: 6, depth: 6, trainedLayers: 3 })).to.equal("6/6/3");
    expect(workKey({ uniqueLayers: 6, depth: 12 })).to.equal("6/12");
  });

  it("is refused where it is damaged, naming the file", () => {
    const damaged = mkdtempSync(join(tmpdir(), "records-"));
    try {
      writeFileSync(join(damaged, "a.run.json"), "{");
      expect(() => new Records(damaged)).to.throw(`${join(damaged, "a.run.json")} is not JSON`);
    } finally {
      rmSync(damaged, { recursive: true });
    }
  });
});

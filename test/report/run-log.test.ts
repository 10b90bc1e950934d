import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { formatDuration, formatFixed, formatFlops, formatParameters, formatPercent } from "../../src/report/format.ts";
import { costByDepth } from "../../src/report/plots/index.ts";
import { appendRecord, keepRecords, readRun } from "../../src/report/run-files.ts";
import {
  formatRecord,
  missingRecords,
  parseEvaluationRecords,
  parseHeader,
  parseStepRecords,
} from "../../src/report/run-log.ts";
import { interpolate, median, trailingMedian } from "../../src/report/statistics.ts";
import { exampleRun } from "./example-runs.ts";

const example = exampleRun({ name: "apollo-lvps", stages: [1, 2] });

describe("run logs", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "apollo-log-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function writeExample(): void {
    writeFileSync(join(folder, "run.json"), JSON.stringify(example.header));
    writeFileSync(join(folder, "experiment.json"), JSON.stringify(example.experiment));
    for (const record of example.steps) appendRecord(join(folder, "steps.jsonl"), record);
    for (const record of example.evaluations) appendRecord(join(folder, "evaluations.jsonl"), record);
  }

  it("are read back as they were written", () => {
    writeExample();
    expect(readRun(folder)).to.deep.equal(example);
  });

  it("are read although the last line was cut off", () => {
    writeExample();
    const path = join(folder, "steps.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").slice(0, -10));
    expect(readRun(folder).steps).to.deep.equal(example.steps.slice(0, -1));
    keepRecords(path, ({ step }) => (step as number) < 5);
    expect(readRun(folder).steps).to.deep.equal(example.steps.slice(0, 5));
  });

  it("say what is missing where a run is marked as finished", () => {
    writeExample();
    expect(missingRecords(readRun(folder))).to.deep.equal([]);
    writeFileSync(join(folder, "steps.jsonl"), example.steps.slice(0, 7).map(formatRecord).join(""));
    writeFileSync(join(folder, "evaluations.jsonl"), example.evaluations.slice(0, -1).map(formatRecord).join(""));
    expect(missingRecords(readRun(folder))).to.deep.equal([
      "apollo-lvps is marked as finished, but its steps.jsonl holds 7 of 20 steps: its numbers are not those of the whole run.",
      "apollo-lvps is marked as finished, but its evaluations.jsonl ends after step 16 of 20: its numbers are not those of the whole run.",
    ]);
    rmSync(join(folder, "evaluations.jsonl"));
    expect(missingRecords(readRun(folder))[1]).to.include("evaluations.jsonl holds nothing");
    expect(
      missingRecords({ ...example, header: { ...example.header, status: "interrupted" }, steps: [] }),
    ).to.deep.equal([]);
  });

  it("keep a loss that diverged as NaN", () => {
    const line = formatRecord({ ...example.steps[0], loss: Number.NaN });
    expect(parseStepRecords(line)[0].loss).to.be.NaN;
  });

  it("refuse what does not fit, naming file, place and value", () => {
    const text = JSON.stringify(example.header);
    expect(() => parseHeader(text.replace('"schema":1', '"schema":2'))).to.throw("run.json: schema is 2, and only 1");
    expect(() => parseHeader(text.replace('"finished"', '"done"'))).to.throw('status is "done"');
    expect(() => parseHeader(text.replace('"hidden":8', '"hidden":"8"'))).to.throw(/model\.hidden.*"8"/);
    expect(() => parseHeader("{")).to.throw("run.json is not JSON");
    expect(() => parseHeader('{\n  "schema": 1,\n')).to.throw(/^run\.json is not JSON: \{ "schema": 1, $/);
    const elsewhere = { ...example.header, continuedOn: [{ ...example.header.runtime, threads: "two" }] };
    expect(() => parseHeader(JSON.stringify(elsewhere))).to.throw(
      'run.json: continuedOn[0].threads is "two", not a number',
    );
    const lines = example.steps.map(formatRecord);
    expect(() => parseStepRecords(`${lines[0]}nonsense\n${lines[1]}`)).to.throw("steps.jsonl, line 2 is not JSON");
    expect(() => parseStepRecords(lines[1] + lines[0])).to.throw("step 0 comes after step 1");
    expect(() => parseStepRecords(lines[0].replace('"depth"', '"deep"'))).to.throw(/record 1.*depth/);
    expect(() => parseEvaluationRecords(example.evaluations.toReversed().map(formatRecord).join(""))).to.throw(
      "step 16 comes after step 20",
    );
    expect(() => readRun(join(folder, "none"))).to.throw("none is not a folder");
    expect(() => readRun(folder)).to.throw("is not a run: it has no run.json");
  });

  it("give the median cost of every N and depth", () => {
    expect(
      costByDepth(example.steps).map(({ uniqueLayers, depth, count, elapsedMs }) => [
        uniqueLayers,
        depth,
        count,
        elapsedMs,
      ]),
    ).to.deep.equal([
      [1, 1, 5, 3],
      [1, 2, 5, 5],
      [2, 2, 10, 5],
    ]);
  });
});

describe("numbers for people", () => {
  it("have units, a true minus sign, and three digits", () => {
    expect(formatFixed(-0.001, 2)).to.equal("0.00");
    expect(formatFixed(-1.239, 2)).to.equal("−1.24");
    expect(formatFixed(0.81875, 4)).to.equal("0.8188");
    expect(formatFixed(1234.5, 0)).to.equal("1235");
    expect(formatPercent(0.4163)).to.equal("41.6\u00a0%");
    expect(formatFlops(3.02e12)).to.equal("3.02\u00a0TFLOP");
    expect(formatParameters(124439808)).to.equal("124\u00a0M");
    expect(formatDuration(83_249)).to.equal("83.2\u00a0s");
    expect(formatDuration(252_000)).to.equal("4\u00a0min 12\u00a0s");
  });

  it("median: half lies on either side", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 }), (values) => {
        const middle = median(values);
        expect(values.filter((value) => value < middle).length).to.be.at.most(values.length / 2);
        expect(values.filter((value) => value > middle).length).to.be.at.most(values.length / 2);
      }),
      { seed: 1 },
    );
    expect(median([])).to.be.NaN;
  });

  it("trailing median: of a value and the two before it", () => {
    expect(trailingMedian([5, 1, 9, 2, 2, 7])).to.deep.equal([5, 3, 5, 2, 2, 2]);
  });

  it("interpolation: along the line, held at both ends", () => {
    const points = [
      { x: 0, y: 1 },
      { x: 2, y: 5 },
      { x: 2, y: 6 },
      { x: 4, y: 8 },
    ];
    expect([-1, 0, 1, 2, 3, 9].map((x) => interpolate(points, x))).to.deep.equal([1, 1, 3, 5, 7, 8]);
    expect(interpolate([], 1)).to.be.NaN;
  });
});

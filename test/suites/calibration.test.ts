import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { RunRuntime } from "../../src/report/run-log.ts";
import { recordOf } from "../../src/report/run-record.ts";
import { calibratedElapsedMs, planOf, stepTimes } from "../../src/suites/calibration.ts";
import { runsOf } from "../../src/suites/suite.ts";
import { exampleRun } from "../report/example-runs.ts";
import { SMALL } from "./small-suite.ts";

describe("step times", () => {
  it("are of plans that train layers which they run", () => {
    expect(planOf("4/4/2").trainable).to.deep.equal([2, 3]);
    expect(planOf("4/3/1")).to.deep.include({ trainable: [2], freezesEmbeddings: true });
    expect(planOf("4/3/1").positions.map(({ weight }) => weight)).to.deep.equal([0, 1, 2]);
  });

  it("give seconds of the runs that made such steps, if all are known", () => {
    const log = exampleRun({ name: "lvps", stages: [1, 2] });
    const { evaluations } = recordOf(log, { hash: "abc", isSolo: false, date: "2026-11-27" });
    const times = { "1/1": 3, "1/2": 5, "2/2": 7 };
    const elapsed = calibratedElapsedMs(evaluations, times)!;
    expect(elapsed).to.deep.equal([0, 16, 32, 16 + 16 + 8 + 14, 54 + 28, 82 + 28]);
    expect(calibratedElapsedMs(evaluations, { "1/1": 3 })).to.equal(null);
  });

  describe("that were measured before", () => {
    const experiment = runsOf(SMALL, () => undefined)[0].grid[0];
    const { model, training } = experiment;
    const runtime = { node: "v1", kernels: "simd", threads: 1, cpu: "a CPU" };
    const other = { ...runtime, cpu: "another CPU" };
    const ms = { "1/1": 3, "12/12": 20 };
    const times = { ...runtime, model, batch: training.batch, microBatches: 1, ms };
    const notMeasured = () => expect.fail("nothing had to be measured");
    let folder: string;
    const write = (name: string, file: object | null) =>
      writeFileSync(join(folder, `step-times-${name}.json`), JSON.stringify(file));
    const known = (runtimes: RunRuntime[]) =>
      stepTimes(experiment, { kinds: ["12/12", "1/1"], runtimes }, folder, notMeasured);

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "step-times-"));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    it("serve where they are complete, whatever machine they are of, and are told apart by model and batch", () => {
      write("a", { ...times, model: { ...model, layers: 6 }, ms: { "1/1": 9, "12/12": 9 } });
      write("b", { ...times, ms: { "1/1": 8 } });
      write("c", times);
      expect(known([other])).to.deep.equal({ ms, runtime });
    });

    it("are those of the machine that made most of the runs", () => {
      write("a", times);
      write("b", { ...times, ...other });
      write("c", { ...times, cpu: "one on which no run was made" });
      expect(known([runtime, other, other]).runtime).to.deep.equal(other);
      expect(known([runtime, runtime, other]).runtime).to.deep.equal(runtime);
      expect(known([]).runtime).to.deep.equal(runtime);
    });

    it("are refused where a file holds none", () => {
      write("torn", null);
      expect(() => known([])).to.throw(/step-times-torn\.json holds no step times: it: /);
    });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
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

  it("of another machine serve where they are complete, and are told apart by model and batch", () => {
    const folder = mkdtempSync(join(tmpdir(), "step-times-"));
    try {
      const experiment = runsOf(SMALL, () => undefined)[0].grid[0];
      const { model } = experiment;
      const write = (name: string, file: object) =>
        writeFileSync(join(folder, `step-times-${name}.json`), JSON.stringify(file));
      const ms = { "1/1": 3, "12/12": 20 };
      writeFileSync(join(folder, "step-times-torn.json"), "null");
      expect(() => stepTimes(experiment, ["1/1"], folder)).to.throw(/step-times-torn\.json holds no step times: it: /);
      rmSync(join(folder, "step-times-torn.json"));
      const runtime = { node: "v1", kernels: "simd", threads: 1, cpu: "a CPU" };
      write("a", {
        ...runtime,
        model: { ...model, layers: 6 },
        batch: 4,
        microBatches: 1,
        ms: { "1/1": 9, "12/12": 9 },
      });
      write("b", { ...runtime, model, batch: 4, microBatches: 1, ms: { "1/1": 8 } });
      write("c", { ...runtime, model, batch: 4, microBatches: 1, ms });
      const unmeasured = () => expect.fail("nothing had to be measured");
      expect(stepTimes(experiment, ["12/12", "1/1"], folder, unmeasured)).to.deep.equal({
        ms,
        runtime,
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { APOLLO, PARTICIPANTS } from "../../bench/peers/participants.ts";
import { differenceInTraining, runStep } from "../../bench/peers/run-step.ts";
import { readStart, type Start, writeStart } from "../../bench/peers/start.ts";
import { Gpt } from "../../src/nn/index.ts";

const size = { hidden: 12, layers: 2, heads: 3, context: 5, batch: 2, vocabulary: 11 };
const start: Start = {
  size,
  parameters: new Gpt({ ...size, seed: 3 }).stateDict(),
  inputs: Int32Array.from({ length: 10 }, (_, index) => (7 * index) % 11),
  targets: Int32Array.from({ length: 10 }, (_, index) => (3 * index + 1) % 11),
};
const [apollo] = PARTICIPANTS.filter(({ name }) => name === APOLLO)[0].settings;

describe("the comparison with other frameworks", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "apollo-peers-"));
    writeStart(folder, start);
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it("reads the start that it wrote", () => {
    const read = readStart(folder);
    expect(read.size).to.deep.equal(size);
    expect(read.inputs).to.deep.equal(start.inputs);
    expect(read.targets).to.deep.equal(start.targets);
    expect([...read.parameters.keys()]).to.deep.equal([...start.parameters.keys()]);
    for (const [name, { shape, values }] of start.parameters) {
      expect(read.parameters.get(name)!.shape, name).to.deep.equal(shape);
      expect(read.parameters.get(name)!.values, name).to.deep.equal(values);
    }
  });

  it("measures a step in a process of its own that learns", async () => {
    const measurement = await runStep(apollo, { folder, seconds: 0.1, limitSeconds: 60 });
    expect(measurement.milliseconds.length).to.be.at.least(3);
    expect(measurement.losses[0]).to.be.closeTo(Math.log(11), 0.1);
    expect(differenceInTraining(measurement, measurement)).to.equal(null);
  });

  it("tells a process that fails", async () => {
    const failing = { label: "", command: [process.execPath, "--eval", "throw new Error('no kernel for it')"] };
    const error = await runStep(failing, { folder, seconds: 0.1, limitSeconds: 60 }).catch((error) => error);
    expect(error)
      .to.be.an("error")
      .with.property("message")
      .that.matches(/no kernel for it/);
  });

  const ending = (program: string, limitSeconds = 60) => {
    const setting = { label: "", command: [process.execPath, "--eval", program] };
    return runStep(setting, { folder, seconds: 0.1, limitSeconds }).then(JSON.stringify, ({ message }) => message);
  };

  it("tells how a process ended: killed by the system, by the limit, or by itself without a measurement", async () => {
    expect(await ending("process.kill(process.pid, 'SIGKILL')")).to.match(/without a measurement \(signal SIGKILL\)$/);
    expect(await ending("setInterval(() => {}, 1000)", 0.5)).to.equal("not even three timed steps within 0.5 s");
    expect(await ending("process.exitCode = 3")).to.match(/without a measurement \(exit code 3\)$/);
    expect(await ending("")).to.match(/without a measurement \(exit code 0\)$/);
  });

  // The peers are a package of their own, which the test suite does not install: there is this test only where they are.
  const hasPeers = PARTICIPANTS.find(({ name }) => name === "tfjs")!.missing() === null;
  if (hasPeers)
    it("names a Python without PyTorch in one sentence, and goes on with the other peers", () => {
      const python = join(folder, "python3");
      const failure = "ModuleNotFoundError: No module named 'torch'";
      writeFileSync(python, `#!/bin/sh\necho "${failure}" >&2\nexit 1\n`, { mode: 0o755 });
      const all = fileURLToPath(new URL("../../bench/all.ts", import.meta.url));
      const options = ["--sizes", "1", "--rounds", "1", "--seconds", "1", "--out", join(folder, "results.json")];
      const { stdout, stderr, status } = spawnSync(process.execPath, [all, "--peers=torch,tfjs", ...options], {
        encoding: "utf8",
        env: { ...process.env, PYTHON: python },
      });
      expect(status, stderr).to.equal(0);
      const [first] = stdout.split("\n");
      expect(first).to.equal(
        `PyTorch is not installed for ${python}: apt-get install -y python3-torch libopenblas0-pthread`,
      );
      for (const label of ["apollo-ts", "TensorFlow.js"])
        expect(stdout).to.match(new RegExp(`^${label} +\\d+\\.\\d`, "m"));
      const [{ participants }] = JSON.parse(readFileSync(join(folder, "results.json"), "utf8")).results;
      expect(participants.map(({ name }: { name: string }) => name)).to.deep.equal(["apollo", "apollo-narrow", "tfjs"]);
    }).timeout(300_000);

  it("tells another training, and one that does not learn", () => {
    const own = { description: "", losses: [2, 1.9, 1.8, 1.7], gradientNorm: 1, milliseconds: [1, 1, 1] };
    expect(differenceInTraining({ ...own, losses: [2, 1.9, 1.8, 1.6] }, own)).to.equal(
      "its loss at step 3 is 1.6, not 1.7",
    );
    expect(differenceInTraining({ ...own, gradientNorm: 0.9 }, own)).to.match(/gradient norm is 0.9, not 1/);
    const flat = { ...own, losses: [2, 2, 2, 2] };
    expect(differenceInTraining(flat, flat)).to.equal("its loss does not fall");
    expect(differenceInTraining({ ...own, losses: [Number.NaN, 1, 1, 1] }, own)).to.match(/loss at step 0 is NaN/);
  });
});

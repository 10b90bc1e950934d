import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { Gpt } from "../../src/nn/index.ts";
import type { ApolloOptions } from "../../src/recipes/apollo.ts";

const SIZE = { layers: 12, hidden: 32, heads: 2, context: 8, vocabulary: 64 };

interface Outcome {
  afterSteps: { uniqueLayers: number; depth: number; liveBytes: number }[];
  reservedBytes: number;
  peakBytes: number;
}

/** Trains in a process of its own, whose memory nothing else has used. */
function trainAfresh(options: ApolloOptions & { steps: number }): Outcome {
  const program = fileURLToPath(new URL("./memory-program.ts", import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [program, JSON.stringify({ size: SIZE, ...options })], {
    encoding: "utf8",
    maxBuffer: 1 << 24,
    env: { ...process.env, APOLLO_THREADS: "1" },
  });
  expect(stderr).to.equal("");
  return JSON.parse(stdout);
}

/** One layer's weights and both moments of them, each in blocks of 64 bytes. */
function bytesOfLayer(): number {
  const [block] = new Gpt(SIZE).blocks;
  return block.parameters().reduce((total, { size }) => total + 3 * 64 * Math.ceil((4 * size) / 64), 0);
}

describe("memory in progressive training", () => {
  const fullDepth = { stages: [12], boundaries: [] };
  let needed: Outcome;
  before(() => {
    needed = trainAfresh({ ...fullDepth, steps: 3 });
  });

  it("2000 steps: what is in use after a step depends on the stage alone, and no more is reserved than full depth needs", () => {
    const stages = [1, 3, 6, 12];
    const { afterSteps, reservedBytes, peakBytes } = trainAfresh({
      stages,
      boundaries: [0.55, 0.85, 0.99],
      depth: { sampler: "lvps" },
      steps: 2000,
    });
    expect(afterSteps).to.have.length(2000);
    const inStage = stages.map((N) => afterSteps.filter(({ uniqueLayers }) => uniqueLayers === N));
    inStage.forEach((steps, stage) => {
      const depths = [...new Set(steps.map(({ depth }) => depth))].sort((a, b) => a - b);
      expect(depths).to.deep.equal(Array.from({ length: 13 - stages[stage] }, (_, index) => stages[stage] + index));
      expect(new Set(steps.map(({ liveBytes }) => liveBytes)).size, `stage ${stage}`).to.equal(1);
    });
    const live = inStage.map(([{ liveBytes }]) => liveBytes);
    const layerBytes = bytesOfLayer();
    expect(live).to.deep.equal(stages.map((N) => needed.afterSteps[2].liveBytes - (12 - N) * layerBytes));
    expect(peakBytes).to.equal(needed.peakBytes);
    expect(reservedBytes).to.be.at.most(needed.reservedBytes);
  });

  it("holds for samplers that draw full depth more often", () => {
    for (const sampler of ["us", "fs"] as const) {
      const { afterSteps, reservedBytes } = trainAfresh({
        stages: [3, 12],
        boundaries: [0.95],
        depth: { sampler },
        steps: 100,
      });
      const expected = afterSteps.map(
        ({ uniqueLayers }) => needed.afterSteps[2].liveBytes - (12 - uniqueLayers) * bytesOfLayer(),
      );
      expect(afterSteps.map(({ liveBytes }) => liveBytes)).to.deep.equal(expected);
      expect(reservedBytes).to.be.at.most(needed.reservedBytes);
    }
  });
});

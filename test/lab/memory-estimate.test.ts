import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { type Experiment, type ExperimentInput, parseExperiment, presetModel } from "../../src/lab/experiment.ts";
import { estimateMemory, evaluationBatch } from "../../src/lab/memory-estimate.ts";

type Size = Omit<ExperimentInput["model"], "family">;
type Training = Partial<ExperimentInput["training"]>;

function experimentOf(family: "gpt" | "bert", model: Size, batch: number, training: Training = {}): Experiment {
  return parseExperiment({
    name: "measured",
    model: { family, ...model },
    recipe: { kind: "scratch" },
    training: { steps: 2, batch, learningRate: { peak: 1e-3 }, ...training },
  });
}

interface Measured {
  parameters: number;
  losses: number[];
  peakBytes: number;
  reservedBytes: number;
}

/** Two steps in a process of their own, with an engine and a memory of their own. */
function measured(experiment: Experiment): Measured {
  const program = fileURLToPath(new URL("./peak-memory-program.ts", import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [program, JSON.stringify(experiment)], { encoding: "utf8" });
  expect(stderr).to.equal("");
  return JSON.parse(stdout);
}

function expectNear(estimated: number, { peakBytes }: Measured): void {
  expect(estimated / peakBytes, `${estimated} estimated, ${peakBytes} measured`).to.be.within(0.95, 1.1);
}

describe("the memory estimate", () => {
  const cases: [family: "gpt" | "bert", size: Size, batch: number, training?: Training][] = [
    ["gpt", { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 }, 8],
    ["gpt", { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 }, 4, { microBatches: 2 }],
    ["gpt", { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 }, 32, { gradientCheckpointing: true }],
    ["gpt", { layers: 2, hidden: 64, heads: 4, context: 64, vocabulary: 8192 }, 8],
    ["gpt", { layers: 3, hidden: 128, heads: 4, context: 64, vocabulary: 1024, dropout: 0.1 }, 8],
    ["gpt", { layers: 2, hidden: 96, heads: 3, context: 384, vocabulary: 512, norm: "post" }, 2],
    ["gpt", { layers: 6, hidden: 256, heads: 4, context: 32, vocabulary: 4096 }, 1],
    ["bert", { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 }, 8],
    ["bert", { layers: 4, hidden: 64, heads: 4, context: 64, vocabulary: 4096, dropout: 0.1 }, 16],
    ["bert", { layers: 3, hidden: 128, heads: 4, context: 64, vocabulary: 2048, dropout: 0.1, norm: "pre" }, 16],
    ["bert", { layers: 6, hidden: 64, heads: 4, context: 128, vocabulary: 1024 }, 8, { gradientCheckpointing: true }],
  ];
  for (const [family, size, batch, training = {}] of cases) {
    const { layers, hidden, vocabulary, dropout = 0 } = size;
    const rest = `${dropout > 0 ? " with dropout" : ""}${Object.keys(training).map((name) => `, ${name}`)}`;
    it(`is within 10 % of what a step takes: ${family} L=${layers} d=${hidden} V=${vocabulary} B=${batch}${rest}`, () => {
      const experiment = experimentOf(family, size, batch, training);
      expectNear(estimateMemory(experiment).totalBytes, measured(experiment));
    });
  }

  it("holds for GPT-Base, which trains on a sequence of 1024 tokens inside 2.8 GiB", () => {
    const { family, ...size } = presetModel("gpt-base");
    const experiment = experimentOf(family, size, 1);
    const taken = measured(experiment);
    expect([taken.parameters, size.context]).to.deep.equal([124_439_808, 1024]);
    expectNear(estimateMemory(experiment).totalBytes, taken);
    expect(taken.reservedBytes).to.be.lessThan(2.8 * 2 ** 30);
    // Near ln V: the step is a real one.
    for (const loss of taken.losses) expect(loss).to.be.within(10.7, 11.3);
    // Two steps of 10¹² operations each, on a machine that may be busy.
  }).timeout(300_000);

  it("leaves evaluation 2048 tokens, or as many sequences as fit into a training step, at least one", () => {
    const experiment = experimentOf("gpt", { layers: 12, hidden: 64, heads: 4, context: 64, vocabulary: 2048 }, 8);
    expect(evaluationBatch(experiment)).to.equal(32);
    const shallow = experimentOf("gpt", { layers: 1, hidden: 64, heads: 4, context: 64, vocabulary: 256 }, 8);
    expect(evaluationBatch(shallow)).to.be.within(9, 16);
    const wide = experimentOf("gpt", { layers: 1, hidden: 8, heads: 1, context: 64, vocabulary: 50000 }, 1);
    // The logits of two sequences would be twice those that training holds at a time.
    expect(evaluationBatch(wide)).to.equal(1);
    const long = experimentOf("gpt", { layers: 1, hidden: 8, heads: 1, context: 4096, vocabulary: 16 }, 1);
    expect(evaluationBatch(long)).to.equal(1);
  });
});

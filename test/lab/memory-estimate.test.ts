import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

/** What is measured of the engine's memory: the most that was in buffers, and what was taken from the system for it. */
interface Measured {
  peakBytes: number;
  reservedBytes: number;
}

interface MeasuredSteps extends Measured {
  parameters: number;
  losses: number[];
}

/** A program in a process of its own, with an engine and a memory of its own. */
function measuredBy(file: string, experiment: Experiment, ...more: string[]) {
  const program = fileURLToPath(new URL(file, import.meta.url));
  const given = [program, JSON.stringify(experiment), ...more];
  const { stdout, stderr } = spawnSync(process.execPath, given, { encoding: "utf8" });
  expect(stderr).to.equal("");
  return JSON.parse(stdout);
}

/** Two steps. */
const measured = (experiment: Experiment): MeasuredSteps => measuredBy("./peak-memory-program.ts", experiment);

function expectNear(experiment: Experiment, { peakBytes, reservedBytes }: Measured): void {
  const { totalBytes } = estimateMemory(experiment);
  const told = `${totalBytes} estimated, ${peakBytes} in buffers, ${reservedBytes} taken`;
  expect(totalBytes / peakBytes, told).to.be.within(0.95, 1.1);
  // What the system is asked for has gaps, most of them where buffers come and go most.
  expect(totalBytes / reservedBytes, told).to.be.within(experiment.training.gradientCheckpointing ? 0.85 : 0.9, 1.1);
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
      expectNear(experiment, measured(experiment));
    });
  }

  describe("holds for a whole run with evaluations:", () => {
    let folder: string;

    before(() => {
      folder = mkdtempSync(join(tmpdir(), "apollo-memory-"));
      mkdirSync(join(folder, "texts"));
      const words = ["sun", "moon", "stars", "rise", "fall", "over", "the", "quiet", "sea", "and", "hills"];
      // Their validation side fills an evaluation batch.
      for (let file = 0; file < 12; file++) {
        const text = Array.from({ length: 4000 }, (_, at) => words[(at * (file + 3) + (at >> 2)) % words.length]);
        writeFileSync(join(folder, "texts", `${file}.txt`), `${text.join(" ")}.\n`);
      }
    });
    after(() => rmSync(folder, { recursive: true }));

    // At one layer evaluation would take more than the step if its batch were not cut; at six the step is the larger.
    for (const [family, layers] of [
      ["gpt", 1],
      ["gpt", 6],
      ["bert", 2],
      ["bert", 6],
    ] as const) {
      it(`${family} with ${layers} ${layers === 1 ? "layer" : "layers"}`, () => {
        const experiment = parseExperiment({
          name: "measured",
          model: { family, layers, hidden: 128, heads: 4, context: 64, vocabulary: 300 },
          data: { corpus: join(folder, "texts"), validationFraction: 0.2, validationTokens: 8192 },
          recipe: { kind: "scratch" },
          training: { steps: 2, batch: 8, learningRate: { peak: 1e-3 } },
          evaluations: 2,
        });
        const taken = measuredBy("./run-memory-program.ts", experiment, join(folder, `${family}-${layers}`));
        expect(taken.evaluations).to.equal(3);
        expectNear(experiment, taken);
      });
    }
  });

  it("holds for GPT-Base, which trains on a sequence of 1024 tokens inside 2.8 GiB", () => {
    const { family, ...size } = presetModel("gpt-base");
    const experiment = experimentOf(family, size, 1);
    const taken = measured(experiment);
    expect([taken.parameters, size.context]).to.deep.equal([124_439_808, 1024]);
    expectNear(experiment, taken);
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

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { compare } from "../../src/lab/compare.ts";
import { type Experiment, parseExperiment, type RecipeInput } from "../../src/lab/experiment.ts";
import { run } from "../../src/lab/run.ts";
import { readRun } from "../../src/report/run-files.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

describe("a comparison of runs", () => {
  let folder: string;
  let corpus: string;
  before(() => {
    ({ folder, corpus } = makeSmallCorpus("compare"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const small = { hidden: 8, heads: 1, steps: 4 };
  const fpi = { kind: "bert2bert", knowledge: "fpi", small } as const;
  function experiment(name: string, recipe: RecipeInput, vocabulary = 300): Experiment {
    return parseExperiment({
      name,
      model: { family: "gpt", layers: 2, hidden: 16, heads: 2, context: 16, vocabulary },
      data: { corpus, validationFraction: 0.2, validationTokens: 128 },
      recipe,
      training: { steps: 6, batch: 2, learningRate: { peak: 3e-3 }, clipNorm: 1e9 },
      evaluations: 2,
    });
  }
  const scratch = () => experiment("scratch", { kind: "scratch" });
  /** What a comparison told, and its folder. */
  async function compared(name: string, experiments: readonly Experiment[]) {
    const place = join(folder, name);
    const ends: Record<string, string> = {};
    const progress: string[] = [];
    const comparison = await compare(experiments, {
      ...{ folder: place, cacheFolder: join(folder, "cache") },
      onProgress: ({ name: of }, { step }) => progress.push(`${of} ${step}`),
      onFinished: ({ name: of }, status) => (ends[of] = status),
    });
    return { comparison, ends, progress, place };
  }

  it("goes on where a small model or an operator diverges, keeps such runs as failed, and says which part it was", async () => {
    const { comparison, ends, place } = await compared("diverging", [
      scratch(),
      experiment("wide", { ...fpi, small: { ...small, learningRate: 1e38 } }),
      experiment("ligo", { kind: "ligo", operatorSteps: 4, operatorLearningRate: 1e38, small }),
      experiment("albert", { kind: "albert" }),
    ]);
    expect(ends).to.include({ scratch: "finished", albert: "finished" });
    expect(ends.wide).to.match(/^failed: the small model: training stopped at step \d: loss/);
    expect(ends.ligo).to.match(/^failed: the growth operator: training stopped at step \d: loss/);
    const told = comparison.runs.map(({ log: { header } }) => [header.name, header.status, header.reason]);
    expect(told).to.deep.equal([
      ["scratch", "finished", undefined],
      ["wide", "failed", ends.wide.replace("failed: ", "")],
      ["ligo", "failed", ends.ligo.replace("failed: ", "")],
      ["albert", "finished", undefined],
    ]);
    expect(readFileSync(join(place, "report.html"), "utf8")).to.include("the growth operator: training stopped");
  });

  it("goes on where first weights cannot be made, and tells of the run that left nothing", async () => {
    const at = join(folder, "stateless");
    await run(experiment("small", { kind: "scratch" }), { folder: at, cacheFolder: join(folder, "cache") });
    rmSync(join(at, "checkpoint.safetensors"));
    const masked = experiment("masked", { kind: "msg", small: { run: at } });
    const reason = "growth: the small model comes without the state of its optimizer";
    const { comparison, ends, place } = await compared("unmade", [masked, scratch()]);
    expect(ends).to.deep.equal({ masked: `failed: ${reason}`, scratch: "finished" });
    expect(comparison.warnings[0]).to.equal(`masked failed: ${reason}`);
    expect(existsSync(join(place, "masked"))).to.equal(false);
    const error = await compared("unmade-alone", [masked]).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.equal(reason);
  });

  it("refuses a small model that is not there or does not fit before anything is trained", async () => {
    const cacheFolder = join(folder, "cache");
    const made = async (name: string, whole: Experiment) => {
      await run(whole, { folder: join(folder, name), cacheFolder });
      return join(folder, name);
    };
    const finished = await made("taken", experiment("taken", { kind: "scratch" }));
    const plain = experiment("heads", { kind: "scratch" });
    const heads = await made("heads", { ...plain, model: { ...plain.model, heads: 1 } });
    const other = await made("other", experiment("other", { kind: "scratch" }, 280));
    const cut = join(folder, "cut");
    mkdirSync(cut);
    for (const file of readdirSync(finished)) writeFileSync(join(cut, file), readFileSync(join(finished, file)));
    const header = join(cut, "run.json");
    writeFileSync(header, readFileSync(header, "utf8").replace('"finished"', '"interrupted"'));
    const from = (at: string, recipe: object = fpi) =>
      experiment("wide", { ...recipe, small: { run: at } } as RecipeInput);
    for (const [wide, message] of [
      [from(join(folder, "nowhere")), /nowhere is not a folder/],
      [from(corpus), /texts is not a run: it has no run\.json/],
      [from(cut), /cut: a small model must be trained to its end, and this run is interrupted/],
      [from(other), /other: the small model was trained with another tokenizer/],
      [from(heads), /heads: growth: heads of 16 channels cannot become heads of 8/],
      [
        from(finished, { kind: "depth-up-scaling" }),
        /taken: depth-up-scaling: 2 layers are made from 1 to 1, not from 2/,
      ],
    ] as const) {
      const error = await compared("refused", [scratch(), wide]).then(
        () => null,
        (thrown: Error) => thrown,
      );
      expect(error?.message).to.match(message);
      expect(existsSync(join(folder, "refused", "scratch"))).to.equal(false);
    }
  });

  it("trains a small model once for all that begin from it, and shows its progress", async () => {
    const aki = { ...fpi, knowledge: "aki" } as const;
    const { comparison, progress, place } = await compared("shared", [experiment("fpi", fpi), experiment("aki", aki)]);
    expect(progress.filter((line) => line.startsWith("small-"))).to.deep.equal(
      [1, 2, 3, 4].map((n) => `small-2x8 ${n}`),
    );
    const places = readdirSync(join(place, "small-models"));
    expect(places).to.have.length(1);
    const { modelFlops } = readRun(join(place, "small-models", places[0])).evaluations.at(-1)!;
    for (const { log } of comparison.runs) {
      expect(log.header.smallModel).to.include({ hidden: 8, modelFlops });
      expect(existsSync(join(place, log.header.name, "small-model"))).to.equal(false);
    }
    // It is none of the runs that are compared.
    expect(comparison.runs.map(({ log }) => log.header.name)).to.deep.equal(["fpi", "aki"]);
  });
});

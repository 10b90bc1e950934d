import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { decodeSafetensors } from "../../src/io/safetensors.ts";
import { parseExperiment, type RecipeInput } from "../../src/lab/experiment.ts";
import { run } from "../../src/lab/run.ts";
import { readRun } from "../../src/report/run-files.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

describe("a run whose method has more to go on with than weights", () => {
  let folder: string;
  let corpus: string;

  before(() => {
    ({ folder, corpus } = makeSmallCorpus("memory"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const experiment = (recipe: RecipeInput) =>
    parseExperiment({
      name: recipe.kind,
      model: { family: "gpt", layers: 4, hidden: 16, heads: 2, context: 16, vocabulary: 300, dropout: 0.1 },
      data: { corpus, validationFraction: 0.2, validationTokens: 256 },
      recipe,
      training: { steps: 12, batch: 2, learningRate: { peak: 3e-3 } },
      evaluations: 3,
    });
  const place = (name: string) => ({ folder: join(folder, name), cacheFolder: join(folder, "cache") });
  const file = (name: string, what: string) => join(folder, name, what);

  /** Runs until a step, and leaves it at that. */
  async function interrupted(recipe: RecipeInput, name: string, after: number): Promise<void> {
    const controller = new AbortController();
    const { status } = await run(experiment(recipe), {
      ...{ ...place(name), signal: controller.signal },
      onProgress: ({ step }) => step === after && controller.abort(),
    });
    expect(status).to.equal("interrupted");
  }

  /** The records of a run that was cut off and went on are those of one that was not, and so are its weights. */
  async function expectSameAfter(recipe: RecipeInput, name: string, stops: readonly number[]) {
    await run(experiment(recipe), place(name));
    const told = (which: string) => {
      const { steps, evaluations } = readRun(join(folder, which));
      return [...steps, ...evaluations].map(({ elapsedMs: _, ...record }) => record);
    };
    for (const after of stops) {
      const cut = `${name}-${after}`;
      await interrupted(recipe, cut, after);
      await run(experiment(recipe), { ...place(cut), resume: true });
      for (const what of ["weights.safetensors", "checkpoint.safetensors"])
        expect(readFileSync(file(cut, what)).equals(readFileSync(file(name, what))), `${what} of ${cut}`).to.equal(
          true,
        );
      expect(told(cut)).to.deep.equal(told(name));
    }
    return readRun(join(folder, name));
  }

  it("SWE-A goes on with its count of checks, and tied or untied as it was", async () => {
    const recipe = { kind: "swe-adaptive", threshold: 1 } as const;
    // Checks after steps 1, 2 and 3: the update of step 3 is the first of untied layers.
    const { steps, evaluations } = await expectSameAfter(recipe, "swe-a", [3, 4]);
    expect(
      steps.flatMap(({ step, tiedGroups }) => (tiedGroups === undefined ? [] : [[step, tiedGroups]])),
    ).to.deep.equal([[3, 4]]);
    // The first evaluation is already that of tied layers.
    await interrupted({ kind: "albert" }, "albert", 1);
    expect(evaluations[0].loss).to.be.closeTo(readRun(join(folder, "albert")).evaluations[0].loss, 1e-6);
  });

  it("SWE-M goes on with the groups it had", async () => {
    const recipe = { kind: "swe-adaptive", untying: "split", threshold: 0.93 } as const;
    const { steps } = await expectSameAfter(recipe, "swe-m", [2, 4]);
    const groups = steps.flatMap(({ tiedGroups }) => tiedGroups ?? []);
    expect(groups, "the threshold is one at which groups split one after another").to.have.lengthOf.above(1);
    expect(groups).to.deep.equal([...groups].sort((a, b) => a - b));
  });

  it("staged training begins with the small run's function and state, and goes on", async () => {
    const recipe = { kind: "staged", small: { hidden: 8, heads: 1, steps: 6 } } as const;
    const { evaluations } = await expectSameAfter(recipe, "staged", [2, 5]);
    const small = readRun(join(folder, "staged", "small-model"));
    expect(evaluations[0].loss).to.be.closeTo(small.evaluations.at(-1)!.loss, 1e-5);
    const checkpoint = file("staged", "checkpoint.safetensors");
    // 6 updates of the small model, and 12.
    const { steps } = decodeSafetensors(readFileSync(checkpoint), checkpoint).metadata;
    expect(new Set(Object.values(JSON.parse(steps)))).to.deep.equal(new Set([18]));
  });

  it("staged training refuses a small run whose state is gone or torn, and sizes that do not double, before any is trained", async () => {
    const from = join(folder, "staged", "small-model");
    const recipe = { kind: "staged", small: { run: from } } as const;
    const failure = async () => {
      const error = await run(experiment(recipe), place("stateless")).catch((thrown: Error) => thrown);
      return (error as Error).message;
    };
    const checkpoint = join(from, "checkpoint.safetensors");
    writeFileSync(
      checkpoint,
      readFileSync(checkpoint, "latin1").replace('"v/head', '"w/head').replace('"v/final', '"w/final'),
      "latin1",
    );
    expect(await failure()).to.match(/checkpoint\.safetensors: "\S+" lacks the running average/);
    rmSync(checkpoint);
    expect(await failure()).to.equal("growth: the small model comes without the state of its optimizer");
    expect(() => experiment({ kind: "staged", small: { hidden: 8, heads: 1, layers: 3 } })).to.throw(
      "staged: 3 layers of 8 channels cannot become 4 of 16",
    );
  });

  it("names the checkpoint that does not hold what the method remembered", async () => {
    const recipe = { kind: "swe-adaptive" } as const;
    await interrupted(recipe, "torn", 2);
    const path = file("torn", "checkpoint.safetensors");
    writeFileSync(path, readFileSync(path, "latin1").replace('"gradientRule"', '"gradientRulf"'), "latin1");
    const error = await run(experiment(recipe), { ...place("torn"), resume: true }).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.match(/torn.checkpoint\.safetensors: tied layers: "" does not say/);
  });
});

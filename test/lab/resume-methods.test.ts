import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { parseExperiment, type RecipeInput } from "../../src/lab/experiment.ts";
import { run } from "../../src/lab/run.ts";
import { readRun } from "../../src/report/run-files.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

describe("a run of a method that remembers", () => {
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

  it("names the checkpoint that does not hold what the method remembered", async () => {
    const recipe = { kind: "swe-adaptive" } as const;
    await interrupted(recipe, "torn", 2);
    const path = file("torn", "checkpoint.safetensors");
    writeFileSync(path, readFileSync(path, "latin1").replace('"gradientRule"', '"gradientRulf"'), "latin1");
    const error = await run(experiment(recipe), { ...place("torn"), resume: true }).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.match(/torn.checkpoint\.safetensors: tied layers: "" does not say/);
  });
});

import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { analyseExpansion, analyseGrowth, analyseStreams } from "../../src/lab/analyse.ts";
import { type ExperimentInput, parseExperiment } from "../../src/lab/experiment.ts";
import { earthMoverDistance, measureModel } from "../../src/lab/model-statistics.ts";
import { run } from "../../src/lab/run.ts";
import { prepareTask } from "../../src/lab/task.ts";
import { straightPath } from "../../src/nn/index.ts";
import { drawDistributions } from "../../src/report/plots/distribution-plot.ts";
import { drawStreams } from "../../src/report/plots/stream-plot.ts";
import { streamTable } from "../../src/report/stream-profile.ts";
import { scope } from "../../src/tensor/scope.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

describe("analyses", () => {
  let folder: string;
  let corpus: string;
  before(() => {
    ({ folder, corpus } = makeSmallCorpus("analyse"));
  });
  after(() => rmSync(folder, { recursive: true }));
  const options = () => ({ cacheFolder: join(folder, "cache") });
  const experiment = (change: Partial<ExperimentInput> = {}) =>
    parseExperiment({
      name: "small",
      model: { family: "gpt", layers: 4, hidden: 16, heads: 2, context: 16, vocabulary: 300 },
      data: { corpus, validationFraction: 0.2, validationTokens: 256 },
      recipe: { kind: "scratch" },
      training: { steps: 24, batch: 4, learningRate: { peak: 3e-3 } },
      evaluations: 4,
      ...change,
    });

  it("measure the loss that is evaluated, and the gradient and activations of the validation text", () => {
    const task = prepareTask(experiment(), options());
    const path = straightPath(task.model.blocks);
    const { statistics, sorted } = measureModel(task, path);
    expect(statistics.loss).to.equal(task.evaluate(path));
    // The same by hand from all batches, of which there are fewer than are measured at most.
    const parameters = task.model.parameters();
    for (const batch of task.validation)
      scope(() =>
        task.model
          .loss(batch().batch, { path })
          .mul(1 / task.validation.length)
          .backward(),
      );
    const sizes = parameters.flatMap(({ grad }) => (grad === null ? [] : Array.from(grad.numbers, Math.abs)));
    const middle = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    expect(statistics.gradientElements.mean / middle).to.be.closeTo(1, 1e-6);
    const norms = parameters.flatMap(({ grad }) => (grad === null ? [] : [Math.hypot(...Array.from(grad.numbers))]));
    expect(statistics.gradientNorms.mean).to.be.closeTo(norms.reduce((a, b) => a + b, 0) / norms.length, 1e-7);
    // A last LayerNorm of weight 1 leaves numbers of mean 0 and deviation 1.
    const { mean, deviation, density, edges } = statistics.activations;
    expect(mean).to.be.closeTo(0, 1e-5);
    expect(deviation).to.be.closeTo(1, 1e-2);
    expect(density.reduce((sum, value) => sum + value * (edges[1] - edges[0]), 0)).to.be.closeTo(1, 1e-6);
    expect(Array.from(sorted)).to.deep.equal(Array.from(sorted).sort((a, b) => a - b));
    task.model.zeroGrad();
  });

  it("measure the distance between distributions by how far their numbers have to move", () => {
    const a = Float32Array.of(0, 1, 2, 3);
    expect(earthMoverDistance(a, a)).to.equal(0);
    expect(
      earthMoverDistance(
        a,
        a.map((value) => value + 2.5),
      ),
    ).to.equal(2.5);
    expect(earthMoverDistance(a, Float32Array.of(0, 1, 2, 7))).to.equal(1);
    expect(() => earthMoverDistance(a, Float32Array.of(1))).to.throw("samples of 4 and 1 numbers");
  });

  for (const norm of ["pre", "post"] as const) {
    it(`of a ${norm}-LN model's expansion: the source, four ways to grow it, and a new model`, async () => {
      const source = experiment({ model: { ...experiment().model, norm } });
      const place = join(folder, `half-${norm}`);
      await run(source, { ...options(), folder: place });
      const { models, setup } = analyseExpansion(place, options());
      expect(models.map(({ label, depth }) => `${label} ${depth}`)).to.deep.equal([
        "source, 4 layers 4",
        "stack 8",
        "interp_floor 8",
        "interp_round 8",
        "random layers 8",
        "random model 8",
      ]);
      expect(setup).to.include(`${norm}-LN`);
      const [own, stacked, floor, rounded, , random] = models;
      // N → 2N is the same map by both roundings.
      expect(rounded.loss).to.equal(floor.loss);
      expect(stacked.loss).to.not.equal(floor.loss);
      expect(random.loss).to.be.greaterThan(own.loss);
      expect(own.distance).to.equal(0);
      for (const { distance } of models.slice(1)) expect(distance).to.be.greaterThan(0);
      expect(await drawDistributions(models)).to.include("interp_floor");
    });
  }

  it("of the residual streams of finished runs: each run's own weights, its end loss, and a picture of all", async () => {
    const seeds = [0, 1].map((seed) => experiment({ name: "streams", seed }));
    const places = seeds.map(({ seed }) => join(folder, `streams-${seed}`));
    for (const [index, seed] of seeds.entries()) await run(seed, { ...options(), folder: places[index] });
    const profiles = analyseStreams(places, options());
    expect(profiles.map(({ name, seed, layers }) => [name, seed, layers.length])).to.deep.equal([
      ["streams", 0, 4],
      ["streams", 1, 4],
    ]);
    expect(profiles[0].layers).to.not.deep.equal(profiles[1].layers);
    // Whatever was measured before a run does not matter.
    expect(analyseStreams([places[1]], options())).to.deep.equal([profiles[1]]);
    const { rows, columns } = streamTable(profiles);
    for (const { cells } of rows) expect(cells).to.have.length(columns.length);
    expect(await drawStreams(profiles)).to.include("streams");
    const stopped = join(folder, "stopped");
    const controller = new AbortController();
    controller.abort();
    await run(seeds[0], { ...options(), folder: stopped, signal: controller.signal });
    expect(() => analyseStreams([stopped], options())).to.throw(`${stopped}: its run is interrupted, not finished`);
  });

  it("of Apollo's last growth: the grown network is the shared one, bit by bit, where the map preserves the function", () => {
    const recipe = { kind: "apollo" as const, stages: [1, 2, 4], boundaries: [0.25, 0.5] };
    const { models, notes } = analyseGrowth(experiment({ recipe }), ["stack", "interp_floor"], options());
    expect(models.map(({ depth }) => depth)).to.deep.equal([2, 4, 4, 2, 4, 4]);
    for (const start of [0, 3]) {
      const [before, shared, grown] = models.slice(start, start + 3);
      expect(grown.loss).to.equal(shared.loss);
      expect(before.loss).to.not.equal(shared.loss);
      // A shared weight has the sum of its uses' gradients, the copies have their own.
      expect(shared.gradientNorms.mean).to.be.greaterThan(grown.gradientNorms.mean);
    }
    expect(notes).to.have.length(2);
    expect(() => analyseGrowth(experiment(), ["stack"], options())).to.throw("the recipe scratch of this experiment");
  });
});

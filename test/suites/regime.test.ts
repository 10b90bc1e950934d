import { expect } from "chai";
import { experimentHash, methodOf } from "../../src/lab/experiment.ts";
import { REGIME } from "../../src/suites/regime.ts";
import { missingRuns, runsOf } from "../../src/suites/suite.ts";

describe("the regime", () => {
  const suites = REGIME.points.map(({ suite }) => suite);
  const runs = suites.map((suite) => runsOf(suite, () => undefined));

  it("has points with names of their own, each with Scratch, growth alone, and LVPS, of which the methods fit", () => {
    const names = REGIME.points.map(({ axis, value }) => `${axis} ${value}`);
    expect(new Set(names).size).to.equal(names.length);
    expect(names.length).to.be.at.least(20);
    for (const [index, recipes] of runs.entries()) {
      expect(
        recipes.map(({ label }) => label),
        names[index],
      ).to.deep.equal(["scratch", "apollo-none", "apollo-lvps"]);
      for (const { grid } of recipes) for (const experiment of grid) methodOf(experiment);
    }
  });

  it("makes a run that several points need once, and the first seed of all points before the second of any", () => {
    const missing = missingRuns(runs, () => false);
    const hashes = missing.map(experimentHash);
    expect(new Set(hashes).size).to.equal(hashes.length);
    expect(runs.flatMap((recipes) => recipes.flatMap(({ grid }) => grid)).length).to.be.greaterThan(hashes.length);
    const all = new Set(missing);
    const chosen = suites.map((suite) =>
      runsOf(suite, (hash) => {
        const of = missing.find((experiment) => experimentHash(experiment) === hash);
        return of && all.has(of) ? ({ header: { status: "failed" }, evaluations: [] } as never) : undefined;
      }),
    );
    // With the grids of one point known, its further seeds wait for the first seed of all others.
    const repeated = REGIME.points.findIndex(({ suite }) => suite.seeds > 1);
    const known = new Set(runs[repeated].flatMap(({ grid }) => grid.map(experimentHash)));
    const ended = { header: { status: "finished" }, evaluations: [{ loss: 5 }] } as never;
    const later = suites.map((suite) => runsOf(suite, (hash) => (known.has(hash) ? ended : undefined)));
    const seeds = missingRuns(later, (hash) => known.has(hash)).map(({ seed }) => seed);
    expect(seeds.lastIndexOf(0)).to.equal(seeds.findIndex((seed) => seed > 0) - 1);
    // Where every learning rate failed there is nothing to repeat.
    expect(missingRuns(chosen, () => false)).to.have.length(hashes.length);
  });
});

import { expect } from "chai";
import { Command } from "commander";
import { addExperimentOptions, type ExperimentFlags, experimentsFrom } from "../../src/cli/experiment-options.ts";
import { addRecipeOptions } from "../../src/cli/recipe-options.ts";

const experimentsOf = (recipes: string, ...args: string[]) => {
  const flags = addRecipeOptions(addExperimentOptions(new Command()))
    .parse(args, { from: "user" })
    .opts<ExperimentFlags>();
  return experimentsFrom(flags, recipes.split(","));
};

describe("the options of experiments", () => {
  for (const [recipes, args, complaint] of [
    ["scratch", ["--k", "5"], "--k 5 means nothing to the recipe scratch"],
    ["scratch", ["--stages", "1,2"], "--stages 1,2 means nothing to the recipe scratch"],
    ["scratch", ["--optimizer-at-growth", "copy"], "--optimizer-at-growth copy means nothing to the recipe scratch"],
    ["apollo-fs", ["--depth-draw", "step"], "--depth-draw step means nothing to the recipe apollo-fs"],
    ["apollo-none", ["--shared-gradient", "mean"], "--shared-gradient mean means nothing to the recipe apollo-none"],
    ["apollo-us", ["--k", "5"], "--k 5 means nothing to the recipe apollo-us"],
    ["apollo-es", ["--lvps", "round"], "--lvps round means nothing to the recipe apollo-es"],
    ["apollo-lvps", ["--es", "round"], "--es round means nothing to the recipe apollo-lvps"],
    ["lemon", ["--ramp-length", "0.1"], "--ramp-length 0.1 means nothing to the recipe lemon"],
    ["scratch,apollo-fs", ["--k", "0"], "--k 0 means nothing to any of the recipes scratch, apollo-fs"],
  ] as [string, string[], string][]) {
    it(`refuse what no recipe uses: ${recipes} ${args.join(" ")}`, () => {
      expect(() => experimentsOf(recipes, ...args)).to.throw(complaint);
    });
  }

  it("reach the recipes that use them, and leave the others as they are", () => {
    const args = ["--k", "2", "--es", "round", "--map", "stack"];
    const [scratch, lvps, es, us] = experimentsOf("scratch,apollo-lvps,apollo-es,apollo-us", ...args).map(
      ({ recipe }) => JSON.parse(JSON.stringify(recipe)),
    );
    expect(scratch).to.deep.equal({ kind: "scratch" });
    expect(lvps.depth).to.deep.equal({ sampler: "lvps", k: 2 });
    expect(es.depth).to.deep.equal({ sampler: "es", es: "round", k: 2 });
    expect(us.depth).to.deep.equal({ sampler: "us" });
    for (const { map } of [lvps, es, us]) expect(map).to.equal("stack");
    const small = ["--small-hidden", "16", "--small-heads", "1"];
    const [msg, lemon] = experimentsOf("msg,lemon", ...small, "--ramp-length", "0.1").map(({ recipe }) => recipe);
    expect(msg).to.deep.include({ kind: "msg", rampLength: 0.1 });
    expect(lemon).to.have.all.keys("kind", "small");
  });

  it("tell recipes that begin from a small model what it has", () => {
    const small = ["--small-layers", "8", "--small-hidden", "64", "--small-heads", "4"];
    const [scaled, lesa, mango] = experimentsOf("depth-up-scaling,lesa,mango", "--layers", "12", ...small).map(
      ({ recipe }) => JSON.parse(JSON.stringify(recipe)),
    );
    expect(scaled).to.deep.equal({ kind: "depth-up-scaling", small: { layers: 8, hidden: 64, heads: 4 } });
    expect(lesa).to.deep.include({ kind: "lesa", inserted: 4, small: { layers: 8, hidden: 64, heads: 4 } });
    expect(mango).to.deep.include({ kind: "mango", rank: 1, operatorSteps: 100 });
  });

  it("tell LESA how many layers a run has whose model is there", () => {
    const [{ recipe }] = experimentsOf("lesa", "--layers", "11", "--small-run", "runs/small", "--small-layers", "6");
    expect(JSON.parse(JSON.stringify(recipe))).to.deep.include({ inserted: 5, small: { run: "runs/small" } });
  });

  it("know recipes by what they do: SWE's rules, bert2BERT's first stage, staged training", () => {
    const small = ["--small-hidden", "32", "--small-heads", "2"];
    const args = [...small, "--prefix-share", ".125", "--restart-share", ".2"];
    const names = "swe-a,swe-m,bert2bert-aki,staged";
    const [all, split, twoStage, staged] = experimentsOf(names, ...args).map(({ recipe }) => recipe);
    expect(all).to.include({ kind: "swe-adaptive", untying: "all", threshold: 0.5, unitLayers: 1 });
    expect(split).to.include({ kind: "swe-adaptive", untying: "split" });
    expect(twoStage).to.include({ kind: "bert2bert", prefixShare: 0.125 });
    expect(staged).to.include({ kind: "staged", restartShare: 0.2, depthCopies: "alternate", identity: false });
    expect(() => experimentsOf("bert2bert-aki", ...small, "--restart-share", ".2")).to.throw(
      "--restart-share 0.2 means nothing to the recipe bert2bert-aki",
    );
    expect(() => experimentsOf("bert2bert-aki", ...small, "--prefix-share", "1")).to.throw("recipe.prefixShare is 1");
  });
});

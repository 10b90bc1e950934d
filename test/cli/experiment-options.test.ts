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

  it("choose the tokenizer", () => {
    const tokenizerOf = (...args: string[]) => experimentsOf("scratch", ...args)[0].data.tokenizer;
    expect(tokenizerOf()).to.equal(undefined);
    expect(tokenizerOf("--tokenizer", "bpe")).to.equal(undefined);
    expect(tokenizerOf("--model", "bert", "--tokenizer", "wordpiece")).to.equal("wordpiece");
    expect(() => tokenizerOf("--tokenizer", "wordpiece")).to.throw("a GPT writes text");
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

  const small = ["--small-hidden", "32", "--small-heads", "2"];
  for (const [recipe, args, expected] of [
    ["stackbert", ["--stack-learning-rate", "original"], { kind: "stackbert", learningRate: "original", map: "stack" }],
    ["gstack", ["--growth-factor", "3", "--boundaries", ".2"], { kind: "gstack", growthFactor: 3, boundary: 0.2 }],
    ["midas", ["--block-layers", "2", "--alpha", "2"], { kind: "midas", copied: "middle", blockLayers: 2, alpha: 2 }],
    ["gradstack", ["--block-layers", "4"], { kind: "midas", copied: "last", blockLayers: 4, alpha: 1 }],
    ["lidas", ["--alpha", "0"], { kind: "midas", copied: "centre", alpha: 0 }],
    ["mslt", ["--block-layers", "4", "--stage-length", ".2"], { kind: "mslt", blockLayers: 4, stageLength: 0.2 }],
    ["swe-f", ["--unit-layers", "2"], { kind: "swe", unitLayers: 2, boundary: 0.1 }],
    ["swe-m", ["--unit-layers", "3"], { kind: "swe-adaptive", untying: "split", unitLayers: 3 }],
    ["albert", ["--unit-layers", "4"], { kind: "albert", unitLayers: 4 }],
    ["one-layer", ["--new-layers", "random"], { kind: "one-layer", layers: 1, newLayers: "random" }],
    [
      "raptr",
      ["--path-lengths", "4.5,12", "--branch-scale", "sqrt"],
      { kind: "raptr", lengths: [4.5, 12], scale: "sqrt" },
    ],
    [
      "bert2bert-fpi",
      [...small, "--width-map", "circular", "--prefix-share", ".1", "--prefix-layers", "6"],
      { kind: "bert2bert", knowledge: "fpi", widthMap: "circular", prefixShare: 0.1, prefixLayers: 6 },
    ],
    ["net2net", [...small, "--noise", "0"], { kind: "net2net", noise: 0 }],
    ["staged", [...small, "--depth-copies", "append"], { kind: "staged", depthCopies: "append" }],
    [
      "ligo",
      [...small, "--operator-steps", "7", "--operator-learning-rate", "2e-2", "--depth-map", "interp_floor"],
      { kind: "ligo", operatorSteps: 7, operatorLearningRate: 2e-2, depthMap: "interp_floor" },
    ],
    [
      "mango",
      [...small, "--rank", "2", "--operator-learning-rate", "5e-3"],
      { kind: "mango", rank: 2, operatorLearningRate: 5e-3, operatorSteps: 100 },
    ],
  ] as [string, string[], object][]) {
    it(`reach ${recipe}: ${args.filter((arg) => !small.includes(arg)).join(" ")}`, () => {
      const [experiment] = experimentsOf(recipe, ...args);
      expect(experiment.recipe).to.deep.include(expected);
    });
  }

  it("refuse under the name that was given", () => {
    for (const [recipe, args, complaint] of [
      ["swe-f", ["--boundaries", ".1,.2"], "swe-f grows once: --boundaries must be one fraction, not 0.1,0.2"],
      ["zero-layer", ["--boundaries", ".1,.2"], "zero-layer grows once"],
      ["zero-layer", ["--new-layers", "random"], "--new-layers random means nothing to the recipe zero-layer"],
      ["ligo", [...small, "--rank", "2"], "--rank 2 means nothing to the recipe ligo"],
      [
        "lesa",
        [...small, "--layers", "6", "--small-layers", "7"],
        "--small-layers 7 leaves none to insert in one of 6",
      ],
      ["lesa", small, "--small-layers must be given: how many of the 12 layers"],
      ["lesa", ["--layers", "10", "--small-run", "runs/small"], "--small-layers must be given: how many of the 10"],
    ] as [string, string[], string][])
      expect(() => experimentsOf(recipe, ...args), recipe).to.throw(complaint);
    const [{ recipe }] = experimentsOf("lesa", "--small-run", "runs/small");
    expect(JSON.parse(JSON.stringify(recipe))).to.deep.include({ kind: "lesa", small: { run: "runs/small" } });
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

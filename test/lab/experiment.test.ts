import { expect } from "chai";
import { type ExperimentInput, experimentHash, methodOf, parseExperiment } from "../../src/lab/experiment.ts";
import { estimateMemory, refuseTooLarge } from "../../src/lab/memory-estimate.ts";
import { planRun } from "../../src/lab/plan.ts";
import { RECIPE_KINDS } from "../../src/lab/recipe-schemas.ts";
import { engineInfo } from "../../src/tensor/engine.ts";
import { memory } from "../../src/tensor/memory.ts";

const base: ExperimentInput = {
  name: "test",
  model: { family: "gpt", layers: 12, hidden: 16, heads: 2, context: 8, vocabulary: 300 },
  recipe: { kind: "apollo", stages: [1, 3, 6, 12], boundaries: [0.05, 0.1, 0.25] },
  training: { steps: 400, batch: 2, learningRate: { peak: 1e-3 } },
};

describe("experiments", () => {
  it("fill in the defaults of methods A.12", () => {
    const { recipe, training, data } = parseExperiment(base);
    expect(recipe).to.include({
      map: "interp_floor",
      optimizerAtGrowth: "slot",
      sharedGradient: "sum",
      depthDraw: "step",
    });
    expect(training).to.include({ clipNorm: 1, weightDecay: 0.01, microBatches: 1 });
    expect(training.learningRate.kind).to.equal("cosine");
    expect(data.corpus).to.equal("brown");
  });

  /** Small models that grow into 12 layers of 16 channels. */
  const [narrow, shallow] = [
    { hidden: 8, heads: 1 },
    { layers: 8, hidden: 16, heads: 2 },
  ];
  const learned = { small: narrow, operatorSteps: 100, operatorLearningRate: 1e-3, depthMap: "stack" };
  /** What is filled in beside the kind and the small model; all else is the recipe's own affair. */
  const filled: Record<string, { small?: object; [option: string]: unknown }> = {
    scratch: {},
    stackbert: { map: "stack", learningRate: "common" },
    gstack: { growthFactor: 4, boundary: 0.1 },
    midas: { alpha: 1, copied: "middle" },
    mslt: { stageLength: 0.1 },
    swe: { unitLayers: 1, boundary: 0.1 },
    "swe-adaptive": { untying: "all", unitLayers: 1, threshold: 0.5 },
    "one-layer": { layers: 1, boundary: 0.8, optimizerAtGrowth: "slot" },
    raptr: { scale: "inverse" },
    "layer-drop": { limit: 0.5, decay: 100 },
    albert: { unitLayers: 1 },
    bert2bert: { small: narrow, knowledge: "aki", widthMap: "random", prefixShare: 0 },
    net2net: { small: narrow, noise: 0.01 },
    hypercloning: { small: narrow },
    lemon: { small: narrow },
    msg: { small: narrow, rampLength: 0.05 },
    "depth-up-scaling": { small: shallow },
    staged: { small: narrow, depthCopies: "alternate", identity: false, restartShare: 0.03, rewarmShare: 0.0008 },
    lesa: { small: shallow, trained: "new", epochs: 5, normWeight: 5e-5 },
    ligo: learned,
    mango: { ...learned, rank: 1 },
  };
  it("fill in the defaults of every recipe of methods B and C", () => {
    expect(["apollo", ...Object.keys(filled)]).to.have.members(RECIPE_KINDS);
    for (const [kind, options] of Object.entries(filled)) {
      const { small } = options;
      const { recipe } = parseExperiment({ ...base, recipe: { kind, ...(small && { small }) } });
      expect(recipe).to.deep.equal({ kind, ...options });
    }
  });

  it("survive being written and read again", () => {
    const experiment = parseExperiment(base);
    const again = parseExperiment(JSON.parse(JSON.stringify(experiment)));
    expect(again).to.deep.equal(experiment);
    expect(experimentHash(again)).to.equal(experimentHash(experiment));
    expect(experimentHash({ ...experiment, seed: 1 })).not.to.equal(experimentHash(experiment));
  });

  it("keep their hash from before there was a choice of tokenizers", () => {
    const bert = { ...base, model: { ...base.model, family: "bert" as const } };
    const hashOf = (input: ExperimentInput) => experimentHash(parseExperiment(input));
    expect([hashOf(base), hashOf(bert)]).to.deep.equal(["0b79f1333a25df5e", "c25b5c0575eff071"]);
    expect(hashOf({ ...bert, data: { tokenizer: "bpe" } })).to.equal(hashOf(bert));
    const wordPiece = parseExperiment({ ...bert, data: { tokenizer: "wordpiece" } });
    expect(experimentHash(wordPiece)).not.to.equal(hashOf(bert));
    expect(experimentHash(parseExperiment(JSON.parse(JSON.stringify(wordPiece))))).to.equal(experimentHash(wordPiece));
    expect(() => parseExperiment({ ...base, data: { tokenizer: "wordpiece" } })).to.throw(
      "experiment: a GPT writes text, which the tokenizer wordpiece does not give back as it was: give bpe",
    );
  });

  const bad: [string, Record<string, unknown>, RegExp][] = [
    ...["bert2bert", "net2net", "lemon", "hypercloning", "staged", "msg"].map(
      (kind): [string, Record<string, unknown>, RegExp] => [
        `${kind} that widens a post-LN GPT`,
        { model: { ...base.model, norm: "post" }, recipe: { kind, small: { hidden: 8, heads: 1 } } },
        /post-LN GPT has no norm before its head/,
      ],
    ),
    [
      "lemon that deepens a post-LN model",
      {
        model: { ...base.model, family: "bert" },
        recipe: { kind: "lemon", small: { layers: 6, hidden: 16, heads: 2 } },
      },
      /lemon: new layers are without effect in pre-LN models alone/,
    ],
    [
      "layer dropping in a post-LN model",
      { model: { ...base.model, family: "bert" }, recipe: { kind: "layer-drop" } },
      /layer-drop: it is made for pre-LN/,
    ],
    [
      "blocks that do not make the model",
      { recipe: { kind: "mslt", blockLayers: 5 } },
      /mslt: blocks of 5 layers do not make 12/,
    ],
    [
      "hypercloning that widens a post-LN GPT, by its name",
      { model: { ...base.model, norm: "post" }, recipe: { kind: "hypercloning", small: { hidden: 8, heads: 1 } } },
      /hypercloning: post-LN GPT/,
    ],
    [
      "a ring that no memory holds",
      { recipe: { kind: "mango", rank: 100_000, small: { hidden: 8, heads: 1 } } },
      /mango: at rank 100000 a product of its ring takes \d+\.\d\d GiB .* ranks are small/,
    ],
    [
      "prefixes of a first stage that there is not",
      { recipe: { kind: "bert2bert", prefixLayers: 3, small: { hidden: 8, heads: 1 } } },
      /bert2bert-aki: prefixLayers 3 means nothing without a prefixShare/,
    ],
    [
      "a policy for random layers",
      { recipe: { kind: "one-layer", newLayers: "random", optimizerAtGrowth: "copy" } },
      /random new layers are copies of none, for which "copy" means nothing/,
    ],
    ["a field that does not exist", { colour: "red" }, /colour/],
    ["steps of 0", { training: { ...base.training, steps: 0 } }, /training\.steps is 0/],
    [
      "a negative learning rate",
      { training: { ...base.training, learningRate: { peak: -1 } } },
      /training\.learningRate\.peak is -1/,
    ],
    ["an object that is missing", { model: undefined }, /^experiment: model is missing$/],
    ["a number for an object", { model: 3 }, /^experiment: model is 3: must be an object$/],
    [
      "no list",
      { recipe: { ...base.recipe, stages: "1,12" } },
      /^experiment: recipe\.stages is "1,12": must be a list$/,
    ],
    [
      "an unknown recipe",
      { recipe: { kind: "best" } },
      /^experiment: recipe\.kind is "best": must be one of scratch, apollo, /,
    ],
    [
      "an unknown map",
      { recipe: { ...base.recipe, map: "best" } },
      /recipe\.map is "best": must be one of interp_floor, /,
    ],
    [
      "stages that do not end at L",
      { recipe: { ...base.recipe, stages: [1, 3, 6, 11] } },
      /end at the target depth 12.*11/,
    ],
    [
      "stages that do not increase",
      { recipe: { ...base.recipe, stages: [1, 6, 3, 12] } },
      /increase.*1 \| 6 \| 3 \| 12/,
    ],
    [
      "boundaries out of order",
      { recipe: { ...base.recipe, boundaries: [0.1, 0.05, 0.25] } },
      /boundaries 0\.1, 0\.05, 0\.25/,
    ],
    ["equal boundaries", { recipe: { ...base.recipe, boundaries: [0.1, 0.1, 0.25] } }, /boundaries 0\.1, 0\.1, 0\.25/],
    ["too few boundaries", { recipe: { ...base.recipe, boundaries: [0.1] } }, /3 boundaries.*not 1/],
    [
      "an unknown sampler",
      { recipe: { ...base.recipe, depth: { sampler: "best" } } },
      /recipe\.depth\.sampler is "best"/,
    ],
  ];
  for (const [what, change, message] of bad) {
    it(`refuse ${what} in one sentence`, () => {
      expect(() => parseExperiment({ ...base, ...change }))
        .to.throw(message)
        .that.satisfies((error: Error) => !error.message.includes("\n"));
    });
  }

  it("become methods whose stages cover the run", () => {
    const { stages } = methodOf(parseExperiment(base));
    expect(stages).to.deep.equal([
      { uniqueLayers: 1, firstStep: 0, endStep: 20 },
      { uniqueLayers: 3, firstStep: 20, endStep: 40 },
      { uniqueLayers: 6, firstStep: 40, endStep: 100 },
      { uniqueLayers: 12, firstStep: 100, endStep: 400 },
    ]);
  });

  it("of models over 4 GiB are refused with the numbers before anything is allocated", () => {
    // The threads' own memory is taken once, by whoever first asks the engine.
    engineInfo();
    const before = memory.liveBytes;
    const large = parseExperiment({
      ...base,
      model: { family: "gpt", layers: 12, hidden: 2048, heads: 16, context: 1024, vocabulary: 50257 },
      recipe: { kind: "scratch" },
    });
    expect(() => refuseTooLarge(large)).to.throw(
      /does not fit: training needs about \d+\.\d\d GiB .* the engine has 4\.00/,
    );
    expect(memory.liveBytes).to.equal(before);
  });

  it("are planned: the schedule of methods A.10 saves what its table says", () => {
    const { cost } = planRun(parseExperiment({ ...base, training: { ...base.training, steps: 4000 } }));
    // LVPS int, layers only: R = .8806.
    expect(cost.layerRatio).to.be.closeTo(0.8806, 5e-5);
    expect(estimateMemory(parseExperiment(base)).parameterBytes).to.equal(
      16 * (300 * 16 + 8 * 16 + 12 * (12 * 256 + 13 * 16) + 32),
    );
  });

  it("are refused where a schedule is asked for beside the recipe's own", () => {
    const training = { ...base.training, steps: 100, learningRate: { kind: "wsd" as const, peak: 1e-3 } };
    for (const kind of ["gstack", "one-layer"] as const)
      expect(() => parseExperiment({ ...base, recipe: { kind }, training })).to.throw(
        `experiment: ${kind} has a learning-rate schedule of its own, beside which "wsd" means nothing`,
      );
    expect(parseExperiment({ ...base, recipe: { kind: "scratch" }, training }).training.learningRate.kind).to.equal(
      "wsd",
    );
  });

  it("are planned with the parameters that there will be: one layer's where all are tied for ever", () => {
    const plan = planRun(parseExperiment({ ...base, recipe: { kind: "albert" } }));
    expect(plan.parameters).to.equal(300 * 16 + 8 * 16 + (12 * 256 + 13 * 16) + 32);
    expect(plan.cost.layerRatio).to.equal(1);
    const whole = planRun(parseExperiment({ ...base, recipe: { kind: "scratch" } }));
    expect(plan.memory.totalBytes).to.be.below(whole.memory.totalBytes);
  });

  it("are planned with the small model that is trained first, apart from their own cost", () => {
    const small = { layers: 6, hidden: 8, heads: 1, steps: 50 };
    const plan = planRun(parseExperiment({ ...base, recipe: { kind: "net2net", small } }));
    const model = { ...base.model, layers: 6, hidden: 8, heads: 1 };
    const alone = parseExperiment({
      ...{ ...base, model, recipe: { kind: "scratch" } },
      training: { ...base.training, steps: 50 },
    });
    expect(plan.smallModel).to.deep.equal({ steps: 50, modelFlops: planRun(alone).cost.modelFlops });
    expect(plan.cost.modelRatio).to.equal(1);
    for (const recipe of [{ kind: "net2net" as const, small: { run: "runs/small" } }, { kind: "scratch" as const }])
      expect(planRun(parseExperiment({ ...base, recipe })).smallModel).to.equal(null);
  });
});

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { evaluationSteps } from "../../src/lab/evaluation.ts";
import { type Experiment, parseExperiment, type RecipeInput } from "../../src/lab/experiment.ts";
import { generateText } from "../../src/lab/generate-text.ts";
import { codeRevision } from "../../src/lab/revision.ts";
import { run } from "../../src/lab/run.ts";
import { readRun } from "../../src/report/run-files.ts";
import { makeSmallCorpus } from "./small-corpus.ts";

const progressive: RecipeInput = { kind: "apollo", stages: [1, 2, 4], boundaries: [0.25, 0.5] };

describe("a run in its folder", () => {
  let folder: string;
  let corpus: string;

  before(() => {
    ({ folder, corpus } = makeSmallCorpus("run"));
  });
  after(() => rmSync(folder, { recursive: true }));

  function experiment(
    change: { recipe?: RecipeInput; family?: "gpt" | "bert"; layers?: number; peak?: number; name?: string } = {},
  ): Experiment {
    const { recipe = progressive, family = "gpt", layers = 4, peak = 3e-3, name = "small" } = change;
    return parseExperiment({
      name,
      model: { family, layers, hidden: 16, heads: 2, context: 16, vocabulary: 300, dropout: 0.1 },
      data: { corpus, validationFraction: 0.2, validationTokens: 256 },
      recipe,
      training: { steps: 24, batch: 4, learningRate: { peak } },
      evaluations: 6,
    });
  }
  const options = (name: string) => ({ folder: join(folder, name), cacheFolder: join(folder, "cache") });
  const text = { prompt: "the sun", tokens: 20, temperature: 1, seed: 3 };
  const bytes = (name: string) => readFileSync(join(folder, name, "weights.safetensors"));

  it("writes its experiment, its logs, its weights and a checkpoint", async () => {
    const header = await run(experiment(), { ...options("whole"), apolloInfo: true });
    expect(header.status).to.equal("finished");
    expect(readdirSync(join(folder, "whole")).sort()).to.deep.equal([
      "apollo_info.jsonl",
      "checkpoint.safetensors",
      "evaluations.jsonl",
      "experiment.json",
      "run.json",
      "steps.jsonl",
      "tokenizer.json",
      "weights.safetensors",
    ]);
    const { steps, evaluations } = readRun(join(folder, "whole"));
    expect(steps.map(({ step }) => step)).to.deep.equal(Array.from({ length: 24 }, (_, step) => step));
    expect(steps.map(({ uniqueLayers }) => uniqueLayers)).to.deep.equal([
      ...Array(6).fill(1),
      ...Array(6).fill(2),
      ...Array(12).fill(4),
    ]);
    expect(steps.every(({ depth, uniqueLayers }) => depth >= uniqueLayers && depth <= 4)).to.equal(true);
    expect(evaluations.map(({ step }) => step)).to.deep.equal([0, 4, 8, 12, 16, 20, 24]);
    const total = steps.reduce((sum, { modelFlops }) => sum + modelFlops, 0);
    expect(evaluations.at(-1)!.modelFlops).to.equal(total);
    expect(evaluations.at(-1)!.loss).to.be.lessThan(evaluations[0].loss);
    const info = readFileSync(join(folder, "whole", "apollo_info.jsonl"), "utf8")
      .trim()
      .split("\n");
    expect(info).to.have.length(24);
    expect(JSON.parse(info[6])).to.include({ curr_global_step: 6, curr_unique_layer: 2, do_stack: true });
  });

  const small = { hidden: 8, heads: 1, steps: 10 };
  const recipes = {
    fpi: { kind: "bert2bert", knowledge: "fpi", widthMap: "circular", small },
    ligo: { kind: "ligo", operatorSteps: 7, small },
  } as const;

  it("begins from a small model, which it trains first, and tells what that cost apart", async () => {
    const header = await run(experiment({ recipe: recipes.fpi }), options("wide"));
    const own = readRun(join(folder, "wide"));
    const first = readRun(join(folder, "wide", "small-model"));
    expect(first.header).to.include({ status: "finished", recipe: "scratch", steps: 10 });
    expect(first.header.model).to.include({ layers: 4, hidden: 8, heads: 1 });
    // An integer ratio and the circular map keep the function.
    expect(own.evaluations[0].loss).to.be.closeTo(first.evaluations.at(-1)!.loss, 1e-5);
    const { modelFlops } = first.evaluations.at(-1)!;
    expect(header.smallModel).to.include({ layers: 4, hidden: 8, modelFlops });
    expect(own.evaluations[0].modelFlops).to.equal(0);
  });

  it("lets masked units grow in from the small model's function, and resumes and writes in the midst of a ramp", async () => {
    const grow = { kind: "msg", rampLength: 0.2 } as const;
    const recipe = { ...grow, small: { hidden: 8, heads: 1, layers: 2, steps: 10 } };
    const controller = new AbortController();
    const stopped = await run(experiment({ recipe }), {
      ...{ ...options("masked"), signal: controller.signal },
      onProgress: ({ step }) => step === 7 && controller.abort(),
    });
    expect(stopped.status).to.equal("interrupted");
    expect(stopped.stages[0].depths.map(({ depth }) => depth)).to.deep.equal([2, 4]);
    const [start] = readRun(join(folder, "masked")).evaluations;
    const small = join(folder, "masked", "small-model");
    expect(start.loss).to.be.closeTo(readRun(small).evaluations.at(-1)!.loss, 1e-5);
    // Layers that have not begun are not in the checkpoint, and not needed.
    expect([...generateText(join(folder, "masked"), text)].join("")).not.to.equal("");
    await run(experiment({ recipe }), { ...options("masked"), resume: true });
    // From the folder of a run its sizes are learned no earlier than its weights.
    await run(experiment({ recipe: { ...grow, small: { run: small } } }), options("masked-again"));
    expect(bytes("masked-again").equals(bytes("masked"))).to.equal(true);
    rmSync(join(small, "checkpoint.safetensors"));
    const stateless = experiment({ recipe: { ...grow, small: { run: small } } });
    const error = await run(stateless, options("masked-stateless")).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.equal("growth: the small model comes without the state of its optimizer");
  });

  it("takes a small model from a finished run, and refuses one that does not fit", async () => {
    const place = join(folder, "wide", "small-model");
    const recipe = { ...recipes.fpi, small: { run: place } };
    await run(experiment({ recipe }), options("wide-again"));
    expect(bytes("wide-again").equals(bytes("wide"))).to.equal(true);
    expect(existsSync(join(folder, "wide-again", "small-model"))).to.equal(false);
    const failure = async (change: Parameters<typeof experiment>[0], at: string) => {
      const failed = { recipe: { ...recipes.fpi, small: { run: at } }, ...change };
      const error = await run(experiment(failed), options("refused")).catch((thrown: Error) => thrown);
      expect(existsSync(join(folder, "refused"))).to.equal(false);
      return (error as Error).message;
    };
    expect(await failure({ family: "bert" }, place)).to.match(/small model's family is gpt, the large one's bert/);
    expect(await failure({}, join(folder, "nowhere"))).to.match(/nowhere is not a folder/);
    expect(await failure({ layers: 2 }, place)).to.match(
      /small-model: growth: a model with layers 4 cannot become one with 2$/,
    );
    expect(() => experiment({ recipe: { ...recipes.fpi, small: {} } })).to.throw(
      /the folder of a run, or hidden and heads/,
    );
    expect(() => experiment({ recipe: { ...recipes.fpi, small: { hidden: 4, heads: 1 } } })).to.throw(
      "heads of 4 channels cannot become heads of 8",
    );
  });

  it("charges an operator's training to the run, and resumes with what it had cost", async () => {
    const controller = new AbortController();
    const first = await run(experiment({ recipe: recipes.ligo }), {
      ...{ ...options("ligo"), signal: controller.signal },
      onProgress: ({ step }) => step === 5 && controller.abort(),
    });
    expect(first.status).to.equal("interrupted");
    const header = await run(experiment({ recipe: recipes.ligo }), { ...options("ligo"), resume: true });
    const { preparation, smallModel } = header;
    expect(preparation!.tokens).to.equal(7 * 4 * 16);
    expect(smallModel!.modelFlops).to.be.greaterThan(0);
    const { evaluations, steps } = readRun(join(folder, "ligo"));
    expect(evaluations[0].modelFlops).to.equal(preparation!.modelFlops);
    const total = steps.reduce((sum, { modelFlops }) => sum + modelFlops, preparation!.modelFlops);
    expect(evaluations.at(-1)!.modelFlops).to.equal(total);
    await run(experiment({ recipe: recipes.ligo }), options("ligo-uncut"));
    expect(bytes("ligo").equals(bytes("ligo-uncut"))).to.equal(true);
  });

  it("charges what networks learned from a small model's layers to the run, and trains the new layer alone", async () => {
    const recipe = { kind: "lesa", inserted: 1, small: { hidden: 16, heads: 2, layers: 3, steps: 10 } } as const;
    const { preparation, smallModel } = await run(experiment({ recipe }), options("lesa"));
    const { evaluations, steps } = readRun(join(folder, "lesa"));
    expect(smallModel).to.include({ layers: 3, hidden: 16 });
    expect(preparation!.tokens).to.equal(0);
    expect(preparation!.modelFlops).to.be.greaterThan(0);
    expect(evaluations[0].modelFlops).to.equal(preparation!.modelFlops);
    // Close to the small model, which most of it is.
    const small = readRun(join(folder, "lesa", "small-model")).evaluations.at(-1)!;
    expect(evaluations[0].loss).to.be.lessThan(small.loss + 0.3);
    expect(evaluations.at(-1)!.loss).to.be.lessThan(evaluations[0].loss);
    expect(steps.every(({ trainedLayers }) => trainedLayers === 1)).to.equal(true);
  });

  for (const stopAfter of [5, 6, 13]) {
    it(`continues to bitwise the same weights and log after a stop at step ${stopAfter}`, async () => {
      const name = `cut-${stopAfter}`;
      const controller = new AbortController();
      const stopped = await run(experiment(), {
        ...options(name),
        signal: controller.signal,
        onProgress: ({ step }) => {
          if (step === stopAfter) controller.abort();
        },
      });
      expect(stopped.status).to.equal("interrupted");
      expect(stopped.reason).to.equal(`stopped after ${stopAfter} of 24 steps`);
      await run(experiment(), { ...options(name), resume: true });
      expect(bytes(name).equals(bytes("whole"))).to.equal(true);
      const told = (folderName: string) => {
        const { steps, evaluations } = readRun(join(folder, folderName));
        return [...steps, ...evaluations].map(({ elapsedMs: _, ...record }) => record);
      };
      expect(told(name)).to.deep.equal(told("whole"));
    });
  }

  it("does not continue over records that are gone: its costs would be too low", async () => {
    const controller = new AbortController();
    await run(experiment(), {
      ...options("gaps"),
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 13) controller.abort();
      },
    });
    const [steps, evaluations] = ["steps.jsonl", "evaluations.jsonl"].map((name) => join(folder, "gaps", name));
    const without = (path: string, line: number) => {
      const whole = readFileSync(path, "utf8");
      writeFileSync(path, whole.split("\n").toSpliced(line, 1).join("\n"));
      return () => writeFileSync(path, whole);
    };
    const restoreSteps = without(steps, 4);
    const before = readFileSync(steps, "utf8");
    await refused(run(experiment(), { ...options("gaps"), resume: true }), /steps\.jsonl holds 12 of the 13 steps/);
    expect(readFileSync(steps, "utf8")).to.equal(before);
    restoreSteps();
    without(evaluations, 0);
    await refused(run(experiment(), { ...options("gaps"), resume: true }), /evaluations\.jsonl lacks .* after step 0/);
  });

  it("leaves a finished run as it is, and refuses another experiment or an unfinished run", async () => {
    const before = bytes("whole");
    expect((await run(experiment(), { ...options("whole"), resume: true })).status).to.equal("finished");
    expect(bytes("whole").equals(before)).to.equal(true);
    await refused(
      run(experiment({ peak: 1e-3 }), { ...options("whole"), resume: true }),
      /holds another experiment \("small", seed 0\)/,
    );
    const header = join(folder, "whole", "run.json");
    const finished = readFileSync(header, "utf8");
    writeFileSync(header, finished.replace('"finished"', '"interrupted"'));
    await refused(run(experiment(), options("whole")), /holds an unfinished run; continue it with --resume/);
    writeFileSync(header, finished);
  });

  /** A run that was stopped after so many of its 24 steps. */
  async function stopped(name: string, after: number, recipe = progressive): Promise<void> {
    const controller = new AbortController();
    await run(experiment({ recipe }), {
      ...options(name),
      signal: controller.signal,
      onProgress: ({ step }) => step === after && controller.abort(),
    });
  }
  /** Changes a file, waits for what is expected of that, and puts the file back. */
  async function damaged(path: string, damage: (text: string) => string | null, expected: () => Promise<void>) {
    const whole = readFileSync(path);
    const text = damage(whole.toString("latin1"));
    if (text === null) rmSync(path);
    else writeFileSync(path, text, "latin1");
    await expected();
    writeFileSync(path, whole);
  }

  it("goes on only from files that are whole, and names the one that is not", async () => {
    await stopped("torn", 8);
    const resume = () => run(experiment(), { ...options("torn"), resume: true });
    const file = (name: string) => join(folder, "torn", name);
    const half = (text: string) => text.slice(0, text.length >> 1);
    for (const [name, damage, complaint] of [
      ["run.json", half, /torn.run\.json is not JSON/],
      ["run.json", (text: string) => text.replace('"interrupted"', '"tired"'), /torn.run\.json: status is "tired"/],
      ["experiment.json", half, /torn.experiment\.json is not JSON; it ends with "/],
      ["experiment.json", () => "{}", /torn.experiment\.json: experiment: name is missing/],
      ["experiment.json", () => null, /there is no file .*torn.experiment\.json/],
      ["checkpoint.safetensors", half, /torn.checkpoint\.safetensors: tensor/],
      [
        "checkpoint.safetensors",
        (text: string) => text.replace('"step":"8"', '"step":"x"'),
        /torn.checkpoint\.safetensors: its step must be a whole number from 1 to 24, not x/,
      ],
      [
        "checkpoint.safetensors",
        (text: string) => text.replace(/"experiment":"..../, '"experiment":"else'),
        /torn.checkpoint\.safetensors: it belongs to the experiment else/,
      ],
    ] as const) {
      await damaged(file(name), damage, () => refused(resume(), complaint));
    }
    await damaged(file("experiment.json"), half, async () => {
      expect(() => [...generateText(join(folder, "torn"), text)]).to.throw(/torn.experiment\.json is not JSON/);
    });
    await damaged(
      file("tokenizer.json"),
      () => "{}",
      async () => {
        expect(() => [...generateText(join(folder, "torn"), text)]).to.throw(
          /torn.tokenizer\.json: not a usable tokenizer/,
        );
      },
    );
    expect((await resume()).status).to.equal("finished");
    expect(bytes("torn").equals(bytes("whole"))).to.equal(true);
  });

  it("says so when it goes on with kernels that round otherwise, and keeps both", async () => {
    await stopped("moved", 8);
    const path = join(folder, "moved", "run.json");
    const { runtime } = readRun(join(folder, "moved")).header;
    const goOnAfter = async (kernels: string) => {
      await damaged(
        path,
        (text) => text.replace(`"kernels": "${runtime.kernels}"`, `"kernels": "${kernels}"`),
        async () => {
          const messages: string[] = [];
          const controller = new AbortController();
          const header = await run(experiment(), {
            ...options("moved"),
            resume: true,
            signal: controller.signal,
            onPrepare: (message) => messages.push(message),
            onProgress: () => controller.abort(),
          });
          expect(header.runtime).to.deep.equal({ ...runtime, kernels });
          expect(header.continuedOn).to.deep.equal(kernels === runtime.kernels ? undefined : [runtime]);
          expect(readRun(join(folder, "moved")).header).to.deep.equal(header);
          told = messages.filter((message) => message.includes("bitwise"));
        },
      );
    };
    let told: string[] = [];
    await goOnAfter(runtime.kernels);
    expect(told).to.deep.equal([]);
    await goOnAfter("elsewhere");
    expect(told).to.deep.equal([
      `this run began with elsewhere kernels and went on with ${runtime.kernels}: the weights will not be bitwise those of an uninterrupted run`,
    ]);
    if (!/relaxed|wide/.test(runtime.kernels)) return;
    await goOnAfter(runtime.kernels.includes("wide") ? "simd relaxed" : "simd wide");
    expect(told, "the two variants that fuse give the same bits").to.deep.equal([]);
  });

  it("says by which state of the code it was made, and after another one went on with it, both", async () => {
    await stopped("revised", 8);
    const path = join(folder, "revised", "run.json");
    const now = codeRevision();
    expect(readRun(join(folder, "revised")).header.revisions).to.deep.equal([now]);
    writeFileSync(path, readFileSync(path, "utf8").replace(JSON.stringify(now), '"0.0.1"'));
    const header = await run(experiment(), { ...options("revised"), resume: true });
    expect(header.revisions).to.deep.equal(["0.0.1", now]);
  });

  it("is told to begin once all is prepared, before its folder is there", async () => {
    const order: string[] = [];
    await run(experiment(), {
      ...options("begun"),
      onPrepare: () => order.push("prepare"),
      onBegin: () => order.push(`begin, ${existsSync(join(folder, "begun")) ? "with" : "without"} folder`),
      onProgress: ({ step }) => step === 1 && order.push("step"),
    });
    expect(order).to.deep.equal(["prepare", "begin, without folder", "step"]);
  });

  it("refuses a folder that cannot be made before it prepares anything, and leaves nothing of it", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    for (const place of [join(file, "run"), file, ...(existsSync("/proc/self") ? ["/proc/apollo/run"] : [])]) {
      let isPrepared = false;
      await refused(
        run(experiment(), { ...options(""), folder: place, onPrepare: () => (isPrepared = true) }),
        /^cannot write into .*(file|apollo)/,
      );
      expect(isPrepared).to.equal(false);
    }
  });

  it("that diverges says at which step, and is marked as failed", async () => {
    await refused(
      run(experiment({ peak: 1e30 }), options("diverged")),
      /training stopped at step \d+: loss .*learning rate/,
    );
    const { header } = readRun(join(folder, "diverged"));
    expect(header.status).to.equal("failed");
    expect(header.reason).to.match(/training stopped at step/);
  });

  it("of BERT masks tokens and learns", async () => {
    const { status } = await run(experiment({ family: "bert" }), options("bert"));
    expect(status).to.equal("finished");
    const { evaluations } = readRun(join(folder, "bert"));
    expect(evaluations.at(-1)!.loss).to.be.lessThan(evaluations[0].loss);
  });

  it("refuses an empty corpus and a missing one in one sentence, and writes nothing", async () => {
    const empty = join(folder, "empty.txt");
    writeFileSync(empty, " \n");
    for (const [path, message] of [
      [empty, /empty\.txt is empty/],
      [join(folder, "nowhere"), /there is no corpus ".*nowhere"/],
    ] as const) {
      const bad = { ...experiment(), data: { ...experiment().data, corpus: path } };
      await refused(run(bad, options("bad")), message);
      expect(readdirSync(folder)).not.to.include("bad");
    }
  });

  it("generates the same text for the same seed, at any depth", () => {
    const write = (change: object) =>
      [
        ...generateText(join(folder, "whole"), { prompt: "the sun", tokens: 20, temperature: 1, seed: 3, ...change }),
      ].join("");
    expect(write({})).to.equal(write({}));
    expect(write({})).not.to.equal(write({ seed: 4 }));
    expect(write({ depth: 2 })).to.be.a("string");
    expect(() => write({ depth: 5 })).to.throw("depth must be a whole number from 1 to 4, not 5");
    expect(() => [...generateText(join(folder, "bert"), { prompt: "a", tokens: 1, temperature: 1, seed: 0 })]).to.throw(
      /only gpt writes text/,
    );
  });

  it("ends a text before the first of the texts that stop it", () => {
    const write = (stop?: string[]) => [...generateText(join(folder, "whole"), { ...text, stop })];
    const pieces = write();
    const whole = pieces.join("");
    // Longer than any of the tokens.
    const stop = whole.slice(2, 3 + Math.max(...pieces.map(({ length }) => length)) + 2);
    expect(stop.length).to.be.lessThan(whole.length - 2);
    expect(write([stop, "\u0000"]).join("")).to.equal(whole.slice(0, whole.indexOf(stop)));
    expect(write(["\u0000"]).join("")).to.equal(whole);
    expect(() => write([""])).to.throw("a text that ends the output must not be empty");
  });

  it("generates from the checkpoint of a run that was cut off, at any depth, through its own map", async () => {
    const stacked: RecipeInput = { ...progressive, map: "stack" };
    // Two of four layers are trained after 8 steps; after 6, the first is and the second is about to be made.
    for (const [after, uniqueLayers] of [
      [8, 2],
      [6, 1],
    ]) {
      const name = `early-${after}`;
      await stopped(name, after, stacked);
      const write = (depth?: number) => [...generateText(join(folder, name), { ...text, depth })].join("");
      expect(write()).to.equal(write(4));
      expect(write(uniqueLayers)).to.be.a("string");
      expect(write(3)).to.be.a("string");
      expect(() => write(5)).to.throw("depth must be a whole number from 1 to 4, not 5");
    }
    const stack = [...generateText(join(folder, "early-8"), text)].join("");
    await damaged(
      join(folder, "early-8", "experiment.json"),
      (json) => json.replace('"stack"', '"interp_floor"'),
      async () => {
        expect([...generateText(join(folder, "early-8"), text)].join("")).not.to.equal(stack);
      },
    );
    rmSync(join(folder, "early-8", "checkpoint.safetensors"));
    expect(() => [...generateText(join(folder, "early-8"), text)]).to.throw("early-8 has no weights yet");
  });

  it("is evaluated evenly and at its end", () => {
    expect([...evaluationSteps(10, 4)]).to.deep.equal([3, 5, 8, 10]);
    expect([...evaluationSteps(3, 100)]).to.deep.equal([1, 2, 3]);
  });
});

async function refused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  let error: Error | undefined;
  await promise.catch((caught: Error) => (error = caught));
  expect(error, "it was not refused").to.be.instanceOf(Error);
  expect(error!.message).to.match(message);
}

import { expect } from "chai";
import { chosenScore, fineTune } from "../../src/finetune/fine-tune.ts";
import { headModelFor } from "../../src/finetune/head-model.ts";
import { headedTask } from "../../src/finetune/join-task.ts";
import type { LabelledTask, RegressionTask, TaggingTask } from "../../src/tasks/task.ts";
import { gptTokenizer, pairs, questions, SIZE, sentences, tags, tokenizer } from "./small-task.ts";

const OPTIONS = { epochs: 8, batch: 8, learningRate: 4e-3, weightDecay: 0.01, seed: 1 };

interface Choices {
  family: "gpt" | "bert";
  probe: boolean;
  dropout: number;
}

async function tuned(task: LabelledTask, options: Partial<typeof OPTIONS & Choices> = {}) {
  const { family = "bert", probe = false, dropout = 0.1, ...rest } = options;
  const model = headModelFor(task, { ...SIZE, family, dropout, seed: rest.seed ?? OPTIONS.seed });
  model.encoderFrozen = probe;
  const headed = headedTask(task, model, family === "gpt" ? gptTokenizer : tokenizer);
  const before = model.stateDict();
  const result = await fineTune(task, headed, { ...OPTIONS, ...rest });
  return { model, headed, before, result: result! };
}

describe("fine-tuning", function () {
  this.timeout(20_000);

  for (const [task, family, least] of [
    [sentences, "bert", 0.95],
    [sentences, "gpt", 0.95],
    [tags, "bert", 0.95],
    [questions, "bert", 0.8],
  ] as const) {
    it(`learns ${task.kind} with ${family}, and leaves the weights of the best epoch`, async () => {
      const { result, headed } = await tuned(task, { family });
      expect(result.epochs.map(({ epoch }) => epoch)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
      const scores = result.epochs.map((epoch) => chosenScore(task, epoch));
      expect(Math.max(...scores)).to.be.above(least);
      // Of equal ones the earliest.
      expect(result.best).to.equal(result.epochs[scores.indexOf(Math.max(...scores))]);
      for (const set of [0, 1]) expect(headed.evaluate(set).scores).to.deep.equal(result.best.scores[set]);
      expect(result.modelFlops).to.be.above(0);
    });
  }

  for (const family of ["bert", "gpt"] as const) {
    it(`learns scores with ${family}`, async () => {
      const scored: RegressionTask = { ...sentences, kind: "regression", metrics: ["pearson", "spearman"] };
      const { result } = await tuned(scored, { family });
      expect(result.best.scores[0].pearson).to.be.above(0.9);
      expect(result.best.scores[0]).to.have.keys("pearson", "spearman");
    });
  }

  it("learns with a GPT what two texts say together", async () => {
    const { result } = await tuned(pairs, { family: "gpt" });
    expect(result.best.scores[0].accuracy).to.be.above(0.95);
  });

  it("is the same again with the same seed, and another with another", async () => {
    const [first, again, other] = [
      await tuned(sentences, { epochs: 2 }),
      await tuned(sentences, { epochs: 2 }),
      await tuned(sentences, { epochs: 2, seed: 2 }),
    ];
    const losses = ({ result }: typeof first) => result.epochs.map(({ loss }) => loss);
    expect(losses(again)).to.deep.equal(losses(first));
    expect(again.model.stateDict()).to.deep.equal(first.model.stateDict());
    expect(losses(other)).not.to.deep.equal(losses(first));
  });

  it("leaves a frozen encoder as it is, bit by bit", async () => {
    for (const [task, family] of [
      [tags, "bert"],
      [sentences, "gpt"],
    ] as const) {
      const { model, before } = await tuned(task, { family, epochs: 2, probe: true });
      for (const [name, { values }] of model.stateDict()) {
        if (name.startsWith("encoder.")) expect(values, name).to.deep.equal(before.get(name)!.values);
        else expect(values, name).not.to.deep.equal(before.get(name)!.values);
      }
    }
  });

  it("keeps the best of the epochs that were over when it is stopped, and has no result before the first was", async () => {
    const stoppedAt = async (last: number) => {
      const headed = headedTask(sentences, headModelFor(sentences, SIZE), tokenizer);
      const stop = new AbortController();
      const onProgress = ({ step }: { step: number }) => step === last && stop.abort();
      return { headed, result: await fineTune(sentences, headed, { ...OPTIONS, signal: stop.signal, onProgress }) };
    };
    // 64 sentences, 8 in a batch.
    expect((await stoppedAt(7)).result).to.equal(null);
    const { headed, result } = await stoppedAt(20);
    expect(result!.epochs).to.have.length(2);
    expect(headed.evaluate(0).scores).to.deep.equal(result!.best.scores[0]);
  });

  it("is told that weights are damaged, by evaluation and by training", async () => {
    const model = headModelFor(sentences, SIZE);
    for (const parameter of model.parameters()) parameter.numbers.fill(Number.NaN);
    const headed = headedTask(sentences, model, tokenizer);
    expect(() => headed.evaluate(0)).to.throw("the model's weights are damaged: its outputs are not numbers");
    const spoilt = headedTask(sentences, headModelFor(sentences, SIZE), tokenizer);
    // Every update is finite, and the last one of the epoch leaves nothing that is.
    const options = { ...OPTIONS, batch: 64, epochs: 2, learningRate: 1e38 };
    const lost = await fineTune(sentences, spoilt, options).catch((error: Error) => error.message);
    expect(lost).to.match(/^training stopped after epoch 2: .*; a lower learning rate may help$/);
    const failure = await fineTune(sentences, headed, OPTIONS).catch((error: Error) => error.message);
    expect(failure).to.match(
      /^training stopped at step 0: loss NaN, .*; nothing was learned before, so the first weights/,
    );
  });

  it("refuses what is no number of epochs, and a task with nothing to train on", async () => {
    const attempt = async (task: LabelledTask, epochs: number) => {
      try {
        await tuned(task, { epochs });
      } catch (error) {
        return (error as Error).message;
      }
      return "nothing";
    };
    expect(await attempt(sentences, 0.5)).to.equal("fine-tuning: epochs must be a whole number from 1, not 0.5");
    const message = async (more: object) => {
      const headed = headedTask(sentences, headModelFor(sentences, SIZE), tokenizer);
      return fineTune(sentences, headed, { ...OPTIONS, ...more }).catch((error: Error) => error.message);
    };
    expect(await message({ learningRate: -1 })).to.equal(
      "fine-tuning: the learning rate must be a finite number from 0, not -1",
    );
    expect(await message({ weightDecay: -5 })).to.equal(
      "fine-tuning: the weight decay must be a finite number from 0, not -5",
    );
    expect(await message({ seed: 2 ** 53 })).to.equal(
      "fine-tuning: the seed must be a whole number that is exact, not 9007199254740992",
    );
    expect(await attempt({ ...sentences, train: [] }, 1)).to.equal("sentences: there is nothing to train on");
  });
});

describe("a model with a head", () => {
  it("is refused by a task of another kind, or with another number of labels", () => {
    expect(() => headedTask(tags, headModelFor(sentences, SIZE), tokenizer)).to.throw(
      "tags is a task of tagging; a BertForSequenceClassification cannot do it",
    );
    const more = { ...sentences, labels: ["a", "b", "c"] };
    expect(() => headedTask(more, headModelFor(sentences, SIZE), tokenizer)).to.throw(
      "sentences needs a head whose number of outputs is 3, not 2",
    );
  });

  it("is no GPT where single tokens are judged", () => {
    for (const task of [tags, questions])
      expect(() => headModelFor(task, { ...SIZE, family: "gpt" })).to.throw(
        `${task.name} is a task of ${task.kind}; a GPT learns classification and regression alone`,
      );
    const gpt = headModelFor(sentences, { ...SIZE, family: "gpt" });
    expect(() => headedTask(sentences, gpt, tokenizer)).to.throw(
      "the tokenizer has no end-of-text token, which fine-tuning of a GPT needs",
    );
  });

  it("tags every word of a sentence, however long", () => {
    const words = Array.from({ length: 100 }, (_, index) => ["Ann", "went", "", "überaus"][index % 4]);
    const long: TaggingTask = {
      ...tags,
      development: [{ name: "dev", examples: [{ id: "long", words, tags: words.map(() => 0) }] }],
    };
    const [{ predicted }] = headedTask(long, headModelFor(long, SIZE), tokenizer).evaluate(0).predictions;
    const answers = predicted.split(" ");
    expect(answers).to.have.length(100);
    for (const answer of answers) expect(long.labels).to.include(answer);
  });

  it("answers with a piece of a context that is longer than it reads", () => {
    const context = "Ann went from Rome to Oslo. ".repeat(20);
    const { headed } = { headed: headedTask(withContext(context), headModelFor(questions, SIZE), tokenizer) };
    const [{ predicted }] = headed.evaluate(0).predictions;
    expect(context).to.include(predicted);
    expect(predicted).not.to.equal("");
  });
});

function withContext(context: string) {
  const examples = [{ id: "1", question: "Who went?", context, answers: [{ text: "Ann", start: 28 }] }];
  return { ...questions, hasUnanswerable: false, development: [{ name: "dev", examples }] };
}

import { join } from "node:path";
import { expect } from "chai";
import { headModelFor } from "../../src/finetune/head-model.ts";
import { labelsOf, loadFineTuned, loadForTask } from "../../src/finetune/load-for-task.ts";
import { savePretrained } from "../../src/pretrained/index.ts";
import type { LabelledTask } from "../../src/tasks/task.ts";
import { randomise } from "../nn/tiny-models.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";
import { questions, SIZE, sentences, tags, tokenizer } from "./small-task.ts";

const options = { dropout: 0, seed: 5 };

/** A folder with a model that was made for a task. */
function withModelFor(task: LabelledTask, body: (folder: string, weights: ReadonlyMap<string, unknown>) => void): void {
  withTemporaryFolder((place) => {
    const folder = join(place, "model");
    const model = headModelFor(task, { ...SIZE, seed: 1 });
    randomise(model, 2);
    savePretrained(folder, { model, tokenizer, labels: labelsOf(task) });
    body(folder, model.stateDict());
  });
}

describe("a model for a task, from a folder with a head", () => {
  it("goes on with that head where it was trained for the same labels", () => {
    withModelFor(sentences, (folder, weights) => {
      const { model, hasNewHead } = loadForTask(folder, sentences, options);
      expect(hasNewHead).to.equal(false);
      expect(model.stateDict()).to.deep.equal(weights);
      expect(loadFineTuned(folder, sentences).model.stateDict()).to.deep.equal(weights);
    });
  });

  const others: [string, LabelledTask][] = [
    ["other labels", { ...sentences, labels: ["no", "yes"] }],
    ["more labels", { ...sentences, labels: ["no", "yes", "perhaps"] }],
    ["scores", { ...sentences, kind: "regression", metrics: ["pearson"] }],
    ["tags", tags],
    ["answers", questions],
  ];
  for (const [what, task] of others) {
    it(`has a new last layer, of its own seed, for ${what}, and the same encoder`, () => {
      withModelFor(sentences, (folder, weights) => {
        const { model, hasNewHead } = loadForTask(folder, task, options);
        expect(hasNewHead).to.equal(true);
        const expected = headModelFor(task, { ...SIZE, ...options }).stateDict();
        for (const [name, { values }] of model.stateDict()) {
          const isNew = /^(classifier|startEnd)\./.test(name);
          const { values: wanted } = (isNew ? expected.get(name) : weights.get(name)) as { values: Float32Array };
          expect(values, name).to.deep.equal(wanted);
        }
      });
    });
  }

  it("is not measured on a task with other labels", () => {
    withModelFor(sentences, (folder) => {
      expect(() => loadFineTuned(folder, { ...sentences, labels: ["no", "yes"] })).to.throw(
        `${folder} has the labels other, ann; the task sentences has no, yes, in this order`,
      );
    });
  });
});

import { expect } from "chai";
import { Tokenizer, trainBpe } from "../../src/data/index.ts";
import { generateText } from "../../src/lab/generate-text.ts";
import { Gpt } from "../../src/nn/index.ts";
import { savePretrained } from "../../src/pretrained/index.ts";
import { withTemporaryFolder } from "../temporary-folder.ts";

describe("text from a folder's model", () => {
  const tokenizer = Tokenizer.fromJson(trainBpe({ texts: ["sea"], vocabularySize: 256 }));
  const model = new Gpt({ layers: 1, hidden: 4, heads: 2, context: 8, vocabulary: 256 });
  const text = { prompt: "sea", tokens: 3, temperature: 0, seed: 0 };

  it("is refused by the folder's name where its weights are damaged, and options by theirs", () => {
    withTemporaryFolder((folder) => {
      savePretrained(folder, { model, tokenizer });
      expect([...generateText(folder, text)].join("")).not.to.equal("");
      expect(() => [...generateText(folder, { ...text, topP: 2 })]).to.throw(/^generate: topP must be in/);
      model.tokenEmbedding.weight.numbers.fill(Number.NaN);
      savePretrained(folder, { model, tokenizer });
      expect(() => [...generateText(folder, text)]).to.throw(
        `${folder}: the model's weights are damaged: its outputs are not numbers`,
      );
    });
  });
});

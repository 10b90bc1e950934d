import { expect } from "chai";
import { sensesOf } from "../../../src/tasks/embedded/word-senses.ts";

const HEADER = "  1 This software and database is being provided to you\n";
const line = (words: string, gloss: string): string => {
  const list = words.split(" ");
  const count = list.length.toString(16).padStart(2, "0");
  return `00001740 03 n ${count} ${list.map((word) => `${word} 0`).join(" ")} 000 | ${gloss}  \n`;
};

describe("sensesOf", () => {
  it("gathers the examples of each sense of a word", () => {
    const data =
      HEADER +
      line("bank", 'sloping land; "they pulled the canoe up on the bank"; "he sat on the bank of the river"') +
      line("Bank depository", 'an institution; "he cashed a check at the bank"') +
      line("bank", "a flight manoeuvre");
    expect(sensesOf(data)).to.deep.equal([
      {
        word: "bank",
        senses: [
          ["they pulled the canoe up on the bank", "he sat on the bank of the river"],
          ["he cashed a check at the bank"],
        ],
      },
    ]);
  });

  it("knows regular inflections and no other words that begin alike", () => {
    const found = (word: string, example: string) => sensesOf(line(word, `gloss; "${example}"`)).length === 1;
    for (const [word, form] of [
      ["stop", "stopped"],
      ["carry", "carries"],
      ["carry", "carrying"],
      ["move", "moving"],
      ["box", "boxes"],
      ["dog", "dog's"],
      ["Dog", "DOG,"],
      ["galore(ip)", "galore"],
    ])
      expect(found(word, `there ${form} is`), `${word}: ${form}`).to.equal(true);
    for (const [word, form] of [
      ["spotty", "spotted"],
      ["car", "carpet"],
      ["run", "ran"],
      ["old", "bold"],
    ])
      expect(found(word, `there ${form} is`), `${word}: ${form}`).to.equal(false);
  });

  it("leaves out phrases of several words, short examples and glosses with an odd quotation mark", () => {
    expect(sensesOf(line("hot_dog", 'food; "he ate a hot dog there"'))).to.deep.equal([]);
    expect(sensesOf(line("dog", 'animal; "dog days"'))).to.deep.equal([]);
    expect(sensesOf(line("dog", 'animal; "the dog barked; the dog bit'))).to.deep.equal([]);
  });
});

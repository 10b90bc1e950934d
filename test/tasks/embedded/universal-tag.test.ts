import { expect } from "chai";
import fc from "fast-check";
import { loadCorpus } from "../../../src/data/corpus.ts";
import { UNIVERSAL_TAGS, universalTag } from "../../../src/tasks/embedded/universal-tag.ts";

describe("universalTag", () => {
  it("knows every tag of the corpus, and calls only the 157 words without a tag X", () => {
    const counts = new Map<string | undefined, number>();
    const unknown = new Set<string>();
    for (const { taggedSentences } of loadCorpus("brown")) {
      for (const { tag } of taggedSentences!.flat()) {
        const universal = universalTag(tag);
        counts.set(universal, (counts.get(universal) ?? 0) + 1);
        if (universal === undefined) unknown.add(tag);
      }
    }
    expect([...unknown]).to.deep.equal([]);
    expect(counts.get("X")).to.equal(157);
    expect([...counts.keys()]).to.have.members([...UNIVERSAL_TAGS]);
  });

  it("looks through headlines, titles, negations, contractions, possessives and foreign words", () => {
    const expected: Record<string, string> = {
      "nn$-tl": "NOUN",
      "pps+bez-hl": "PRON",
      "doz*": "VERB",
      "*": "ADV",
      "*-hl": "ADV",
      pp$: "DET",
      pp$$: "PRON",
      wp$: "DET",
      dt$: "DET",
      "fw-in+at-t": "ADP",
      "fw-jj-tl": "ADJ",
      "jj-tl-hl": "ADJ",
      "--": ".",
      "---hl": ".",
      "ppss+ber-n": "PRON",
      to: "PRT",
      cd: "NUM",
    };
    for (const [tag, universal] of Object.entries(expected)) expect(universalTag(tag), tag).to.equal(universal);
  });

  it("does not know other tags", () => {
    fc.assert(fc.property(fc.stringMatching(/^[A-Z]{1,4}$/), (tag) => universalTag(tag) === undefined));
  });
});

import { expect } from "chai";
import { type BrownDocument, brownText } from "../../src/data/brown.ts";
import { loadCorpus } from "../../src/data/corpus.ts";

/** What the corpus writes for something else: Greek letters and degrees, the only words whose letters change. */
const CODED = /\*/;

describe("the Brown corpus", () => {
  let documents: BrownDocument[];
  before(() => {
    documents = loadCorpus("brown") as BrownDocument[];
  });

  it("has 500 documents of 15 genres", () => {
    expect(documents).to.have.length(500);
    const genres = Map.groupBy(documents, ({ genre }) => genre);
    expect(genres.size).to.equal(15);
    expect(genres.get("learned")).to.have.length(80);
    expect(genres.get("science_fiction")).to.have.length(6);
    expect(new Set(documents.map(({ id }) => id)).size).to.equal(500);
  });

  it("begins as printed", () => {
    expect(documents[0].text).to.match(
      /^The Fulton County Grand Jury said Friday an investigation of Atlanta's recent primary election produced "no evidence" that any irregularities took place\.\n\nThe jury further said/,
    );
  });

  it("keeps the part-of-speech tags", () => {
    expect(documents[0].taggedSentences[0].slice(0, 3)).to.deep.equal([
      { token: "The", tag: "at" },
      { token: "Fulton", tag: "np-tl" },
      { token: "County", tag: "nn-tl" },
    ]);
    const tokens = documents.reduce(
      (total, { taggedSentences }) => total + taggedSentences.reduce((sum, { length }) => sum + length, 0),
      0,
    );
    expect(tokens).to.equal(1_161_192);
    expect(
      documents.every(({ taggedSentences }) =>
        taggedSentences.every((sentence) => sentence.every(({ token, tag }) => token !== "" && tag !== "")),
      ),
    ).to.equal(true);
  });

  it("leaves no stray space, doubled mark or code of the corpus in any document", () => {
    for (const { id, text } of documents) {
      for (const wrong of [
        / [.,;:?!)\]](?!\d)/,
        /[([] /,
        / {2}|\t|\n{3}| \n|\n /,
        /``|''(?!')/,
        /([,;:?!])\1/,
        /\.\./,
        /^\s|\s$/,
      ]) {
        const found = wrong.exec(text);
        expect(
          found === null ? "" : text.slice(Math.max(0, found.index - 30), found.index + 30),
          `${id} ${wrong}`,
        ).to.equal("");
      }
    }
  });

  it("puts no space inside quotation marks", () => {
    for (const document of documents) {
      const source = document.taggedSentences
        .map((sentence) => sentence.map(({ token, tag }) => `${token}/${tag}`).join(" "))
        .join("\n");
      const text = brownText(source, { quotes: "curly" });
      for (const wrong of [/[“‘]\s/, /\s[”’]/, /[\p{L}\p{N}.,]“/u, /”[\p{L}\p{N}]/u]) {
        const found = wrong.exec(text);
        expect(
          found === null ? "" : text.slice(Math.max(0, found.index - 30), found.index + 30),
          `${document.id} ${wrong}`,
        ).to.equal("");
      }
    }
  });

  it("keeps every word of every document, in order and capitals", () => {
    for (const { id, text, taggedSentences } of documents) {
      const words = taggedSentences
        .flat()
        .map(({ token }) => token.replace(/[^\p{L}\p{N}]/gu, ""))
        .join("");
      const coded = taggedSentences.flat().some(({ token }) => CODED.test(token));
      if (!coded) expect(text.replace(/[^\p{L}\p{N}]/gu, "") === words, id).to.equal(true);
    }
  });

  it("keeps the number of words: only a hyphen or slash that stood alone joins two", () => {
    let joins = 0;
    for (const { id, text, taggedSentences } of documents) {
      const tokens = taggedSentences.flat().map(({ token }) => token);
      const expected = tokens.filter((token) => /[\p{L}\p{N}]/u.test(token)).length;
      const found = text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
      const joiners = tokens.filter((token) => token === "-" || token === "/").length;
      joins += expected - found;
      expect(expected - found, id).to.be.within(0, joiners);
    }
    expect(joins).to.be.greaterThan(50);
  });
});

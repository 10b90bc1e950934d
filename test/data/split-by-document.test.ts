import { expect } from "chai";
import fc from "fast-check";
import type { Document } from "../../src/data/document.ts";
import { splitByDocument } from "../../src/data/split-by-document.ts";

const corpus = fc
  .array(fc.constantFrom(undefined, "news", "humor", "lore"), { minLength: 2, maxLength: 120 })
  .map((genres): Document[] => genres.map((genre, index) => ({ id: `${index}`, text: `text ${index}`, genre })));
const fraction = fc.double({ min: 0.01, max: 0.99, noNaN: true });

describe("splitByDocument", () => {
  it("is disjoint, complete, in order, repeatable and never empty on a side", () => {
    fc.assert(
      fc.property(corpus, fraction, fc.nat(), (documents, validationFraction, seed) => {
        const { train, validation } = splitByDocument(documents, { validationFraction, seed });
        expect(train).to.not.be.empty;
        expect(validation).to.not.be.empty;
        const order = (side: readonly Document[]) => side.map((document) => documents.indexOf(document));
        expect([...order(train), ...order(validation)].sort((a, b) => a - b)).to.deep.equal([...documents.keys()]);
        for (const side of [train, validation])
          expect(order(side)).to.deep.equal(order(side).toSorted((a, b) => a - b));
        expect(splitByDocument(documents, { validationFraction, seed })).to.deep.equal({ train, validation });
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("takes each genre's share to within one document", () => {
    fc.assert(
      fc.property(corpus, fraction, fc.nat(), (documents, validationFraction, seed) => {
        const { validation } = splitByDocument(documents, { validationFraction, seed });
        const share = validation.length / documents.length;
        expect(Math.abs(validation.length - validationFraction * documents.length)).to.be.at.most(1);
        for (const [genre, members] of Map.groupBy(documents, (document) => document.genre)) {
          const taken = validation.filter((document) => document.genre === genre).length;
          expect(Math.abs(taken - share * members.length)).to.be.lessThan(1);
        }
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it("chooses other documents with another seed", () => {
    const documents = Array.from({ length: 100 }, (_, index) => ({ id: `${index}`, text: "x" }));
    const chosen = (seed: number) =>
      splitByDocument(documents, { validationFraction: 0.1, seed }).validation.map(({ id }) => id);
    expect(chosen(1)).to.not.deep.equal(chosen(2));
  });

  it("refuses what cannot be split", () => {
    const one = [{ id: "a", text: "x" }];
    expect(() => splitByDocument(one, { validationFraction: 0.1, seed: 0 })).to.throw(
      "a corpus of 1 document(s) is too small",
    );
    expect(() => splitByDocument([...one, ...one], { validationFraction: 0, seed: 0 })).to.throw(
      "the validation fraction must lie between 0 and 1, not 0",
    );
    expect(() => splitByDocument([...one, ...one], { validationFraction: 1.5, seed: 0 })).to.throw("not 1.5");
  });
});

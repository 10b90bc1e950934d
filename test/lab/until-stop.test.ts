import { expect } from "chai";
import fc from "fast-check";
import { untilStop } from "../../src/lab/until-stop.ts";

const letters = fc.constantFrom("a", "b", "c");
const texts = fc.array(letters, { maxLength: 20 }).map((list) => list.join(""));
const stops = fc.array(
  fc.array(letters, { minLength: 1, maxLength: 4 }).map((list) => list.join("")),
  { maxLength: 3 },
);

/** Letter by letter: the text up to which no stop was complete, without the longest one that then is. */
function expectedOf(text: string, ends: readonly string[]): string {
  for (let length = 1; length <= text.length; length++) {
    const seen = text.slice(0, length);
    const complete = ends.filter((end) => seen.endsWith(end)).map((end) => end.length);
    if (complete.length > 0) return seen.slice(0, length - Math.max(...complete));
  }
  return text;
}

/** The same text in pieces that end at some of the places. */
function piecesOf(text: string, places: readonly number[]): string[] {
  const cuts = [0, ...places.map((place) => Math.min(place, text.length)).sort((a, b) => a - b), text.length];
  return cuts.slice(1).map((end, index) => text.slice(cuts[index], end));
}

describe("a text that ends at a stop", () => {
  it("is what stands before the first one that is complete, however it was cut", () => {
    fc.assert(
      fc.property(texts, stops, fc.array(fc.nat(20), { maxLength: 8 }), (text, ends, places) => {
        const written = [...untilStop(piecesOf(text, places), ends)];
        expect(written.join("")).to.equal(expectedOf(text, ends));
        expect(written).not.to.include("");
      }),
      { numRuns: 2000 },
    );
  });

  it("holds back no more than what may be the beginning of a stop", () => {
    fc.assert(
      fc.property(texts, stops, (text, ends) => {
        let given = "";
        let taken = "";
        const spelled = (function* () {
          for (const letter of text) yield (given += letter) && letter;
        })();
        for (const piece of untilStop(spelled, ends)) {
          taken += piece;
          const left = given.slice(taken.length);
          // A stop may also be complete by now, of which nothing is handed on; else what is left begins one.
          const begins = ends.some((end) => end.startsWith(left));
          const isOver = taken === expectedOf(text, ends);
          expect(left === "" || begins || isOver, JSON.stringify({ given, taken, ends })).to.equal(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("needs no more pieces than it takes to be complete", () => {
    let asked = 0;
    const pieces = (function* () {
      for (;;) yield ["x", "E", "ND"][asked++ % 3];
    })();
    expect([...untilStop(pieces, ["END"])]).to.deep.equal(["x"]);
    expect(asked).to.equal(3);
  });

  it("refuses an empty stop before anything is asked for", () => {
    expect(() => untilStop([], ["a", ""])).to.throw("a text that ends the output must not be empty");
  });
});

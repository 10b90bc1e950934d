import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import {
  answerF1,
  bestThresholds,
  evaluateSpans,
  exactMatch,
  normaliseAnswer,
  type SpanPrediction,
} from "../../src/tasks/squad-metrics.ts";
import type { SpanExample } from "../../src/tasks/task.ts";

const { answers: NORMALISED }: { answers: { text: string; normalised: string }[] } = JSON.parse(
  readFileSync(new URL("../fixtures/metrics.json", import.meta.url), "utf8"),
);

/** Questions by the texts of their right answers, with what was answered. */
function questions(...drawn: { right: string[]; text: string; noAnswerScore?: number }[]): {
  examples: SpanExample[];
  predictions: Map<string, SpanPrediction>;
} {
  return {
    examples: drawn.map(({ right }, index) => ({
      id: `q${index}`,
      question: "?",
      context: right.join(" "),
      answers: right.map((text) => ({ text, start: 0 })),
    })),
    predictions: new Map(drawn.map(({ right: _, ...prediction }, index) => [`q${index}`, prediction])),
  };
}

describe("normaliseAnswer", () => {
  for (const { text, normalised } of NORMALISED) {
    it(`makes of ${JSON.stringify(text)} what Python makes of it`, () => {
      expect(normaliseAnswer(text)).to.equal(normalised);
    });
  }
});

describe("exactMatch and answerF1", () => {
  it("see no difference that normalisation removes", () => {
    expect(exactMatch("the  Eye!", ['"the Eye"'])).to.equal(1);
    expect(answerF1("the  Eye!", ['"the Eye"'])).to.equal(1);
  });

  it("count common words", () => {
    // "old red lighthouse" against "red brick lighthouse": 2 common; P = 2/3, R = 2/3, F1 = 2/3.
    expect(answerF1("the old red lighthouse", ["a red brick lighthouse"])).to.be.closeTo(2 / 3, 1e-15);
    expect(exactMatch("the old red lighthouse", ["a red brick lighthouse"])).to.equal(0);
    // "1857" against "in 1857": P = 1, R = 1/2, F1 = 2·(1/2) / (3/2) = 2/3.
    expect(answerF1("1857", ["in 1857"])).to.be.closeTo(2 / 3, 1e-15);
    expect(answerF1("oil", ["wood"])).to.equal(0);
  });

  it("count a word as often as both have it", () => {
    // "no no no" against "no yes no no no" would have 3 common: P = 1, R = 3/5, F1 = 2·(3/5) / (8/5) = 3/4.
    expect(answerF1("no no no", ["no yes no no no"])).to.be.closeTo(3 / 4, 1e-15);
    // "no no no" against "no": 1 common; P = 1/3, R = 1, F1 = (2/3) / (4/3) = 1/2.
    expect(answerF1("no no no", ["no"])).to.be.closeTo(1 / 2, 1e-15);
  });

  it("take the right answer that fits best", () => {
    // F1 against the three: 0, 2·1/(2+3) = 2/5, 1.
    expect(answerF1("red paint", ["oil", "old red door", "red paint"])).to.equal(1);
    expect(answerF1("red paint", ["oil", "old red door"])).to.be.closeTo(2 / 5, 1e-15);
    expect(exactMatch("red paint", ["oil", "Red paint."])).to.equal(1);
  });

  it("take no right answer for the right answer that there is none", () => {
    for (const right of [[], ["the"], ["!?"]]) {
      expect(exactMatch("", right)).to.equal(1);
      expect(answerF1("", right)).to.equal(1);
      expect(exactMatch("oil", right)).to.equal(0);
      expect(answerF1("oil", right)).to.equal(0);
    }
    // Of "the" nothing is left, so that it is not among the right answers.
    expect(exactMatch("", ["the", "oil"])).to.equal(0);
    expect(answerF1("", ["the", "oil"])).to.equal(0);
  });
});

describe("evaluateSpans", () => {
  const drawn = [
    { right: ["1857"], text: "1857", noAnswerScore: -3 }, // EM 1, F1 1
    { right: ["old red door"], text: "red paint", noAnswerScore: 1 }, // EM 0, F1 2/5
    { right: [], text: "oil", noAnswerScore: 2 }, // EM 0, F1 0
    { right: [], text: "", noAnswerScore: 0 }, // EM 1, F1 1
  ];

  it("means over all, over those with and those without an answer", () => {
    expect(evaluateSpans(questions(...drawn))).to.deep.equal({
      exactMatch: 2 / 4,
      f1: (1 + 2 / 5 + 0 + 1) / 4,
      total: 4,
      answerable: { exactMatch: 1 / 2, f1: (1 + 2 / 5) / 2, total: 2 },
      unanswerable: { exactMatch: 1 / 2, f1: 1 / 2, total: 2 },
    });
  });

  it("takes what is above the threshold for unanswered", () => {
    // Above 1 is the third question alone, which has no answer: it becomes right.
    expect(evaluateSpans({ ...questions(...drawn), threshold: 1 })).to.deep.equal({
      exactMatch: 3 / 4,
      f1: (1 + 2 / 5 + 1 + 1) / 4,
      total: 4,
      answerable: { exactMatch: 1 / 2, f1: (1 + 2 / 5) / 2, total: 2 },
      unanswerable: { exactMatch: 1, f1: 1, total: 2 },
    });
    // Above 0 is the second one too, which loses its 2/5.
    expect(evaluateSpans({ ...questions(...drawn), threshold: 0 }).f1).to.equal(3 / 4);
  });

  it("has no part that has no question", () => {
    expect(evaluateSpans(questions(drawn[0]))).to.have.all.keys("exactMatch", "f1", "total", "answerable");
    expect(evaluateSpans(questions(drawn[2]))).to.have.all.keys("exactMatch", "f1", "total", "unanswerable");
  });

  it("refuses a question without a prediction, a score that is none, and no questions", () => {
    const { examples } = questions(drawn[0]);
    expect(() => evaluateSpans({ examples, predictions: new Map() })).to.throw("question q0 has no prediction");
    expect(() => evaluateSpans(questions({ right: [], text: "", noAnswerScore: Number.NaN }))).to.throw(
      "the no-answer score of question q0 is NaN",
    );
    expect(() => evaluateSpans(questions())).to.throw("no questions: there is nothing to measure");
    expect(() => bestThresholds(questions())).to.throw("no questions: there is nothing to measure");
  });
});

describe("bestThresholds", () => {
  it("finds them by hand", () => {
    // With nothing answered 2 of 5 are right. In the order of the scores:
    //   −3 right answer  EM 3, F1 3;  0 wrong answer to none  2, 2;  1 half right  EM 2, F1 2.4;  2 right  EM 3, F1 3.4;
    //    4 wrong answer to none  EM 2, F1 2.4.
    const found = bestThresholds(
      questions(
        { right: ["old red door"], text: "red paint", noAnswerScore: 1 },
        { right: [], text: "oil", noAnswerScore: 4 },
        { right: ["1857"], text: "1857", noAnswerScore: -3 },
        { right: [], text: "wood", noAnswerScore: 0 },
        { right: ["1921"], text: "1921", noAnswerScore: 2 },
      ),
    );
    expect(found.exactMatch).to.deep.equal({ value: 3 / 5, threshold: -3 });
    expect(found.f1.value).to.be.closeTo(3.4 / 5, 1e-15);
    expect(found.f1.threshold).to.equal(2);
  });

  it("answers nothing where nothing should be answered", () => {
    const drawn = [
      { right: [], text: "oil", noAnswerScore: -2 },
      { right: ["1857"], text: "1921", noAnswerScore: 1 },
    ];
    const { exactMatch: best } = bestThresholds(questions(...drawn));
    expect(best).to.deep.equal({ value: 1 / 2, threshold: -3 });
  });

  it("gives the best that evaluateSpans gives at any threshold", () => {
    const question = fc.record({
      right: fc.constantFrom<string[]>([], ["old red door"], ["red"], ["red", "the sea"]),
      text: fc.constantFrom("", "the", "red", "old red", "sea", "oil"),
      // Few values, so that many are equal.
      noAnswerScore: fc.integer({ min: -3, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(question, { minLength: 1, maxLength: 12 }), (drawn) => {
        const given = questions(...drawn);
        const best = bestThresholds(given);
        const at = (threshold: number) => evaluateSpans({ ...given, threshold });
        const all = [-10, -3.5, -3, -2, -1, 0, 1, 2, 3, 10].map(at);
        for (const metric of ["exactMatch", "f1"] as const) {
          expect(at(best[metric].threshold)[metric]).to.be.closeTo(best[metric].value, 1e-12);
          expect(Math.max(...all.map((scores) => scores[metric]))).to.be.closeTo(best[metric].value, 1e-12);
        }
      }),
    );
  });
});

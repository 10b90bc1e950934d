import { expect } from "chai";
import fc from "fast-check";
import {
  bestSpans,
  type ScoredSpan,
  type ScoredWindow,
  spanWindows,
  tokensOfRange,
  windowWithMostContext,
} from "../../src/tasks/span-windows.ts";

const sizes = fc.record({
  contextTokens: fc.integer({ min: 0, max: 60 }),
  questionTokens: fc.integer({ min: 0, max: 8 }),
  room: fc.integer({ min: 1, max: 25 }),
  stride: fc.integer({ min: 1, max: 30 }),
});
const windowsOf = ({
  room,
  ...options
}: {
  room: number;
  contextTokens: number;
  questionTokens: number;
  stride: number;
}) => spanWindows({ ...options, maximumLength: options.questionTokens + 3 + room });

describe("spanWindows", () => {
  it("covers the context with windows that a sequence holds, a stride apart", () => {
    fc.assert(
      fc.property(sizes, (drawn) => {
        const windows = windowsOf(drawn);
        const { contextTokens, room, stride } = drawn;
        expect(windows[0].from).to.equal(0);
        expect(windows.at(-1)!.to).to.equal(contextTokens);
        for (const [index, { from, to }] of windows.entries()) {
          expect(to - from).to.be.at.most(room);
          if (index < windows.length - 1) expect(to - from).to.equal(room);
          if (index > 0) expect(from - windows[index - 1].from).to.equal(Math.min(stride, room));
        }
        // None could be spared: but for the last one, no window reaches the end.
        for (const { to } of windows.slice(0, -1)) expect(to).to.be.below(contextTokens);
      }),
    );
  });

  it("has one window for a context that fits, and an empty one for an empty context", () => {
    const options = { questionTokens: 5, maximumLength: 18, stride: 4 };
    expect(spanWindows({ ...options, contextTokens: 10 })).to.deep.equal([{ from: 0, to: 10 }]);
    expect(spanWindows({ ...options, contextTokens: 11 })).to.deep.equal([
      { from: 0, to: 10 },
      { from: 4, to: 11 },
    ]);
    expect(spanWindows({ ...options, contextTokens: 0 })).to.deep.equal([{ from: 0, to: 0 }]);
  });

  it("refuses a question without place for a context, and numbers that cannot be", () => {
    const options = { contextTokens: 10, questionTokens: 5, maximumLength: 18, stride: 4 };
    expect(() => spanWindows({ ...options, questionTokens: 15 })).to.throw(
      "a question of 15 tokens leaves no place for its context in 18: with 3 special tokens and one of the context it needs 19",
    );
    expect(spanWindows({ ...options, questionTokens: 14 })).to.have.length(10);
    expect(() => spanWindows({ ...options, stride: 0 })).to.throw("stride must be a whole number of at least 1, not 0");
    expect(() => spanWindows({ ...options, contextTokens: 1.5 })).to.throw("contextTokens must be a whole number");
    expect(() => spanWindows({ ...options, maximumLength: Number.NaN })).to.throw("maximumLength must be");
  });
});

describe("windowWithMostContext", () => {
  it("counts the smaller of the contexts left and right", () => {
    // Beside token 7 the second window shows 4 before and 0 after it, the third 1 and 3.
    const windows = [
      { from: 0, to: 5 },
      { from: 3, to: 8 },
      { from: 6, to: 11 },
    ];
    expect(windowWithMostContext(windows, 7)).to.equal(2);
    // Token 4 has 4 | 0, and 1 | 3.
    expect(windowWithMostContext(windows, 4)).to.equal(1);
    expect(windowWithMostContext(windows, 0)).to.equal(0);
    expect(windowWithMostContext(windows, 10)).to.equal(2);
  });

  it("prefers the longer window at equal context, and then the first, but context to length", () => {
    expect(
      windowWithMostContext(
        [
          { from: 1, to: 9 },
          { from: 0, to: 3 },
        ],
        1,
      ),
    ).to.equal(1);
    expect(
      windowWithMostContext(
        [
          { from: 0, to: 3 },
          { from: 1, to: 9 },
        ],
        2,
      ),
    ).to.equal(1);
    expect(
      windowWithMostContext(
        [
          { from: 0, to: 4 },
          { from: 1, to: 5 },
        ],
        2,
      ),
    ).to.equal(0);
  });

  it("refuses a token that no window shows", () => {
    expect(() => windowWithMostContext([{ from: 0, to: 4 }], 4)).to.throw("token 4 of the context is in no window");
  });
});

describe("tokensOfRange", () => {
  // "The lamp burned": "The", "la", "##mp", "burned".
  const offsets = [
    { start: 0, end: 3 },
    { start: 4, end: 6 },
    { start: 6, end: 8 },
    { start: 9, end: 15 },
  ];

  it("has every token that the piece touches", () => {
    expect(tokensOfRange(offsets, { start: 4, end: 8 })).to.deep.equal({ from: 1, to: 3 });
    expect(tokensOfRange(offsets, { start: 5, end: 10 })).to.deep.equal({ from: 1, to: 4 });
    expect(tokensOfRange(offsets, { start: 3, end: 4 })).to.equal(undefined);
    expect(tokensOfRange([], { start: 0, end: 4 })).to.equal(undefined);
  });
});

describe("bestSpans", () => {
  const offsetsOf = (tokens: number) =>
    Array.from({ length: tokens }, (_, token) => ({ start: 3 * token, end: 3 * token + 2 }));

  /** Windows with drawn scores; whole ones, so that many are equal. */
  const scored = sizes.chain((drawn) => {
    const windows = windowsOf(drawn);
    const length = drawn.questionTokens + 3 + drawn.room;
    const scores = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: length, maxLength: length });
    return fc.record({
      contextTokens: fc.constant(drawn.contextTokens),
      windows: fc.tuple(...windows.map(() => fc.tuple(scores, scores))).map((rows): ScoredWindow[] =>
        windows.map((window, index) => ({
          ...window,
          contextStart: drawn.questionTokens + 2,
          startScores: rows[index][0],
          endScores: rows[index][1],
        })),
      ),
    });
  });

  /** Everything that is allowed, from the definition: over windows, then over all pairs of places in the sequence. */
  function allSpans(windows: readonly ScoredWindow[], maximumTokens: number): ScoredSpan[] {
    return windows.flatMap((window, index) => {
      const found: ScoredSpan[] = [];
      const length = window.startScores.length;
      for (let start = 0; start < length; start++) {
        for (let end = start; end < length; end++) {
          const first = window.from + start - window.contextStart;
          const last = window.from + end - window.contextStart;
          if (first < window.from || last >= window.to || last - first + 1 > maximumTokens) continue;
          if (windowWithMostContext(windows, first) !== index) continue;
          found.push({ start: 3 * first, end: 3 * last + 2, score: window.startScores[start] + window.endScores[end] });
        }
      }
      return found;
    });
  }

  it("finds the best of all pairs of places in all windows", () => {
    const counts = fc.record({
      maximumTokens: fc.integer({ min: 1, max: 12 }),
      count: fc.integer({ min: 1, max: 25 }),
    });
    fc.assert(
      fc.property(scored, counts, ({ contextTokens, windows }, { maximumTokens, count }) => {
        const { spans, nullScore, nullDifference } = bestSpans({
          windows,
          offsets: offsetsOf(contextTokens),
          maximumTokens,
          count,
        });
        const expected = allSpans(windows, maximumTokens).sort(
          (one, other) => other.score - one.score || one.start - other.start || one.end - other.end,
        );
        expect(spans).to.deep.equal(expected.slice(0, count));
        const nulls = windows.map(({ startScores, endScores }) => startScores[0] + endScores[0]);
        expect(nullScore).to.equal(Math.min(...nulls));
        expect(nullDifference).to.equal(contextTokens > 0 ? nullScore - expected[0].score : Number.POSITIVE_INFINITY);
      }),
    );
  });

  it("finds an answer by hand, in the window that shows more around it", () => {
    // Token 3 is the first window's last but one (1 after it) and the second one's second (1 before it): the first counts.
    const windows = [
      {
        from: 0,
        to: 5,
        contextStart: 3,
        startScores: [2, 0, 0, 0, 1, 0, 5, 0, 0],
        endScores: [1, 0, 0, 0, 0, 0, 0, 4, 0],
      },
      {
        from: 2,
        to: 7,
        contextStart: 3,
        startScores: [1, 0, 0, 0, 99, 0, 0, 0, 0],
        endScores: [0, 0, 0, 0, 0, 99, 0, 0, 0],
      },
    ];
    const found = bestSpans({ windows, offsets: offsetsOf(7) });
    // Token 4 as a start is the second window's, where the score of its end is 99: 0 + 99.
    expect(found.spans[0]).to.deep.equal({ start: 12, end: 14, score: 99 });
    expect(found.spans[1]).to.deep.equal({ start: 9, end: 14, score: 9 });
    expect(found.nullScore).to.equal(1);
    expect(found.nullDifference).to.equal(1 - 99);
  });

  it("lists 20 answers of at most 30 tokens when not told otherwise", () => {
    const zeros = new Float32Array(50);
    const ends = Float32Array.from({ length: 50 }, (_, place) => place);
    const window = { from: 0, to: 40, contextStart: 5, startScores: zeros, endScores: ends };
    const { spans } = bestSpans({ windows: [window], offsets: offsetsOf(40) });
    expect(spans).to.have.length(20);
    // All of the best end with the last token, 39, and begin with 10 or later ones.
    expect(spans[0]).to.deep.equal({ start: 30, end: 119, score: 44 });
  });

  it("refuses scores that are no numbers or are missing", () => {
    const window = { from: 0, to: 2, contextStart: 2, startScores: [0, 0, 0, 0], endScores: [0, 0, 0, 0] };
    const offsets = offsetsOf(2);
    const message = "a score of the start or the end of an answer is NaN or missing";
    expect(() => bestSpans({ windows: [{ ...window, endScores: [0, 0, 0, Number.NaN] }], offsets })).to.throw(message);
    expect(() => bestSpans({ windows: [{ ...window, startScores: [0, 0] }], offsets })).to.throw(message);
    expect(() => bestSpans({ windows: [{ ...window, startScores: [Number.NaN, 0, 0, 0] }], offsets })).to.throw(
      message,
    );
    expect(() => bestSpans({ windows: [window], offsets, count: 0 })).to.throw(
      "count must be a whole number of at least 1",
    );
    expect(() => bestSpans({ windows: [window], offsets: offsetsOf(3) })).to.throw(
      "token 2 of the context is in no window",
    );
  });
});

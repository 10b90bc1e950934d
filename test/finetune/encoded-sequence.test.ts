import { expect } from "chai";
import fc from "fast-check";
import { batchOf, frame, frameIdsOf, framingOf, truncate } from "../../src/finetune/encoded-sequence.ts";

const IDS = { classification: 100, separator: 101, padding: 102 };

describe("sequences for a model", () => {
  it("fill no more than the context, with a special token around and between texts or between them alone", () => {
    const { sequenceOf } = framingOf("bert", { special: IDS });
    expect(sequenceOf([1, 2, 3], undefined, 4)).to.deep.equal(frame([1, 2], undefined, IDS));
    expect(sequenceOf([1, 2, 3], [4, 5], 6)).to.deep.equal(frame([1, 2], [4], IDS));
    const gpt = framingOf("gpt", { special: { endOfText: 9 } });
    expect(gpt.padding).to.equal(9);
    expect(gpt.sequenceOf([1, 2, 3], undefined, 2)).to.deep.equal({ ids: [1, 2], types: [0, 0] });
    expect(gpt.sequenceOf([1, 2, 3], [4, 5], 4)).to.deep.equal({ ids: [1, 2, 9, 4], types: [0, 0, 0, 1] });
  });

  it("of a GPT end with a token that padding is not, but for those of an empty text", () => {
    const { sequenceOf, padding } = framingOf("gpt", { special: { endOfText: 9 } });
    const tokens = fc.array(fc.nat(8), { maxLength: 6 });
    fc.assert(
      fc.property(tokens, fc.option(tokens, { nil: undefined }), fc.integer({ min: 1, max: 8 }), (a, b, context) => {
        const { ids, types } = sequenceOf(a, b, context);
        expect(ids.length).to.be.within(1, context);
        expect(types.length).to.equal(ids.length);
        if (ids.length > 1) expect(ids.at(-1)).to.not.equal(padding);
        if (a.length + (b?.length ?? 0) === 0) expect(ids).to.deep.equal([padding]);
      }),
    );
  });

  it("frame one text or two, and say which token belongs to which", () => {
    expect(frame([1, 2], undefined, IDS)).to.deep.equal({ ids: [100, 1, 2, 101], types: [0, 0, 0, 0] });
    expect(frame([1], [2, 3], IDS)).to.deep.equal({ ids: [100, 1, 101, 2, 3, 101], types: [0, 0, 0, 1, 1, 1] });
  });

  it("are cut as if the longer text lost its last token again and again", () => {
    const tokens = fc.array(fc.nat(), { maxLength: 30 });
    fc.assert(
      fc.property(tokens, fc.option(tokens, { nil: undefined }), fc.integer({ min: 0, max: 40 }), (a, b, room) => {
        const first = [...a];
        const second = b === undefined ? undefined : [...b];
        while (first.length + (second?.length ?? 0) > room) {
          if (second === undefined || first.length > second.length) first.pop();
          else second.pop();
        }
        expect(truncate(a, b, room)).to.deep.equal([first, second]);
      }),
    );
  });

  it("are padded to the longest, and the padding is hidden", () => {
    const { inputs, types, mask } = batchOf([frame([1], [2], IDS), frame([3], undefined, IDS)], IDS);
    expect(inputs.toArray()).to.deep.equal([
      [100, 1, 101, 2, 101],
      [100, 3, 101, 102, 102],
    ]);
    expect(types.toArray()).to.deep.equal([
      [0, 0, 0, 1, 1],
      [0, 0, 0, 0, 0],
    ]);
    expect(mask.shape).to.deep.equal([2, 1, 1, 5]);
    expect([...mask.numbers]).to.deep.equal([1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
  });

  it("need a tokenizer of the family", () => {
    expect(() => framingOf("gpt", { special: IDS })).to.throw(
      "the tokenizer has no end-of-text token, which fine-tuning of a GPT needs",
    );
    expect(() => frameIdsOf({ special: { endOfText: 0 } })).to.throw(
      "the tokenizer has no classification token, which fine-tuning needs",
    );
  });
});

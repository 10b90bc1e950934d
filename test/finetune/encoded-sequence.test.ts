import { expect } from "chai";
import fc from "fast-check";
import { batchOf, frame, frameIdsOf, truncate } from "../../src/finetune/encoded-sequence.ts";

const IDS = { classification: 100, separator: 101, padding: 102 };

describe("sequences for BERT", () => {
  it("frame one text or two, and say which token belongs to which", () => {
    expect(frame([1, 2], undefined, IDS)).to.deep.equal({ ids: [100, 1, 2, 101], types: [0, 0, 0, 0] });
    expect(frame([1], [2, 3], IDS)).to.deep.equal({ ids: [100, 1, 101, 2, 3, 101], types: [0, 0, 0, 1, 1, 1] });
  });

  it("are cut as if the longer text lost its last token again and again", () => {
    const tokens = fc.array(fc.nat(), { maxLength: 30 });
    fc.assert(
      fc.property(tokens, fc.option(tokens, { nil: undefined }), fc.integer({ min: 3, max: 40 }), (a, b, context) => {
        const first = [...a];
        const second = b === undefined ? undefined : [...b];
        const frameSize = second === undefined ? 2 : 3;
        while (first.length + (second?.length ?? 0) + frameSize > context) {
          if (second === undefined || first.length > second.length) first.pop();
          else second.pop();
        }
        expect(truncate(a, b, context)).to.deep.equal([first, second]);
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

  it("need a tokenizer of BERT's", () => {
    expect(() => frameIdsOf({ special: { endOfText: 0 } })).to.throw(
      "the tokenizer has no classification token, which fine-tuning needs",
    );
  });
});

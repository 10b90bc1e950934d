import { expect } from "chai";
import { add, crossEntropy, gelu, matmul, noGrad } from "../../src/autograd/index.ts";
import type { Bert } from "../../src/nn/index.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose } from "./expect-close.ts";
import { expectSameNumbers, maskedBatch, randomise, TINY_MASKED, TINY_TOKENS, tinyBert } from "./tiny-models.ts";

const VOCABULARY = 11;

const i32 = (values: ArrayLike<number>, shape: number[] = [values.length]) => Tensor.from(values, shape, "i32");

/** 0 … 17, every position of the batch. */
const every = () => i32(Int32Array.from({ length: TINY_TOKENS }, (_, index) => index));

function make(options: { layers?: number; norm?: "pre" | "post" } = {}): Bert {
  const model = tinyBert({ layers: 2, ...options });
  randomise(model, 5);
  return model;
}

describe("BERT", () => {
  it("gathers the masked positions before the head: logits, loss and gradients as from all logits", () => {
    for (const norm of ["post", "pre"] as const) {
      scope(() => {
        const [gathered, whole] = [make({ norm }), make({ norm })];
        const batch = maskedBatch(1);
        const logits = gathered.forward(batch.inputs, batch.positions);
        expect(logits.shape).to.deep.equal([TINY_MASKED, VOCABULARY]);
        const all = whole.forward(batch.inputs, every());
        expect(all.shape).to.deep.equal([TINY_TOKENS, VOCABULARY]);
        const rows = [...batch.positions.indices].flatMap((position) =>
          Array.from(all.numbers.subarray(position * VOCABULARY, (position + 1) * VOCABULARY)),
        );
        expectClose(logits.numbers, rows, { what: "logits" });

        const targets = new Int32Array(TINY_TOKENS).fill(-100);
        batch.positions.indices.forEach((position, index) => (targets[position] = batch.targets.indices[index]));
        const fromAll = crossEntropy(all, i32(targets));
        const loss = gathered.loss(batch);
        expect(loss.item()).to.be.closeTo(fromAll.item(), 1e-5 * fromAll.item());
        loss.backward();
        fromAll.backward();
        for (const [name, { grad }] of whole.namedParameters())
          expectClose(gathered.namedParameters().get(name)!.grad!.numbers, grad!.numbers, {
            what: `gradient of ${name}`,
          });
      });
    }
  });

  it("gives a row for each position in the order asked for, also for one asked for twice", () => {
    scope(() => {
      const model = make();
      const { inputs } = maskedBatch(1);
      const rows = model.forward(inputs, i32([17, 0, 17])).numbers;
      const [first, second, third] = [0, 1, 2].map((row) => rows.subarray(row * VOCABULARY, (row + 1) * VOCABULARY));
      expectSameNumbers(third, first);
      expectClose(first, model.forward(inputs, i32([17])).numbers, { what: "position 17" });
      expectClose(second, model.forward(inputs, i32([0])).numbers, { what: "position 0" });
    });
  });

  for (const norm of ["post", "pre"] as const) {
    it(`runs embeddings, ${norm}-LN layers and the head as they are written`, () => {
      scope(() =>
        noGrad(() => {
          const model = make({ norm });
          const { inputs } = maskedBatch(2);
          const types = i32(
            Int32Array.from({ length: TINY_TOKENS }, (_, index) => (index % 6 < 2 ? 0 : 1)),
            [3, 6],
          );
          const positions = i32([0, 1, 2, 3, 4, 5]);
          const embedded = add(
            add(model.tokenEmbedding.forward(inputs), model.positionEmbedding.forward(positions)),
            model.typeEmbedding.forward(types),
          );
          let x = model.embeddingNorm.forward(embedded);
          for (const { attention, attentionNorm, feedForward, feedForwardNorm } of model.blocks) {
            if (norm === "pre") {
              x = add(x, attention.forward(attentionNorm.forward(x)));
              x = add(x, feedForward.forward(feedForwardNorm.forward(x)));
            } else {
              x = attentionNorm.forward(add(x, attention.forward(x)));
              x = feedForwardNorm.forward(add(x, feedForward.forward(x)));
            }
          }
          expect(model.finalNorm === undefined).to.equal(norm === "post");
          if (model.finalNorm !== undefined) x = model.finalNorm.forward(x);
          expectClose(model.hidden(inputs, { types }).numbers, x.numbers, { what: "hidden" });
          const { transform, norm: headNorm, bias } = model.head;
          const head = headNorm.forward(gelu(transform.forward(x.reshape([TINY_TOKENS, 8]))));
          const logits = add(matmul(head, model.tokenEmbedding.weight.transpose()), bias);
          expectClose(model.forward(inputs, every(), { types }).numbers, logits.numbers, { what: "logits" });
        }),
      );
    });
  }

  it("takes all tokens as of type 0 unless told otherwise, and trains the types it meets", () => {
    scope(() => {
      const model = make();
      const batch = maskedBatch(1);
      const loss = (types?: number[]) => model.loss(batch, { types: types && i32(types, [3, 6]) });
      const zeros = new Array(TINY_TOKENS).fill(0);
      expect(loss().item()).to.equal(loss(zeros).item());
      expect(loss().item()).to.not.equal(loss(zeros.map((_, index) => (index === 3 ? 1 : 0))).item());

      const rowNorms = () => {
        const { numbers } = model.typeEmbedding.weight.grad!;
        return [Math.hypot(...numbers.subarray(0, 8)), Math.hypot(...numbers.subarray(8))];
      };
      loss().backward();
      expect(rowNorms()[0]).to.be.greaterThan(0);
      expect(rowNorms()[1]).to.equal(0);
      model.zeroGrad();
      loss(zeros.map((_, index) => index % 2)).backward();
      for (const norm of rowNorms()) expect(norm).to.be.greaterThan(0);
    });
  });

  it("ties the head to the token table and has no pooler", () => {
    expect([...tinyBert({ layers: 0 }).namedParameters()].map(([name, { shape }]) => `${name} ${shape}`)).to.deep.equal(
      [
        "tokenEmbedding.weight 11,8",
        "positionEmbedding.weight 6,8",
        "typeEmbedding.weight 2,8",
        "embeddingNorm.weight 8",
        "embeddingNorm.bias 8",
        "head.transform.weight 8,8",
        "head.transform.bias 8",
        "head.norm.weight 8",
        "head.norm.bias 8",
        "head.bias 11",
      ],
    );
  });

  it("refuses what is no batch of token ids, and positions, types and targets that do not fit it", () => {
    const model = make();
    const ids = i32([1, 2, 3, 4], [2, 2]);
    const one = i32([0]);
    expect(() => model.forward(i32([1, 2]), one)).to.throw("token ids must be [batch, tokens], not [2]");
    expect(() => model.forward(i32(new Array(7).fill(1), [1, 7]), one)).to.throw("7 tokens do not fit a context of 6");
    expect(() => model.forward(i32([1, VOCABULARY], [1, 2]), one)).to.throw("index 11 is outside 0 … 10");
    expect(() => model.forward(ids, i32([4]))).to.throw("index 4 is outside 0 … 3");
    expect(() => model.forward(ids, i32([-1]))).to.throw("index -1 is outside 0 … 3");
    expect(() => model.forward(ids, one, { types: i32([0, 1, 2, 0], [2, 2]) })).to.throw("index 2 is outside 0 … 1");
    expect(() => model.forward(ids, one, { types: i32([0, 1, 1]) })).to.throw("cannot broadcast");
    expect(() => model.loss({ inputs: ids, positions: one, targets: i32([1, 2]) })).to.throw(
      "projectedCrossEntropy: targets [2]",
    );
    expect(() => model.loss({ inputs: ids, positions: i32([]), targets: i32([]) })).to.throw(
      "their mean does not exist",
    );
  });
});

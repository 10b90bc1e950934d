import { expect } from "chai";
import { add, matmul, noGrad } from "../../src/autograd/index.ts";
import { Gpt } from "../../src/nn/index.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose } from "./expect-close.ts";
import { causalBatch, randomise, tinyGpt } from "./tiny-models.ts";

const VOCABULARY = 11;
const SIZE = { layers: 1, hidden: 8, heads: 2, context: 6, vocabulary: VOCABULARY };

const i32 = (values: ArrayLike<number>, shape: number[] = [values.length]) => Tensor.from(values, shape, "i32");

function make(layers = 2): Gpt {
  const model = tinyGpt({ layers });
  randomise(model, 5);
  return model;
}

describe("GPT", () => {
  it("runs embeddings, layers scaled as the path says, and the head as they are written", () => {
    scope(() =>
      noGrad(() => {
        const model = make();
        const { inputs } = causalBatch(1);
        const path = [
          { block: model.blocks[1], branchScale: 1 },
          { block: model.blocks[0], branchScale: 0.25 },
          { block: model.blocks[1], branchScale: 2 },
        ];
        let x = add(model.tokenEmbedding.forward(inputs), model.positionEmbedding.forward(i32([0, 1, 2, 3, 4, 5])));
        for (const { block, branchScale } of path) {
          x = add(x, block.attention.forward(block.attentionNorm.forward(x)).mul(branchScale));
          x = add(x, block.feedForward.forward(block.feedForwardNorm.forward(x)).mul(branchScale));
        }
        x = model.finalNorm!.forward(x);
        expectClose(model.hidden(inputs, { path }).numbers, x.numbers, { what: "hidden" });
        const logits = matmul(x, model.tokenEmbedding.weight.transpose());
        expect(logits.shape).to.deep.equal([3, 6, VOCABULARY]);
        expectClose(model.forward(inputs, { path }).numbers, logits.numbers, { what: "logits" });
      }),
    );
  });

  it("post-LN: normalises after each sum, and needs no final LayerNorm", () => {
    scope(() =>
      noGrad(() => {
        const model = new Gpt({ layers: 1, hidden: 8, heads: 2, context: 6, vocabulary: VOCABULARY, norm: "post" });
        expect(model.finalNorm).to.equal(undefined);
        const { inputs } = causalBatch(1);
        const [block] = model.blocks;
        let x = add(model.tokenEmbedding.forward(inputs), model.positionEmbedding.forward(i32([0, 1, 2, 3, 4, 5])));
        x = block.attentionNorm.forward(add(x, block.attention.forward(x)));
        x = block.feedForwardNorm.forward(add(x, block.feedForward.forward(x)));
        expectClose(model.hidden(inputs).numbers, x.numbers, { what: "hidden" });
      }),
    );
  });

  it("refuses sizes that are no whole numbers", () => {
    const size = { layers: 2, hidden: 8, heads: 2, context: 6, vocabulary: 11 };
    for (const name of Object.keys(size)) {
      for (const value of [-1, 1.5, Number.NaN, ...(name === "layers" ? [] : [0])]) {
        expect(() => new Gpt({ ...size, [name]: value })).to.throw(
          `model size: ${name} must be a whole number from ${name === "layers" ? 0 : 1}, not ${value}`,
        );
      }
    }
  });

  it("has as loss the mean of −ln p(target)", () => {
    scope(() => {
      const model = make();
      const batch = causalBatch(1);
      const logits = model.forward(batch.inputs).numbers;
      let total = 0;
      batch.targets.indices.forEach((target, row) => {
        const scores = Array.from(logits.subarray(row * VOCABULARY, (row + 1) * VOCABULARY));
        total += Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[target];
      });
      expect(model.loss(batch).item()).to.be.closeTo(total / batch.targets.size, 1e-5);
    });
  });

  it("never holds all logits, neither in training nor in evaluation", () => {
    const [batch, context, vocabulary] = [8, 64, 8192];
    const model = new Gpt({ layers: 1, hidden: 16, heads: 2, context, vocabulary });
    const random = new Random(1);
    const draw = () =>
      i32(
        Int32Array.from({ length: batch * context }, () => random.integer(vocabulary)),
        [batch, context],
      );
    const peakOf = (run: (loss: Tensor) => void) =>
      scope(() => {
        const [inputs, targets] = [draw(), draw()];
        // All parameters are in use before anything is measured.
        scope(() => noGrad(() => model.loss({ inputs, targets })));
        const before = memory.liveBytes;
        memory.resetPeak();
        run(model.loss({ inputs, targets }));
        return memory.peakBytes - before;
      });
    const logitBytes = 4 * batch * context * vocabulary;
    expect(peakOf((loss) => loss.backward())).to.be.lessThan(0.7 * logitBytes);
    model.zeroGrad();
    expect(noGrad(() => peakOf((loss) => loss.item()))).to.be.lessThan(0.6 * logitBytes);
    for (const parameter of model.parameters()) parameter.release();
  });

  it("gives a prefix the logits that it has in the whole sequence", () => {
    scope(() => {
      const model = make();
      const ids = [3, 1, 4, 1, 5, 9];
      const whole = model.forward(i32(ids, [1, 6])).numbers;
      for (let length = 1; length < 6; length++) {
        const prefix = model.forward(i32(ids.slice(0, length), [1, length])).numbers;
        expectClose(prefix, whole.subarray(0, length * VOCABULARY), { what: `length ${length}` });
      }
    });
  });

  it("ties the head to the token table, without a bias", () => {
    expect([...tinyGpt({ layers: 0 }).namedParameters()].map(([name, { shape }]) => `${name} ${shape}`)).to.deep.equal([
      "tokenEmbedding.weight 11,8",
      "positionEmbedding.weight 6,8",
      "finalNorm.weight 8",
      "finalNorm.bias 8",
    ]);
  });

  it("refuses sizes and options that make no model", () => {
    expect(() => new Gpt({ ...SIZE, heads: 3 })).to.throw("MultiHeadAttention: 3 heads do not divide hidden size 8");
    expect(() => new Gpt({ ...SIZE, norm: "mid" as "pre" })).to.throw('norm must be "pre" or "post", not "mid"');
    expect(() => new Gpt({ ...SIZE, activation: "relu" as "gelu" })).to.throw('"gelu" or "gelu-tanh", not "relu"');
    expect(() => new Gpt({ ...SIZE, seed: Number.NaN })).to.throw("the seed must be a whole number, not NaN");
    expect(() => new Gpt({ ...SIZE, dropout: 1 })).to.throw("Dropout: the probability must be in [0, 1), not 1");
  });

  it("refuses what is no batch of token ids, and targets that do not fit it", () => {
    const model = make(1);
    expect(() => model.forward(i32([1, 2]))).to.throw("token ids must be [batch, tokens], not [2]");
    expect(() => model.forward(i32(new Array(7).fill(1), [1, 7]))).to.throw("7 tokens do not fit a context of 6");
    expect(() => model.forward(Tensor.from([1, 2], [1, 2]))).to.throw("i32");
    expect(() => model.forward(i32([1, VOCABULARY], [1, 2]))).to.throw("index 11 is outside 0 … 10");
    expect(() => model.forward(i32([1, -1], [1, 2]))).to.throw("index -1 is outside 0 … 10");
    const inputs = i32([1, 2], [1, 2]);
    expect(() => model.loss({ inputs, targets: i32([1, 2]) })).to.throw(
      "projectedCrossEntropy: targets [2] do not fit",
    );
    expect(() => model.loss({ inputs, targets: i32([1, VOCABULARY], [1, 2]) })).to.throw("11 is outside 0 … 10");
  });
});

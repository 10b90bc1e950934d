import { expect } from "chai";
import { Bert, Gpt, type ModelSize, PRESETS } from "../../src/nn/index.ts";
import { memory } from "../../src/tensor/memory.ts";

/** qkv and output projections, up and down projections, two LayerNorms. */
const layer = ({ hidden: h }: ModelSize) =>
  3 * h * h + 3 * h + (h * h + h) + (4 * h * h + 4 * h) + (4 * h * h + h) + 4 * h;

/** Token and position tables, layers, final LayerNorm; the head is the token table. */
const gptParameters = (size: ModelSize) =>
  (size.vocabulary + size.context) * size.hidden + size.layers * layer(size) + 2 * size.hidden;

/** Three tables and their LayerNorm, layers, the head's dense layer, LayerNorm and bias. */
const bertParameters = (size: ModelSize) => {
  const h = size.hidden;
  return (
    (size.vocabulary + size.context + 2) * h + 2 * h + size.layers * layer(size) + h * h + h + 2 * h + size.vocabulary
  );
};

describe("model sizes", () => {
  for (const [name, size] of Object.entries(PRESETS)) {
    it(`${name} has the parameters of its closed form, counted without memory`, () => {
      const before = memory.liveBytes;
      const model = name.startsWith("gpt") ? new Gpt(size) : new Bert(size);
      const expected = name.startsWith("gpt") ? gptParameters(size) : bertParameters(size);
      expect(model.parameterCount()).to.equal(expected);
      expect(model.summary().split(/\s+/).at(-1)).to.equal(expected.toLocaleString("en"));
      expect(model.blocks).to.have.length(size.layers);
      expect(memory.liveBytes).to.equal(before);
      expect(model.parameters().filter((parameter) => parameter.isMaterialised)).to.have.length(0);
    });
  }

  it("are those of the published models", () => {
    expect(new Gpt(PRESETS["gpt-base"]).parameterCount()).to.equal(124_439_808);
    expect(new Bert(PRESETS["bert-base"]).parameterCount()).to.equal(109_514_298);
  });

  it("grow by one final LayerNorm in the pre-LN variant of BERT", () => {
    const size = PRESETS["bert-tiny"];
    const difference = new Bert({ ...size, norm: "pre" }).parameterCount() - new Bert(size).parameterCount();
    expect(difference).to.equal(2 * size.hidden);
  });
});

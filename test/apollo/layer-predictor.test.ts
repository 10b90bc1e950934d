import { expect } from "chai";
import { LayerPredictor, predictionLoss } from "../../src/apollo/growth/layer-predictor.ts";
import { Random } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const ROWS = 32;
const COLUMNS = 4;

/** Layers V_i = cos(ωi)·P + sin(ωi)·Q: each is the sum of its neighbours, divided by 2·cos ω. */
function turningLayers(omega: number, count: number): Tensor[] {
  const random = new Random(5);
  const [P, Q] = [0, 1].map(() => Array.from({ length: ROWS * COLUMNS }, () => random.normal()));
  return Array.from({ length: count }, (_, layer) =>
    Tensor.from(
      Float32Array.from(P, (value, index) => Math.cos(omega * layer) * value + Math.sin(omega * layer) * Q[index]),
      [ROWS, COLUMNS],
    ),
  );
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.hypot(...Array.from(a, (value, index) => value - b[index]));

describe("LESA's predictor", () => {
  it("learns what stands between layers from layers that are there, where their mean is wrong", () => {
    // At ω = π/3 a layer is the sum of its neighbours, and never their mean.
    const layers = turningLayers(Math.PI / 3, 6);
    const predictor = new LayerPredictor({ columns: COLUMNS, seed: 1 });
    predictor.learn(layers, { epochs: 250, normWeight: 5e-5, random: new Random(1) });
    for (let below = 0; below < 5; below++) {
      const [own, next] = [below, below + 1].map((layer) => layers[layer].toFlatArray());
      const sum = own.map((value, index) => value + next[index]);
      const mean = sum.map((value) => value / 2);
      const between = predictor.between(layers[below], layers[below + 1]).toFlatArray();
      expect(distance(between, sum), `gap ${below}`).to.be.lessThan(distance(mean, sum) / 2);
    }
  });

  it("has the authors' sizes, and sees the lower neighbour before the upper one", () => {
    const predictor = new LayerPredictor({ columns: 3, seed: 1 });
    const shapes = [...predictor.namedParameters()].map(([name, { shape }]) => [name, ...shape]);
    expect(shapes).to.deep.equal([
      ["first.weight", 6, 256],
      ["first.bias", 256],
      ["second.weight", 256, 256],
      ["second.bias", 256],
      ["last.weight", 256, 3],
      ["last.bias", 3],
    ]);
    const [below, above] = [Tensor.from([1, 2, 3], [1, 3]), Tensor.from([4, 5, 6], [1, 3])];
    const whole = predictor.forward(Tensor.from([1, 2, 3, 4, 5, 6], [1, 6]));
    expect([...predictor.between(below, above).toFlatArray()]).to.deep.equal([...whole.toFlatArray()]);
    expect([...predictor.between(above, below).toFlatArray()]).to.not.deep.equal([...whole.toFlatArray()]);
  });

  it("weighs the squared error against the difference of norms", () => {
    const [predicted, wanted] = [Tensor.from([3, 4], [1, 2], "f64"), Tensor.from([3, 1], [1, 2], "f64")];
    const norms = (5 - Math.sqrt(10)) ** 2;
    expect(predictionLoss(predicted, wanted, 0).item()).to.be.closeTo(4.5, 1e-12);
    expect(predictionLoss(predicted, wanted, 1).item()).to.be.closeTo(norms, 1e-12);
    expect(predictionLoss(predicted, wanted, 0.25).item()).to.be.closeTo(0.75 * 4.5 + 0.25 * norms, 1e-12);
  });

  it("tells the mean loss of each epoch, which falls", () => {
    const predictor = new LayerPredictor({ columns: COLUMNS, seed: 1 });
    const losses = predictor.learn(turningLayers(0.4, 5), { epochs: 30, normWeight: 5e-5, random: new Random(1) });
    expect(losses).to.have.length(30);
    expect(losses[29]).to.be.lessThan(losses[0] / 2);
  });
});

import { expect } from "chai";
import { fillParameter, storedParts, tensorsOf } from "../../src/pretrained/stored-parts.ts";
import { Parameter } from "../../src/tensor/tensor.ts";

/** Distinct numbers in row-major order. */
const counted = (shape: readonly number[]) =>
  new Parameter(shape, (values) => {
    for (let index = 0; index < values.length; index++) values[index] = index;
  });

describe("parts of parameters", () => {
  // The rows of a part are more than are transposed at a time.
  const row = { parameter: "packed", stored: ["a", "b", "c"], layout: "transposed" } as const;
  const [inputs, outputs] = [601, 503];

  it("are matrices side by side, each transposed, however large", () => {
    const packed = counted([inputs, 3 * outputs]);
    expect(storedParts(row, packed)).to.deep.equal(
      row.stored.map((name, index) => ({ name, shape: [outputs, inputs], start: index * outputs })),
    );
    const stored = new Map<string, Float32Array>();
    for (const [name, { shape, pieces }] of tensorsOf(row, packed)) {
      const all = [...pieces()];
      expect(all.length).to.be.above(1);
      const numbers = new Float32Array(inputs * outputs);
      let at = 0;
      for (const piece of all) {
        numbers.set(piece, at);
        at += piece.length;
      }
      expect(at).to.equal(numbers.length);
      expect(shape).to.deep.equal([outputs, inputs]);
      const first = row.stored.indexOf(name as "a") * outputs;
      // The number at [output, input] is that of the parameter at [input, first + output].
      const wrong = numbers.findIndex((value, index) => {
        const [output, input] = [Math.floor(index / inputs), index % inputs];
        return value !== input * 3 * outputs + first + output;
      });
      expect(wrong).to.equal(-1);
      stored.set(name, numbers);
    }
    const filled = new Parameter(packed.shape, (values) => values.fill(Number.NaN));
    fillParameter(row, filled, (name, into, { start } = { start: 0 }) =>
      into.set(stored.get(name)!.subarray(start, start + into.length)),
    );
    expect(filled.numbers.every((value, index) => value === index)).to.equal(true);
  });

  it("are pieces of a vector, or the whole as it is", () => {
    const vector = counted([6]);
    const pieces = tensorsOf({ ...row, layout: "same" }, vector).map(([, tensor]) => [...tensor.pieces()]);
    expect(pieces).to.deep.equal([0, 2, 4].map((start) => [Float32Array.of(start, start + 1)]));
    const [[name, whole]] = tensorsOf({ parameter: "table", stored: ["it"], layout: "same" }, counted([2, 3]));
    expect([name, whole.shape, [...whole.pieces()][0].length]).to.deep.equal(["it", [2, 3], 6]);
  });
});

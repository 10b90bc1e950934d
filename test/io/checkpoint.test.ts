import { expect } from "chai";
import { makeCheckpoint, restoreCheckpoint } from "../../src/io/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from "../../src/io/safetensors.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { Parameter, Tensor } from "../../src/tensor/tensor.ts";

/** Two parameters after an update of the first; the second has had none. */
function example() {
  const parameters = new Map(
    ["first", "second"].map((name) => [name, new Parameter([2], (numbers) => numbers.fill(1))]),
  );
  const optimizer = new AdamW([...parameters.values()]);
  const first = parameters.get("first")!;
  first.grad = Tensor.from([1, -1], [2]);
  for (const { numbers } of parameters.values()) expect([...numbers]).to.deep.equal([1, 1]);
  optimizer.step({ learningRate: 0.1 });
  return { parameters, optimizer };
}

describe("checkpoints", () => {
  const whole = () => {
    const { parameters, optimizer } = example();
    return makeCheckpoint(parameters, optimizer, {});
  };

  it("put weights and state back, in place of what was there", () => {
    const { parameters, optimizer } = example();
    const before = encodeSafetensors(makeCheckpoint(parameters, optimizer, {}));
    optimizer.step({ learningRate: 0.5 });
    parameters.get("second")!.grad = Tensor.from([3, 4], [2]);
    optimizer.step({ learningRate: 0.5 });
    restoreCheckpoint(decodeSafetensors(before, "it"), parameters, optimizer);
    expect(encodeSafetensors(makeCheckpoint(parameters, optimizer, {}))).to.deep.equal(before);
  });

  const damaged: [what: string, damage: (file: SafetensorsFile) => void, complaint: string][] = [
    ["no tensors", ({ tensors }) => tensors.clear(), "it holds no weights"],
    ["no numbers of updates", ({ metadata }) => delete metadata.steps, "does not say how many updates"],
    ["numbers of updates that are none", ({ metadata }) => (metadata.steps = "[1]"), "are no JSON object"],
    ["half an update", ({ metadata }) => (metadata.steps = '{"first":1.5}'), "from 1, not 1.5"],
    ["no update", ({ metadata }) => (metadata.steps = '{"first":null}'), "from 1, not null"],
    [
      "an average without updates",
      ({ metadata }) => (metadata.steps = "{}"),
      '"first" has the running average m and no number of updates',
    ],
    ["one average of two", ({ tensors, metadata }) => both(tensors, metadata), '"second" lacks the running average v'],
    [
      "updates without an average",
      ({ tensors }) => ["m/first", "v/first"].forEach((key) => tensors.delete(key)),
      "has no running average",
    ],
    [
      "an average without weights",
      ({ tensors }) => tensors.delete("weights/first"),
      '"first" has a running average and no weights',
    ],
    [
      "an unknown parameter",
      ({ tensors }) => tensors.set("weights/third", { shape: [2], values: new Float32Array(2) }),
      'no parameter "third"',
    ],
    [
      "another shape",
      ({ tensors }) => tensors.set("v/first", { shape: [1], values: new Float32Array(1) }),
      '"first" has shape [1], the model expects [2]',
    ],
    [
      "too few values",
      ({ tensors }) => tensors.set("v/first", { shape: [2], values: new Float32Array(1) }),
      '"first" has 1 values',
    ],
  ];
  const both = (tensors: SafetensorsFile["tensors"], metadata: Record<string, string>) => {
    tensors.set("m/second", tensors.get("m/first")!);
    metadata.steps = '{"first":1,"second":1}';
  };
  for (const [what, damage, complaint] of damaged) {
    it(`with ${what} are refused before anything is written`, () => {
      const file = whole();
      damage(file);
      const { parameters, optimizer } = example();
      optimizer.step({ learningRate: 0.5 });
      const before = makeCheckpoint(parameters, optimizer, {});
      expect(() => restoreCheckpoint(file, parameters, optimizer, "run/checkpoint")).to.throw(
        new RegExp(`^run/checkpoint: .*${complaint.replace(/[[\]()]/g, "\\$&")}`),
      );
      expect(makeCheckpoint(parameters, optimizer, {})).to.deep.equal(before);
    });
  }
});

describe("safetensors files", () => {
  const withHeader = (header: string) => {
    const text = new TextEncoder().encode(header);
    const bytes = new Uint8Array(8 + text.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    return bytes;
  };
  const damaged: [header: string, complaint: string][] = [
    ["[]", "the header is not a JSON object"],
    ["{", "the header is not a JSON object"],
    ['{"a":null}', 'tensor "a" is described by null, not by an object'],
    ['{"a":[]}', 'tensor "a" is described by [], not by an object'],
    ['{"__metadata__":null}', "the metadata are null, not texts by key"],
    ['{"__metadata__":{"step":1}}', 'the metadata are {"step":1}, not texts by key'],
    ['{"a":{"dtype":"F32","shape":[0],"data_offsets":["0","0"]}}', 'tensor "a" has no byte range'],
  ];
  for (const [header, complaint] of damaged) {
    it(`with the header ${header} are refused by name`, () => {
      expect(() => decodeSafetensors(withHeader(header), "x.safetensors")).to.throw(`x.safetensors: ${complaint}`);
    });
  }
});

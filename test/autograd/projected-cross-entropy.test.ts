import { expect } from "chai";
import fc from "fast-check";
import {
  countFlops,
  embedding,
  inFlopSection,
  noGrad,
  type ProjectedCrossEntropyOptions,
  projectedCrossEntropy,
  readableProjectedCrossEntropy,
} from "../../src/autograd/index.ts";
import { configureEngine, engineReady } from "../../src/tensor/engine.ts";
import { KERNEL_SETS, type Numbers } from "../../src/tensor/kernels.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { scope } from "../../src/tensor/scope.ts";
import type { SimdVariant } from "../../src/tensor/simd-module.ts";
import type { DType } from "../../src/tensor/storage.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose } from "../nn/expect-close.ts";
import { FUSED_VARIANTS } from "../variants.ts";

interface Situation {
  /** Outer shape of hidden states and targets. */
  shape: number[];
  size: number;
  classes: number;
  hasBias: boolean;
  ignoreIndex: number | undefined;
  labelSmoothing: number | undefined;
  reduction: "mean" | "sum" | undefined;
  chunkRows: number | undefined;
  /** Factor on the loss before its backward pass. */
  factor: number;
  seed: number;
}

/** Sizes that fill no vector and no tile, and some that do; chunks that divide the rows and that do not. */
const situations: fc.Arbitrary<Situation> = fc.record({
  shape: fc.oneof(
    fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
    fc.integer({ min: 1, max: 40 }).map((rows) => [rows]),
  ),
  size: fc.integer({ min: 1, max: 20 }),
  classes: fc.oneof(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 10, max: 70 })),
  hasBias: fc.boolean(),
  ignoreIndex: fc.constantFrom(undefined, -1, 0),
  labelSmoothing: fc.constantFrom(undefined, 0.1, 0.5),
  reduction: fc.constantFrom(undefined, "mean", "sum"),
  chunkRows: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 13 })),
  factor: fc.constantFrom(1, -0.5, 3),
  seed: fc.nat(2 ** 30),
});

const SITUATION: Situation = {
  shape: [11],
  size: 5,
  classes: 7,
  hasBias: true,
  ignoreIndex: undefined,
  labelSmoothing: undefined,
  reduction: undefined,
  chunkRows: 4,
  factor: 1,
  seed: 1,
};

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function leaf(random: Random, shape: number[], dtype: DType): Tensor {
  const values = Float32Array.from({ length: sizeOf(shape) }, () => random.normal());
  const tensor = Tensor.from(values, shape, dtype);
  tensor.requiresGrad = true;
  return tensor;
}

function makeInputs({ shape, size, classes, hasBias, ignoreIndex = -100, seed }: Situation, dtype: DType = "f64") {
  const random = new Random(seed);
  const hidden = leaf(random, [...shape, size], dtype);
  const table = leaf(random, [classes, size], dtype);
  const bias = hasBias ? leaf(random, [classes], dtype) : undefined;
  // One target at least counts, or there is no mean.
  const targets = Int32Array.from({ length: sizeOf(shape) }, (_, row) =>
    row > 0 && random.integer(4) === 0 ? ignoreIndex : 1 + random.integer(classes - 1),
  );
  return { hidden, table, bias, targets: Tensor.from(targets, shape, "i32") };
}

type Inputs = ReturnType<typeof makeInputs>;
type Loss = (hidden: Tensor, table: Tensor, targets: Tensor, options?: ProjectedCrossEntropyOptions) => Tensor;

const lossOf = (loss: Loss, { hidden, table, targets, bias }: Inputs, situation: Partial<Situation>) => {
  const { ignoreIndex, labelSmoothing, reduction, chunkRows } = situation;
  const chunks = loss === projectedCrossEntropy && { chunkRows };
  return loss(hidden, table, targets, { bias, ignoreIndex, labelSmoothing, reduction, ...chunks });
};

/** Loss and gradients by name. */
function outcome(loss: Loss, situation: Situation, dtype: DType): Map<string, Numbers> {
  const inputs = makeInputs(situation, dtype);
  const result = lossOf(loss, inputs, situation);
  expect(result.shape).to.deep.equal([]);
  result.mul(situation.factor).backward();
  const gradients = (["hidden", "table", "bias"] as const)
    .filter((name) => inputs[name] !== undefined)
    .map((name): [string, Numbers] => [name, inputs[name]!.grad!.toFlatArray() as Numbers]);
  return new Map([["loss", result.toFlatArray() as Numbers], ...gradients]);
}

function expectEqualOutcomes(situation: Situation, dtype: DType, tolerance: number): void {
  const readable = outcome(readableProjectedCrossEntropy, situation, dtype);
  for (const [name, values] of outcome(projectedCrossEntropy, situation, dtype))
    expectClose(values, readable.get(name)!, { tolerance, what: name });
}

describe("projectedCrossEntropy", () => {
  afterEach(() => configureEngine());

  it("f64: equals the readable composition, gradients too, over any chunks", () => {
    fc.assert(
      fc.property(situations, (situation) => scope(() => expectEqualOutcomes(situation, "f64", 1e-12))),
      { seed: 61, numRuns: 150 },
    );
  });

  for (const kernels of KERNEL_SETS) {
    it(`f32, ${kernels} kernels: equals the readable composition within 1e-5 of every norm`, () => {
      configureEngine({ kernels, threads: 1 });
      fc.assert(
        fc.property(situations, (situation) => scope(() => expectEqualOutcomes(situation, "f32", 1e-5))),
        { seed: 62, numRuns: 60 },
      );
    });
  }

  it("chooses chunks by itself that leave nothing out", () => {
    // Three chunks of 204 rows, the last one cut off.
    expectEqualOutcomes({ ...SITUATION, shape: [10, 60], classes: 2101, chunkRows: undefined }, "f32", 1e-5);
  });

  it("has the same bits with 1, 2 and 3 threads, and with every variant that fuses", async () => {
    const situation = { ...SITUATION, shape: [101], size: 36, classes: 67, chunkRows: 31, labelSmoothing: 0.1 };
    const bits = async (threads: number, variant: SimdVariant) => {
      configureEngine({ kernels: "simd", threads, variant }, { inlineNanoseconds: 0 });
      await engineReady();
      return scope(() => [...outcome(projectedCrossEntropy, situation, "f32")].map(([, values]) => [...values]));
    };
    const one = await bits(1, "relaxed");
    for (const threads of [2, 3]) expect(await bits(threads, "relaxed")).to.deep.equal(one);
    for (const variant of FUSED_VARIANTS) expect(await bits(1, variant)).to.deep.equal(one);
  });

  it("computes only the gradients that are wanted", () => {
    for (const wanted of [["hidden"], ["table"], ["bias"], ["table", "bias"], []] as (
      | "hidden"
      | "table"
      | "bias"
    )[][]) {
      scope(() => {
        const inputs = makeInputs(SITUATION);
        const all = makeInputs(SITUATION);
        for (const name of ["hidden", "table", "bias"] as const) inputs[name]!.requiresGrad = wanted.includes(name);
        const before = memory.liveBytes;
        const loss = lossOf(projectedCrossEntropy, inputs, SITUATION);
        const block = (name: "hidden" | "table" | "bias") => 64 * Math.ceil((8 * inputs[name]!.size) / 64);
        const kept = wanted.reduce((total, name) => total + block(name), 64);
        expect(memory.liveBytes - before, wanted.join()).to.equal(kept);
        if (wanted.length === 0) {
          expect(loss.requiresGrad).to.equal(false);
          return;
        }
        loss.backward();
        lossOf(readableProjectedCrossEntropy, all, SITUATION).backward();
        for (const name of ["hidden", "table", "bias"] as const) {
          if (wanted.includes(name)) expectClose(inputs[name]!.grad!.numbers, all[name]!.grad!.numbers, { what: name });
          else expect(inputs[name]!.grad).to.equal(null);
        }
      });
    }
  });

  it("never holds all logits, and without gradients nothing but a chunk of them", () => {
    scope(() => {
      const inputs = makeInputs({ ...SITUATION, shape: [1024], size: 16, classes: 2048 }, "f32");
      const logitBytes = 4 * 1024 * 2048;
      const peakOf = (run: () => void) => {
        const before = memory.liveBytes;
        memory.resetPeak();
        scope(run);
        return memory.peakBytes - before;
      };
      const loss = () => lossOf(projectedCrossEntropy, inputs, {});
      expect(peakOf(() => loss().backward())).to.be.lessThan(logitBytes / 3);
      expect(peakOf(() => noGrad(loss))).to.be.within(logitBytes / 4, logitBytes / 3.9);
    });
  });

  it("keeps what a further backward pass needs, also when the gradients are changed meanwhile", () => {
    scope(() => {
      const inputs = makeInputs(SITUATION);
      const loss = lossOf(projectedCrossEntropy, inputs, SITUATION);
      const gradients = () => [inputs.hidden, inputs.table, inputs.bias!].map(({ grad }) => [...grad!.numbers]);
      loss.backward({ retainGraph: true });
      const once = gradients();
      for (const { grad } of [inputs.hidden, inputs.table, inputs.bias!]) grad!.numbers.fill(0);
      loss.backward({ retainGraph: true });
      expect(gradients()).to.deep.equal(once);
      loss.mul(2).backward();
      gradients().forEach((values, index) =>
        expectClose(
          values,
          once[index].map((value) => 3 * value),
        ),
      );
    });
  });

  it("adds to what a tied table receives elsewhere, and to what is there", () => {
    scope(() => {
      const [fused, readable] = [projectedCrossEntropy, readableProjectedCrossEntropy].map((loss) => {
        const { table, targets } = makeInputs(SITUATION);
        const ids = Tensor.from(
          targets.indices.map((target) => Math.max(0, target - 1)),
          targets.shape,
          "i32",
        );
        for (let time = 0; time < 2; time++) loss(embedding(table, ids), table, targets).backward();
        return table.grad!.numbers;
      });
      expectClose(fused, readable, { tolerance: 1e-12 });
    });
  });

  it("counts the FLOPs of its products as forward and backward ask for them, under the section it was recorded in", () => {
    scope(() => {
      const inputs = makeInputs(SITUATION);
      const count = (loss: Loss) => {
        const forward = countFlops(() => inFlopSection("head", () => lossOf(loss, inputs, SITUATION)));
        const backward = countFlops(() => forward.result.backward());
        return [forward.flops, backward.flops];
      };
      expect(count(projectedCrossEntropy)).to.deep.equal(count(readableProjectedCrossEntropy));
      inputs.table.requiresGrad = false;
      const [forward, backward] = count(projectedCrossEntropy);
      expect([forward, backward].map(({ model }) => model)).to.deep.equal([2 * 11 * 5 * 7, 2 * 11 * 5 * 7]);
    });
  });

  it("of no rows is a sum of 0, with gradients of 0, and has no mean", () => {
    scope(() => {
      const inputs = makeInputs({ ...SITUATION, shape: [0] });
      const loss = lossOf(projectedCrossEntropy, inputs, { reduction: "sum" });
      expect(loss.item()).to.equal(0);
      loss.backward();
      expect(inputs.hidden.grad!.shape).to.deep.equal([0, 5]);
      for (const { grad } of [inputs.table, inputs.bias!])
        expect([...grad!.numbers].every((x) => x === 0)).to.equal(true);
      expect(() => lossOf(projectedCrossEntropy, inputs, {})).to.throw("all 0 targets are -100");
    });
  });
});

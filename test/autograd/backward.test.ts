import { expect } from "chai";
import fc from "fast-check";
import { unbroadcast } from "../../src/autograd/backward.ts";
import { add, backward, detach, exp, isRecording, mul, noGrad, sum, tensor } from "../../src/autograd/index.ts";
import { memory } from "../../src/tensor/memory.ts";
import { Random } from "../../src/tensor/random.ts";
import { keep, scope } from "../../src/tensor/scope.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { broadcastPairs, expectNumbers, f64, indicesOf, normals, pick, seeds } from "./nested.ts";

const leaf = (values: number[]) => f64(values, { requiresGrad: true });

describe("backward", () => {
  it("gives a leaf the sum over all its uses, over several roads and several losses", () => {
    scope(() => {
      const x = leaf([2, -1]);
      // d/dx (x·x + 3x + x·e^x)
      sum(
        x
          .mul(x)
          .add(x.mul(3))
          .add(x.mul(exp(x))),
      ).backward();
      const expected = [2, -1].map((at) => 2 * at + 3 + Math.exp(at) * (1 + at));
      expectNumbers(x.grad!, [2], ([index]) => expected[index]);
      sum(x).backward();
      expectNumbers(x.grad!, [2], ([index]) => expected[index] + 1);
      add(x, x).backward({ gradient: f64([10, 20]) });
      expectNumbers(x.grad!, [2], ([index]) => expected[index] + 1 + 20 * (index + 1));
    });
  });

  it("equals the sum over paths in random graphs of additions and products", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 12 }), (steps) => {
        scope(() => {
          const x = leaf([1.5]);
          // Values with their derivatives, carried along by hand.
          const nodes = [{ y: x as Tensor, value: 1.5, slope: 1 }];
          for (const [first, second, isProduct] of steps) {
            const [a, b] = [nodes[first % nodes.length], nodes[second % nodes.length]];
            nodes.push({
              y: isProduct ? mul(mul(a.y, b.y), 0.1) : add(a.y, b.y),
              value: isProduct ? 0.1 * a.value * b.value : a.value + b.value,
              slope: isProduct ? 0.1 * (a.slope * b.value + a.value * b.slope) : a.slope + b.slope,
            });
          }
          const last = nodes[nodes.length - 1];
          backward(sum(last.y));
          expect(last.y.item()).to.be.closeTo(last.value, 1e-9 * Math.abs(last.value));
          expect(x.grad!.item()).to.be.closeTo(last.slope, 1e-9 * Math.abs(last.slope));
        });
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("starts from a gradient that is given, or from 1", () => {
    scope(() => {
      const x = leaf([1, 2, 3]);
      x.mul(x).backward({ gradient: f64([1, 10, 100]) });
      expect(x.grad!.toArray()).to.deep.equal([2, 40, 600]);
      const y = leaf([4]);
      y.backward();
      expect(y.grad!.toArray()).to.deep.equal([1]);
    });
  });

  it("goes once through a tape, or more often with retainGraph, which doubles the gradient", () => {
    scope(() => {
      const x = leaf([3]);
      const y = sum(mul(x, x));
      y.backward({ retainGraph: true });
      y.backward({ retainGraph: true });
      expect(x.grad!.item()).to.equal(12);
      y.backward();
      expect(x.grad!.item()).to.equal(18);
      expect(() => y.backward()).to.throw(
        'backward: the tape was used up at "sum" by an earlier backward pass; pass retainGraph: true to the earlier one',
      );
      const z = leaf([3]);
      const shared = exp(z);
      sum(shared).backward();
      expect(() => sum(mul(shared, 2)).backward()).to.throw('the tape was used up at "exp"');
      expect(z.grad!.item()).to.equal(Math.exp(3));
    });
  });

  it("refuses what has no history, is not a number, or does not fit", () => {
    scope(() => {
      const x = leaf([1, 2]);
      expect(() => f64([1]).backward()).to.throw("backward: a tensor of shape [1] has no history");
      expect(() => x.mul(2).backward()).to.throw(
        "backward: an output of shape [2] is not a single number; pass a gradient of that shape",
      );
      expect(() => x.mul(2).backward({ gradient: f64([1, 2, 3]) })).to.throw(
        "backward: gradient [3] f64 does not fit output [2] f64",
      );
      expect(() => x.mul(2).backward({ gradient: tensor([1, 2]) })).to.throw("gradient [2] f32 does not fit");
    });
  });

  it("reaches leaves only: results on the way keep no gradient, constants get none", () => {
    scope(() => {
      const [x, constant] = [leaf([2]), f64([5])];
      const between = x.mul(constant);
      sum(between.mul(between)).backward();
      expect(x.grad!.item()).to.equal(100);
      expect(between.grad).to.equal(null);
      expect(constant.grad).to.equal(null);
      expect(mul(constant, constant).requiresGrad).to.equal(false);
    });
  });

  it("goes through thousands of operations in a row", () => {
    scope(() => {
      const x = leaf([1]);
      let y: Tensor = x;
      for (let time = 0; time < 20000; time++) y = add(y, x);
      sum(y).backward();
      expect(x.grad!.item()).to.equal(20001);
    });
  });

  it("sums over stretched axes, wherever an operation hands on a stretched gradient", () => {
    fc.assert(
      fc.property(broadcastPairs, seeds, ({ a, whole }, seed) => {
        scope(() => {
          const values = normals(new Random(seed), whole);
          expectNumbers(unbroadcast(f64(values), a), a, (own) =>
            indicesOf(whole).reduce((total, index) => {
              const place = index.slice(whole.length - a.length).map((at, axis) => (a[axis] === 1 ? 0 : at));
              return total + (place.join() === own.join() ? pick(values, index) : 0);
            }, 0),
          );
        });
      }),
      { seed: 2, numRuns: 50 },
    );
  });
});

describe("noGrad and detach", () => {
  it("noGrad records nothing, also after an exception", () => {
    scope(() => {
      const x = leaf([1]);
      const inside = noGrad(() => exp(mul(x, x)));
      expect(inside.node).to.equal(null);
      expect(inside.requiresGrad).to.equal(false);
      expect(() =>
        noGrad(() => {
          throw new Error("inside");
        }),
      ).to.throw("inside");
      expect(exp(x).requiresGrad).to.equal(true);
    });
  });

  it("noGrad refuses an asynchronous body, and recording is on again", async () => {
    expect(() => noGrad(() => Promise.reject(new Error("nobody waits for this")))).to.throw(
      "noGrad: the body must be synchronous; operations are recorded again before an async one goes on",
    );
    expect(isRecording()).to.equal(true);
    // Were the rejection of the body not taken care of, it would end the program here.
    await new Promise((resolve) => setTimeout(resolve));
  });

  it("noGrad keeps nothing but the result in memory", () => {
    scope(() => {
      const x = leaf(new Array(1000).fill(0.5));
      const chain = () => scope(() => sum(exp(exp(exp(x)))));
      const before = memory.liveBytes;
      noGrad(chain);
      expect(memory.liveBytes - before).to.equal(64);
      chain();
      expect(memory.liveBytes - before).to.be.greaterThan(3 * 8000);
    });
  });

  it("detach ends the way of gradients, on the same elements", () => {
    scope(() => {
      const x = leaf([3]);
      const fixed = detach(mul(x, x));
      expect(fixed.requiresGrad).to.equal(false);
      sum(mul(fixed, x)).backward();
      expect(x.grad!.item()).to.equal(9);
      expect(detach(x).storage).to.equal(x.storage);
    });
  });
});

describe("memory during backward", () => {
  const LENGTH = 1000;
  const make = () => f64(Array.from({ length: LENGTH }, (_, index) => index / LENGTH));

  it("what only the tape knows goes back as the pass goes on: a long chain needs few gradients at a time", () => {
    scope(() => {
      const unit = 8 * LENGTH;
      const x = make();
      x.requiresGrad = true;
      const loss = scope(() => {
        let y: Tensor = x;
        for (let time = 0; time < 50; time++) y = exp(mul(y, 0.01));
        return sum(y);
      });
      const held = memory.liveBytes;
      memory.resetPeak();
      loss.backward();
      // Beyond what the forward pass left: the gradient that comes in, the one that goes out, and factors between.
      expect(memory.peakBytes - held).to.be.lessThan(6 * unit);
      expect(memory.liveBytes).to.be.lessThan(held - 40 * unit);
    });
  });

  it("after the pass nothing is in use but leaves, gradients and what the user holds", () => {
    scope(() => {
      const x = make();
      x.requiresGrad = true;
      const before = memory.liveBytes;
      const loss = scope(() => sum(exp(mul(x, x))));
      loss.backward();
      loss.release();
      expect(memory.liveBytes - before).to.equal(8000);
      x.grad!.release();
      expect(memory.liveBytes).to.equal(before);
    });
  });

  it("a tensor that the user holds survives, with its numbers", () => {
    scope(() => {
      const x = leaf([1, 2]);
      const held = mul(x, x);
      const alsoHeld = exp(held);
      const seed = f64([1, 1]);
      alsoHeld.backward({ gradient: seed });
      expect(held.toArray()).to.deep.equal([1, 4]);
      expect(alsoHeld.toArray()).to.deep.equal([Math.E, Math.exp(4)]);
      expect(seed.toArray()).to.deep.equal([1, 1]);
      expect(x.toArray()).to.deep.equal([1, 2]);
    });
  });

  it("gradients outlive the scope in which they were computed", () => {
    const x = keep(leaf([2]));
    scope(() => sum(mul(x, x)).backward());
    scope(() => sum(mul(x, x)).backward());
    expect(x.grad!.item()).to.equal(8);
  });

  it("a pass that fails leaves nothing behind", () => {
    scope(() => {
      const x = make();
      x.requiresGrad = true;
      const seed = make();
      const before = memory.liveBytes;
      scope(() => {
        const y = exp(exp(x));
        y.backward({ gradient: seed });
        expect(() => y.backward({ gradient: seed })).to.throw("used up");
        expect(() => exp(x).backward({ gradient: f64([1]) })).to.throw("does not fit");
      });
      x.grad!.release();
      expect(memory.liveBytes).to.equal(before);
      seed.release();
      expect(memory.liveBytes).to.equal(before - 8000);
    });
  });
});

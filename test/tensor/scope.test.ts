import { spawnSync } from "node:child_process";
import { expect } from "chai";
import fc from "fast-check";
import { mul, sum, tensor } from "../../src/autograd/index.ts";
import { memory } from "../../src/tensor/memory.ts";
import { keep, outsideScopes, scope } from "../../src/tensor/scope.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** A tensor that takes one unit of the pool, 64 bytes. */
const unit = (value = 1): Tensor => Tensor.from(new Array(16).fill(value), [16]);
const UNIT_BYTES = 64;
/** Bytes in use now beyond those in use before. */
const grownBy = (before: number) => memory.liveBytes - before;

describe("scope", () => {
  it("releases what was made inside, and nothing else", () => {
    scope(() => {
      const outer = unit(3);
      const before = memory.liveBytes;
      const inside: Tensor[] = [];
      const result = scope(() => {
        for (let index = 0; index < 5; index++) inside.push(unit(index));
        expect(grownBy(before)).to.equal(5 * UNIT_BYTES);
        return outer;
      });
      expect(grownBy(before)).to.equal(0);
      expect(inside.every(({ isReleased }) => isReleased)).to.equal(true);
      expect(result).to.equal(outer);
      expect(outer.toFlatArray()).to.deep.equal(new Float32Array(16).fill(3));
    });
  });

  it("spares what it returns, however it is nested", () => {
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom("tensor", "tensor", 7, null, undefined, "text"),
        fc.array(tie("tree"), { maxLength: 4 }),
        fc.dictionary(fc.string({ maxLength: 3 }), tie("tree"), { maxKeys: 4 }),
        fc.record({ map: fc.array(tie("tree"), { maxLength: 4 }) }),
      ),
    }));
    const property = fc.property(tree, (description) => {
      scope(() => {
        const before = memory.liveBytes;
        const kept: Tensor[] = [];
        const build = (part: unknown): unknown => {
          unit();
          if (part === "tensor") {
            kept.push(unit(kept.length));
            return kept.at(-1);
          }
          if (Array.isArray(part)) return part.map(build);
          if (typeof part !== "object" || part === null) return part;
          const entries = Object.entries(part).map(([key, value]) => [key, build(value)]);
          if ("map" in part) return new Map(entries as [string, unknown][]);
          return Object.fromEntries(entries);
        };
        scope(() => build(description));
        expect(grownBy(before)).to.equal(kept.length * UNIT_BYTES);
        kept.forEach((member, index) => expect(member.data[0]).to.equal(index));
      });
    });
    fc.assert(property, { seed: 1, numRuns: 200 });
  });

  it("hands what an inner scope returns to the scope around it", () => {
    const before = memory.liveBytes;
    let fromInner: Tensor | undefined;
    const result = scope(() => {
      fromInner = scope(() => scope(() => [unit(1), unit(2)])[1]);
      unit();
      expect(grownBy(before)).to.equal(2 * UNIT_BYTES);
      return 5;
    });
    expect(result).to.equal(5);
    expect(fromInner!.isReleased).to.equal(true);
    expect(grownBy(before)).to.equal(0);
  });

  it("releases when its body throws, and leaves the scope around it in place", () => {
    scope(() => {
      const before = memory.liveBytes;
      expect(() =>
        scope(() => {
          unit();
          scope(() => {
            unit();
            throw new Error("from the body");
          });
        }),
      ).to.throw("from the body");
      expect(grownBy(before)).to.equal(0);
      const after = unit();
      expect(after.scope).not.to.equal(null);
    });
  });

  it("refuses an asynchronous body, and releases what it made so far", async () => {
    const before = memory.liveBytes;
    let reached = false;
    expect(() =>
      scope(async () => {
        unit();
        await Promise.resolve();
        reached = true;
        throw new Error("nobody waits for this");
      }),
    ).to.throw("scope: the body must be synchronous; an async function would outlive its scope");
    expect(grownBy(before)).to.equal(0);
    // Were the rejection of the body not taken care of, it would end the program here.
    await new Promise((resolve) => setTimeout(resolve));
    expect(reached).to.equal(true);
  });

  it("keep and outsideScopes make tensors outlive every scope", () => {
    const before = memory.liveBytes;
    const survivors = scope(() => {
      unit();
      const kept = scope(() => keep(unit(1)));
      const outside = scope(() => outsideScopes(() => unit(2)));
      expect(keep(kept)).to.equal(kept);
      return { list: [kept, outside] };
    }).list;
    expect(survivors.map(({ data }) => data[0])).to.deep.equal([1, 2]);
    expect(survivors.map((survivor) => survivor.scope)).to.deep.equal([null, null]);
    expect(grownBy(before)).to.equal(2 * UNIT_BYTES);
    for (const survivor of survivors) survivor.release();
    expect(grownBy(before)).to.equal(0);
  });

  it("a body that escapes into outsideScopes and throws there leaves the scope in place", () => {
    scope(() => {
      expect(() =>
        outsideScopes(() => {
          throw new Error("out there");
        }),
      ).to.throw("out there");
      expect(unit().scope).not.to.equal(null);
    });
  });
});

describe("a released tensor", () => {
  const released = () => {
    let made: Tensor | undefined;
    scope(() => void (made = unit()));
    return made!;
  };
  const sentence =
    "a tensor of shape [16] was used after its scope had ended; return it from the scope, or call keep()";

  it("cannot be read, in one sentence", () => {
    for (const use of [
      (x: Tensor) => x.data,
      (x: Tensor) => x.numbers,
      (x: Tensor) => x.toArray(),
      (x: Tensor) => x.toFlatArray(),
      (x: Tensor) => x.alias(),
      (x: Tensor) => x.add(1),
      (x: Tensor) => x.reshape([4, 4]),
      (x: Tensor) => x.detach(),
    ]) {
      expect(() => scope(() => use(released()))).to.throw(sentence);
    }
  });

  it("still tells its shape, and that it is released", () => {
    expect(String(released())).to.equal("Tensor[16] f32 (released)");
    expect(released().size).to.equal(16);
  });

  it("may be released again", () => {
    const before = memory.liveBytes;
    const made = released();
    made.release();
    expect(grownBy(before)).to.equal(0);
  });

  it("leaves the elements to others who use them", () => {
    const before = memory.liveBytes;
    const view = scope(() => unit(4).reshape([2, 8]));
    expect(grownBy(before)).to.equal(UNIT_BYTES);
    expect(view.toFlatArray()).to.deep.equal(new Float32Array(16).fill(4));
    view.release();
    expect(grownBy(before)).to.equal(0);
    expect(() => view.data).to.throw("a tensor of shape [2, 8] was used after its scope had ended");
  });

  it("stays available to the tape", () => {
    scope(() => {
      const w = tensor([2, 3], { requiresGrad: true });
      const loss = scope(() => sum(mul(mul(w, w), w)));
      loss.backward();
      expect(w.grad!.toArray()).to.deep.equal([12, 27]);
    });
  });

  it("was poisoned: a view of its bytes reads NaN", () => {
    expect(memory.poison).to.equal(true);
    let view: ArrayLike<number> = [];
    scope(() => {
      view = unit().data;
      expect(view[0]).to.equal(1);
    });
    expect(Array.from(view).every(Number.isNaN)).to.equal(true);
  });
});

describe("outside of scopes", () => {
  it("garbage collection gives back tensors, tapes that nobody ran backward, gradients and parameters", () => {
    const [autograd, tensors] = ["autograd/index.ts", "tensor/tensor.ts"].map((file) =>
      JSON.stringify(new URL(`../../src/${file}`, import.meta.url)),
    );
    const [scopes, memories] = ["scope.ts", "memory.ts"].map((file) =>
      JSON.stringify(new URL(`../../src/tensor/${file}`, import.meta.url)),
    );
    const program = `
      import { exp, mul, sum, tensor } from ${autograd};
      import { Parameter } from ${tensors};
      import { outsideScopes, scope } from ${scopes};
      import { memory } from ${memories};
      const collected = async (enough) => {
        for (let time = 0; time < 40 && (time < 4 || !enough()); time++) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          gc();
        }
        return memory.liveBytes;
      };
      const w = tensor(new Float32Array(1000), { requiresGrad: true });
      exp(w);
      const before = await collected(() => true);
      const cases = {
        results: () => exp(mul(w, w)),
        tapeFromScope: () => scope(() => sum(exp(exp(mul(w, w))))),
        tapeGoingOutside: () => scope(() => {
          const inside = exp(mul(w, w));
          outsideScopes(() => mul(inside, inside));
        }),
        leafGradients: () => {
          const leaf = tensor(new Float32Array(1000), { requiresGrad: true });
          sum(mul(leaf, leaf)).backward();
        },
        graphOfGradients: () => {
          const leaf = tensor(new Float32Array(1000), { requiresGrad: true });
          scope(() => sum(mul(mul(leaf, leaf), leaf))).backward({ createGraph: true });
          scope(() => sum(mul(leaf.grad, leaf.grad)));
        },
        parameters: () => new Parameter([1000], (values) => values.fill(1)).data,
      };
      const left = {};
      for (const [name, use] of Object.entries(cases)) {
        for (let time = 0; time < 50; time++) use();
        left[name] = (await collected(() => memory.liveBytes === before)) - before;
      }
      console.log(JSON.stringify(left));
      w.release();
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", "--input-type=module", "-e", program], {
      encoding: "utf8",
      env: { ...process.env, APOLLO_THREADS: "1" },
    });
    expect(stderr).to.equal("");
    expect(JSON.parse(stdout)).to.deep.equal({
      results: 0,
      tapeFromScope: 0,
      tapeGoingOutside: 0,
      leafGradients: 0,
      graphOfGradients: 0,
      parameters: 0,
    });
  });
});

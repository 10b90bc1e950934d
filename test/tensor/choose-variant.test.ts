import { expect } from "chai";
import { chooseVariant } from "../../src/tensor/choose-variant.ts";
import { platform } from "../../src/tensor/current-platform.ts";
import type { Kernels } from "../../src/tensor/kernels.ts";
import { Memory } from "../../src/tensor/memory.ts";
import { referenceKernels } from "../../src/tensor/reference-kernels.ts";
import type { SimdVariant } from "../../src/tensor/simd-module.ts";
import { ThreadPool } from "../../src/tensor/thread-pool.ts";

describe("the choice of a variant", () => {
  const memory = new Memory();
  const { canJoinVectorPairs, joinVectorPairs } = platform;
  let joins: boolean[] = [];
  beforeEach(() => {
    joins = [];
    platform.canJoinVectorPairs = true;
    platform.joinVectorPairs = (join) => joins.push(join);
  });
  afterEach(() => Object.assign(platform, { canJoinVectorPairs, joinVectorPairs }));

  /** Chooses among the reference's kernels, but that the large product, which is only timed, takes so many milliseconds. */
  function choose(
    asked: SimdVariant | undefined,
    { ms = [0.2, 0.1], wrong = {} }: { ms?: number[]; wrong?: Partial<Record<SimdVariant, Partial<Kernels>>> },
  ) {
    return chooseVariant(asked, memory, (variant) => ({
      pool: new ThreadPool({ memory, module: null, threads: 1 }),
      simd: (panel) => ({
        ...referenceKernels,
        matmul(a, b, out, layout) {
          const end = performance.now() + ms[panel === 8 ? 0 : 1];
          if (layout.rows < 40) referenceKernels.matmul(a, b, out, layout);
          else while (performance.now() < end);
        },
        ...wrong[variant],
      }),
    }));
  }

  it("takes wide kernels that are right and faster", () => {
    const { variant, probes } = choose(undefined, {});
    expect(variant).to.equal("wide");
    expect(joins).to.deep.equal([true]);
    expect(probes).to.have.length(1);
    expect(probes[0]).to.deep.include({ variant: "wide", wrong: null, isChosen: true });
    expect(probes[0].tiles!.wide).to.be.greaterThan(1.1 * probes[0].tiles!.narrow);
  });

  it("passes over wide kernels that are not faster, unless they are asked for", () => {
    const { variant, probes } = choose(undefined, { ms: [0.1, 0.2] });
    expect(variant).to.equal("relaxed");
    expect(joins.at(-1)).to.equal(false);
    expect(probes.map((probe) => [probe.variant, probe.isChosen])).to.deep.equal([
      ["wide", false],
      ["relaxed", true],
    ]);
    expect(choose("wide", { ms: [0.1, 0.2] }).variant).to.equal("wide");
    expect(joins.at(-1)).to.equal(true);
  });

  it("passes over kernels that are wrong, and refuses wide ones that are asked for", () => {
    const softmax: Kernels["softmax"] = (x, out, layout) => {
      referenceKernels.softmax(x, out, layout);
      out[layout.columns] *= 1.01;
    };
    const { variant, probes } = choose(undefined, { wrong: { wide: { softmax } } });
    expect(variant).to.equal("relaxed");
    expect(joins.at(-1)).to.equal(false);
    expect(probes[0]).to.include({ wrong: "softmax", isChosen: false });
    expect(choose(undefined, { wrong: { wide: { softmax }, relaxed: { softmax } } }).variant).to.equal("plain");
    expect(choose("relaxed", { wrong: { relaxed: { softmax } } })).to.deep.include({ variant: "relaxed", probes: [] });
    expect(() => choose("wide", { wrong: { wide: { softmax } } })).to.throw(
      'the SIMD variant "wide" computes softmax wrongly on this machine',
    );
    expect(joins.at(-1)).to.equal(false);
  });

  it("refuses what this engine cannot run", () => {
    platform.canJoinVectorPairs = false;
    expect(() => choose("wide", {})).to.throw('the SIMD variant "wide" needs Node 24 or later on x64');
    expect(choose(undefined, {}).variant).to.equal("relaxed");
  });
});

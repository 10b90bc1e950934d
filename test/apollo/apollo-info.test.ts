import { expect } from "chai";
import { type ApolloInfoRecord, apolloInfoRecord } from "../../src/apollo/apollo-info.ts";
import { depthSampler } from "../../src/apollo/depth-sampler.ts";
import { layerMap } from "../../src/apollo/layer-map.ts";
import { stageAt, stagePlan } from "../../src/apollo/schedule.ts";

/** The first twenty numbers of Python's `random.random()` after `random.seed(42)`, the seed of the release. */
const SEED_42 = [
  0.6394267984578837, 0.025010755222666936, 0.27502931836911926, 0.22321073814882275, 0.7364712141640124,
  0.6766994874229113, 0.8921795677048454, 0.08693883262941615, 0.4219218196852704, 0.029797219438070344,
  0.21863797480360336, 0.5053552881033624, 0.026535969683863625, 0.1988376506866485, 0.6498844377795232,
  0.5449414806032167, 0.2204406220406967, 0.5892656838759087, 0.8094304566778266, 0.006498759678061017,
];

/** The example run of the release: ten updates of four micro-batches, growing before updates 1, 2 and 5. */
function exampleLog(): ApolloInfoRecord[] {
  const stages = stagePlan({ stages: [1, 3, 6, 12], boundaries: [0.1, 0.2, 0.5], steps: 10, targetDepth: 12 });
  const sampler = depthSampler({ sampler: "lvps", lvps: "release" });
  return Array.from({ length: 40 }, (_, index) => {
    const step = Math.floor(index / 4);
    const N = stageAt(stages, step).uniqueLayers;
    const layers = layerMap("interp_floor", N, sampler.depthFromUniform(SEED_42[index] ?? 0.5, N, 12));
    return apolloInfoRecord({ step, microBatch: index % 4, microBatches: 4, stages, map: "interp_floor", layers });
  });
}

describe("apolloInfoRecord", () => {
  it("has the release's keys in the release's order", () => {
    const keys =
      "curr_global_step_with_accu curr_global_step curr_unique_layer curr_meta_layer extend_layer_list do_stack stack_info";
    for (const record of exampleLog()) expect(Object.keys(JSON.parse(JSON.stringify(record))).join(" ")).to.equal(keys);
  });

  it("counts micro-batches and updates, and marks the first micro-batch of every later stage", () => {
    const log = exampleLog();
    expect(log.map((record) => record.curr_global_step_with_accu)).to.deep.equal([...log.keys()]);
    expect(log.map((record) => record.curr_global_step)).to.deep.equal([...log.keys()].map((i) => Math.floor(i / 4)));
    expect(log.filter((record) => record.do_stack).map((record) => record.curr_global_step_with_accu)).to.deep.equal([
      4, 8, 20,
    ]);
    const uniqueLayers = [1, 3, 6, 12].flatMap((N, stage) => new Array<number>([4, 4, 12, 20][stage]).fill(N));
    expect(log.map((record) => record.curr_unique_layer)).to.deep.equal(uniqueLayers);
  });

  it("replays the depths of the release's log from its seed", () => {
    const log = exampleLog();
    const histogram = (N: number) => {
      const counts: Record<number, number> = {};
      for (const { curr_unique_layer, curr_meta_layer } of log) {
        if (curr_unique_layer === N) counts[curr_meta_layer] = (counts[curr_meta_layer] ?? 0) + 1;
      }
      return counts;
    };
    expect(histogram(1)).to.deep.equal({ 1: 2, 2: 1, 8: 1 });
    expect(histogram(3)).to.deep.equal({ 3: 3, 8: 1 });
    expect(histogram(6)).to.deep.equal({ 6: 6, 8: 2, 9: 1, 12: 3 });
    expect(histogram(12)).to.deep.equal({ 12: 20 });
    expect(log.reduce((total, { curr_meta_layer }) => total + curr_meta_layer, 0)).to.equal(366);
    expect(log.map(({ extend_layer_list }) => extend_layer_list.length)).to.deep.equal(
      log.map(({ curr_meta_layer }) => curr_meta_layer),
    );
  });

  it("repeats the growth map in every record of a stage, and [0] in the first", () => {
    const log = exampleLog();
    expect(log[0].stack_info).to.deep.equal([0]);
    expect(log[4].stack_info).to.deep.equal([0, 0, 0]);
    expect(log[19].stack_info).to.deep.equal([0, 0, 1, 1, 2, 2]);
    expect(log[39].stack_info).to.deep.equal([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
  });

  it("takes the map that growth uses, from the last stage in the first", () => {
    const stages = stagePlan({ stages: [3, 6, 12], boundaries: [0.2, 0.5], steps: 10, targetDepth: 12 });
    const stackInfo = (map: "interp_floor" | "stack_top", step: number) =>
      apolloInfoRecord({ step, microBatch: 0, stages, map, layers: [0, 1, 2] }).stack_info;
    expect(stackInfo("stack_top", 2)).to.deep.equal([0, 1, 2, 0, 1, 2]);
    expect(stackInfo("interp_floor", 0)).to.deep.equal([0, 4, 8]);
    expect(stackInfo("stack_top", 0)).to.deep.equal([9, 10, 11]);
  });

  it("refuses what cannot have run", () => {
    const stages = stagePlan({ stages: [1, 3], boundaries: [0.5], steps: 10, targetDepth: 3 });
    const record = (step: number, microBatch: number, layers: number[]) => () =>
      apolloInfoRecord({ step, microBatch, microBatches: 2, stages, map: "interp_floor", layers });
    expect(record(10, 0, [0])).to.throw("step 10 is not one of 0 … 9");
    expect(record(0, 2, [0])).to.throw("micro-batch 2 is not one of the 2");
    expect(record(4, 0, [0, 1])).to.throw("layer 1 is not one of 0 … 0 at step 4");
    expect(record(5, 1, [0, 1, 2])).not.to.throw();
  });
});

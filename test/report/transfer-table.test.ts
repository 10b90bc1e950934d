import { expect } from "chai";
import { markdownTable } from "../../src/report/suite-table.ts";
import type { TransferRecord } from "../../src/report/transfer-record.ts";
import { differenceTable, transferDifferences, transferTable } from "../../src/report/transfer-table.ts";

const record = (label: string, seed: number, parts: Partial<TransferRecord> & { scores: number[] }): TransferRecord => {
  const { scores, ...rest } = parts;
  const [tuned, probed] = scores;
  return {
    ...{ schema: 1, label, seed, hash: "", date: "" },
    results: [
      { task: "tags", mode: "fine-tuned", scores: { accuracy: tuned, f1: 0 }, epoch: 3, hash: "" },
      { task: "tags", mode: "probe", scores: { accuracy: probed }, epoch: 1, hash: "" },
    ],
    ...rest,
  };
};
const trained = (modelFlops: number, smallModelFlops?: number) => ({
  pretraining: { steps: 5, ofSteps: 9, modelFlops, loss: 6, ...(smallModelFlops && { smallModelFlops }) },
});

const RECORDS = [
  record("scratch", 0, { ...trained(100), scores: [0.8, 0.5] }),
  record("scratch", 1, { ...trained(100), scores: [0.82, 0.5] }),
  record("scratch", 2, { ...trained(100), scores: [0.84, 0.5] }),
  record("ligo", 0, { ...trained(60, 20), scores: [0.79, 0.52] }),
  record("ligo", 1, { ...trained(60, 20), scores: [0.82, 0.521] }),
  record("ligo", 2, { ...trained(60, 20), scores: [0.85, 0.519] }),
  record("untrained", 0, { scores: [0.7, 0.3] }),
];
const LABELS = ["scratch", "ligo", "untrained"];

describe("the table of transfer", () => {
  it("has FLOPs as shares of the target's, and every task's own metric with its spread", () => {
    expect(markdownTable(transferTable(RECORDS, LABELS)).replace(/\s%/g, " %").split("\n")).to.deep.equal([
      "| pre-training | seeds | FLOPs | with small model | validation loss | tags | tags, probe | mean | mean of probes |",
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
      "| scratch | 3 | 100 % | – | 6.000 | 82.0 ± 2.0 | 50.0 ± 0.0 | 82.0 ± 2.0 | 50.0 ± 0.0 |",
      "| ligo | 3 | 60 % | 80 % | 6.000 | 82.0 ± 3.0 | 52.0 ± 0.1 | 82.0 ± 3.0 | 52.0 ± 0.1 |",
      "| untrained | 1 | – | – | – | 70.0 | 30.0 | 70.0 | 30.0 |",
    ]);
  });

  it("holds every row against the target seed by seed, and marks what chance hardly makes", () => {
    const [tags] = transferDifferences(RECORDS, LABELS);
    expect(tags).to.include({ label: "ligo", column: "tags" });
    expect(tags.differences.map((value) => value.toFixed(4))).to.deep.equal(["-0.0100", "0.0000", "0.0100"]);
    const { columns, rows } = differenceTable(RECORDS, LABELS);
    expect(columns.map(({ head }) => head)).to.deep.equal(["tags", "tags, probe", "mean", "mean of probes"]);
    // 2.0 ± 0.1 points over three seeds are far outside of what Student's t allows; −10 over one says nothing.
    expect(rows[0].cells).to.deep.equal(["+0.0 ± 1.0", "+2.0 ± 0.1 *", "+0.0 ± 1.0", "+2.0 ± 0.1 *"]);
    expect(rows[1].cells).to.deep.equal(["−10.0", "−20.0", "−10.0", "−20.0"]);
  });

  it("leaves the mean out where a task is missing", () => {
    const [scratch, ...others] = RECORDS;
    const records = [{ ...scratch, results: scratch.results.slice(0, 1) }, ...others.slice(2)];
    expect(transferTable(records, ["scratch"]).rows[0].cells.slice(-4)).to.deep.equal(["80.0", "–", "80.0", "–"]);
  });
});

import { expect } from "chai";
import type { SeedResult, SuiteComparison } from "../../src/report/suite-comparison.ts";
import { drawSuiteFigures, renderSuiteReport } from "../../src/report/suite-report.ts";
import { learningRateTable, markdownTable, suiteTable } from "../../src/report/suite-table.ts";

const seedResult = (seed: number, change: Partial<SeedResult> = {}): SeedResult => ({
  ...{ seed, status: "finished", endLoss: 5, difference: 0 },
  savings: { flops: 0.25, layerFlops: 0.3, seconds: 0.2, withSmallModels: 0.1 },
  ...{ atEqualFlops: { own: 5.1, target: 5.2 }, atEqualSeconds: null },
  ...{ meanDepthPerStage: [2, 12], epochs: 1, trainValidationGap: 0.1 },
  ...{ modelFlops: 9e12, elapsedMs: 90_000, smallModelFlops: 0 },
  curve: [0, 1, 2, 3].map((at) => ({ loss: 6 - at / 3, modelFlops: 3e12 * at, elapsedMs: 30_000 * at })),
  ...change,
});

const comparison: SuiteComparison = {
  ...{ title: "Three <recipes>", target: "scratch", setup: "a small model", machines: ["a machine"] },
  areSecondsCalibrated: true,
  rows: [
    {
      label: "scratch",
      grid: [
        { learningRate: 0.002, endLoss: 5.2 },
        { learningRate: 0.004, endLoss: 5 },
      ],
      ...{ learningRate: 0.004, missing: 0 },
      seeds: [seedResult(0, { endLoss: 5, modelFlops: 10e12 }), seedResult(1, { endLoss: 5.1, modelFlops: 10e12 })],
    },
    {
      label: "grown",
      grid: [{ learningRate: 0.002, endLoss: Number.POSITIVE_INFINITY }],
      ...{ learningRate: 0.004, missing: 0 },
      seeds: [
        seedResult(0, { endLoss: 4.9, difference: -0.1, smallModelFlops: 1e12 }),
        seedResult(1, {
          ...{ endLoss: 5.1, difference: 0.02, smallModelFlops: 1e12 },
          savings: { flops: null, layerFlops: null, seconds: null, withSmallModels: null },
        }),
      ],
    },
    {
      label: "failing",
      ...{ grid: [], learningRate: null, missing: 1 },
      seeds: [seedResult(0, { status: "failed", reason: "it diverged", endLoss: Number.NaN })],
    },
  ],
  warnings: ["failing, seed 0, failed: it diverged"],
};

describe("the report of a suite", () => {
  const { columns, rows } = suiteTable(comparison);
  const cell = (label: string, head: string) =>
    rows.find((row) => row.label === label)!.cells[columns.findIndex((column) => column.head === head)];

  it("tells means with their spread over the seeds, and how many reached the target", () => {
    expect(cell("scratch", "end loss")).to.equal("5.050 ± 0.071");
    expect(cell("scratch", "saved FLOPs")).to.equal("target");
    expect(cell("grown", "minus the target’s")).to.equal("−0.040 ± 0.085");
    expect(cell("grown", "at equal FLOPs")).to.equal("−0.100 ± 0.000");
    expect(cell("grown", "at equal seconds")).to.equal("–");
    expect(cell("grown", "saved FLOPs").replaceAll("\u00a0", " ")).to.equal("25.0 % (1 of 2)");
    expect(cell("grown", "with small model").replaceAll("\u00a0", " ")).to.equal("10.0 % (1 of 2)");
    expect(cell("scratch", "with small model")).to.equal("–");
    expect(cell("grown", "FLOPs").replaceAll("\u00a0", " ")).to.equal("90 %");
    expect(cell("grown", "mean depth")).to.equal("2.00 · 12.00");
    for (const head of ["end loss", "saved FLOPs", "mean depth", "learning rate"])
      expect(cell("failing", head), head).to.equal("–");
  });

  it("tells every learning rate that was tried, and the one that failed", () => {
    expect(learningRateTable(comparison).rows.map(({ cells }) => cells)).to.deep.equal([
      ["5.200", "5.000"],
      ["failed", "–"],
      ["–", "–"],
    ]);
  });

  it("is a page and a picture that need nothing else, with what failed said first", async () => {
    const figures = await drawSuiteFigures(comparison);
    expect(figures.map(({ id }) => id)).to.deep.equal(["suite-losses"]);
    for (const text of ["scratch", "grown", "(calibrated)"]) expect(figures[0].svg).to.include(text);
    expect(figures[0].svg).not.to.include("failing");
    expect(figures[0].svg).not.to.include("NaN");
    const page = renderSuiteReport(comparison, figures);
    expect(page).to.include("Three &lt;recipes&gt;");
    expect(page).to.include("failing, seed 0, failed: it diverged");
    expect(page).to.include("Seconds are calibrated");
    expect(page).not.to.match(/(src|href)="http/);
    const nothing = { ...comparison, rows: comparison.rows.slice(2) };
    expect(await drawSuiteFigures(nothing)).to.deep.equal([]);
  });

  it("is a table in Markdown, too", () => {
    const lines = markdownTable(suiteTable(comparison)).split("\n");
    expect(lines).to.have.length(5);
    expect(lines[0]).to.match(/^\| recipe \| learning rate \| end loss \|/);
    for (const line of lines) expect(line.split("|").length).to.equal(columns.length + 3);
  });
});

import { expect } from "chai";
import type { RegimeComparison } from "../../src/report/regime-comparison.ts";
import { drawRegimeFigures, renderRegimeReport } from "../../src/report/regime-report.ts";
import { regimeTable, regimeWarnings } from "../../src/report/regime-table.ts";
import type { SuiteComparison } from "../../src/report/suite-comparison.ts";
import { exampleSuite, seedResult } from "./example-suite.ts";

const [scratch, grown] = exampleSuite.rows;
const sampled = {
  ...grown,
  label: "sampled",
  seeds: [seedResult(0, { endLoss: 4.8, difference: -0.2 }), seedResult(1, { endLoss: 5.2, difference: 0.1 })],
};
const at = (changes: Partial<SuiteComparison>): SuiteComparison => ({
  ...exampleSuite,
  rows: [scratch, grown, sampled],
  warnings: [],
  ...changes,
});
const regime: RegimeComparison = {
  title: "A <map>",
  setup: "a small model",
  points: [
    { axis: "length", value: "1,000 steps", comparison: at({}) },
    {
      axis: "length",
      value: "2,000 steps",
      comparison: at({
        rows: [scratch, { ...grown, seeds: [], missing: 2 }, sampled],
        warnings: ["Runs are missing: grown 2"],
      }),
    },
  ],
};

describe("the report of a regime", () => {
  const { rowHead, columns, rows } = regimeTable(regime);
  const cell = (row: number, head: string) =>
    rows[row].cells[columns.findIndex((column) => column.head === head)].replaceAll("\u00a0", " ");

  it("holds every recipe against the target and against the one before it, point by point", () => {
    expect(rowHead).to.equal("point");
    expect(rows.map(({ label }) => label)).to.deep.equal(["length: 1,000 steps", "length: 2,000 steps"]);
    expect(cell(0, "scratch")).to.equal("5.050 ± 0.071");
    expect(cell(0, "grown − scratch")).to.equal("−0.040 ± 0.085");
    expect(cell(0, "sampled − scratch")).to.equal("−0.050 ± 0.212");
    // −0.1 with the first seed, +0.1 with the second.
    expect(cell(0, "sampled − grown")).to.equal("0.000 ± 0.141");
    expect(cell(0, "grown at equal FLOPs")).to.equal("−0.100 ± 0.000");
    expect(cell(0, "grown saves")).to.equal("25.0 % (1 of 2)");
    expect(cell(0, "learning rates")).to.equal("0.004 · 0.004 · 0.004");
    expect(cell(0, "seeds")).to.equal("2 · 2 · 2");
  });

  it("shows what is missing as missing", () => {
    for (const head of ["grown − scratch", "sampled − grown", "grown saves"]) expect(cell(1, head), head).to.equal("–");
    expect(cell(1, "sampled − scratch")).to.equal("−0.050 ± 0.212");
    expect(regimeWarnings(regime)).to.deep.equal(["length: 2,000 steps: Runs are missing: grown 2"]);
    const both = regime.points.map((point) => ({
      ...point,
      comparison: { ...point.comparison, warnings: ["It rained"] },
    }));
    const names = both.map(({ axis, value }) => `${axis}: ${value}`);
    expect(regimeWarnings({ ...regime, points: both })).to.deep.equal([`${names.join("; ")}: It rained`]);
  });

  it("is a page and a picture of all points that need nothing else", async () => {
    const figures = await drawRegimeFigures(regime);
    const page = renderRegimeReport(regime, figures);
    expect(page).to.include("A &lt;map&gt;").and.include("length: 2,000 steps: Runs are missing: grown 2");
    expect(page).not.to.match(/(src|href)="http/);
    expect(figures[0].svg).to.include("length: 1,000 steps").and.include("length: 2,000 steps");
    // A dot for each of "grown" and "sampled", but where one is missing; both in each of the two panels, on the right pale where one of two
    // seeds got there.
    const symbols = [...figures[0].svg.matchAll(/<g class="mark-symbol.*?<\/g>/gs)].map(([group]) => group);
    expect(symbols.map((group) => group.match(/<path /g)?.length)).to.deep.equal([3, 3]);
    expect(symbols.map((group) => group.match(/opacity="0\.5"/g)?.length)).to.deep.equal([undefined, 1]);
    expect(await drawRegimeFigures({ ...regime, points: [] })).to.deep.equal([]);
  });
});

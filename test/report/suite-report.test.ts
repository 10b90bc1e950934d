import { expect } from "chai";
import { drawSuiteFigures, renderSuiteReport } from "../../src/report/suite-report.ts";
import { learningRateTable, markdownTable, savedText, seedTable, suiteTable } from "../../src/report/suite-table.ts";
import { exampleSuite as comparison } from "./example-suite.ts";

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
    expect(cell("grown", "by training loss")).to.equal("too noisy");
    const [quiet] = comparison.rows[1].seeds;
    expect(savedText([quiet, quiet], ({ trainingSaving }) => trainingSaving)).to.equal("40.0 ± 0.0\u00a0%");
    expect(cell("grown", "FLOPs").replaceAll("\u00a0", " ")).to.equal("90 %");
    expect(cell("grown", "mean depth")).to.equal("2.00 · 12.00");
    for (const head of ["end loss", "saved FLOPs", "mean depth", "learning rate"])
      expect(cell("failing", head), head).to.equal("–");
  });

  it("tells every learning rate that was tried, and the one that failed", () => {
    expect(learningRateTable(comparison).rows.map(({ cells }) => cells)).to.deep.equal([
      ["5.200", "5.000"],
      ["failed", "4.900 (25.0\u00a0%)"],
      ["–", "–"],
    ]);
  });

  it("tells every seed, with what it saved", () => {
    const { columns, rows } = seedTable(comparison);
    expect(columns.map(({ head }) => head)).to.deep.equal(["seed 0", "seed 1"]);
    expect(rows.map(({ cells }) => cells).slice(0, 2)).to.deep.equal([
      ["5.000", "5.100"],
      ["4.900 (25.0\u00a0%)", "5.100 (not reached)"],
    ]);
    expect(rows[2].cells).to.include("failed");
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

  it("draws losses little beyond the target's: a curve far above leaves the picture", async () => {
    const [scratch, grown] = comparison.rows;
    const highestTick = async (losses: readonly number[]) => {
      const [seed] = grown.seeds;
      const curve = seed.curve.map((point, index) => ({ ...point, loss: losses[index] }));
      const rows = [scratch, { ...grown, seeds: [{ ...seed, curve }] }];
      const [{ svg }] = await drawSuiteFigures({ ...comparison, rows });
      return Math.max(...[...svg.matchAll(/"translate\(-8,[^>]*>([\d.]+)</g)].map(([, tick]) => Number(tick)));
    };
    // From 12 % of the cost on the target is below 5.9, and the lowest loss is 4.8.
    expect(await highestTick([6, 5.6, 5.2, 4.8])).to.be.within(5.6, 5.9);
    expect(await highestTick([9, 9, 9, 4.8])).to.be.within(5.9, 4.8 + 1.3 * (5.9 - 4.8));
  });

  it("is a table in Markdown, too", () => {
    const lines = markdownTable(suiteTable(comparison)).split("\n");
    expect(lines).to.have.length(5);
    expect(lines[0]).to.match(/^\| recipe \| seeds \| learning rate \| end loss \|/);
    for (const line of lines) expect(line.split("|").length).to.equal(columns.length + 3);
  });
});

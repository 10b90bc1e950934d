import { expect } from "chai";
import { paperSchedules } from "../../src/lab/paper-schedules.ts";
import { depthsTable, ratiosTable } from "../../src/report/paper-schedules.ts";
import { drawPaperSchedules } from "../../src/report/plots/schedule-plot.ts";

describe("the paper's schedules", () => {
  const schedules = paperSchedules();
  const model = (name: string) => schedules.models.find((one) => one.name === name)!;
  const row = (name: string, sampler: string, stages: string) =>
    ratiosTable(model(name))
      .rows.find(({ label, cells }) => label === sampler && cells[0] === stages)!
      .cells.slice(1);

  it("have the expected depths of the specification", () => {
    const { columns, rows } = depthsTable(schedules);
    expect(rows).to.have.length(8);
    const depth = (label: string, sampler: string) =>
      rows.find((one) => one.label === label)!.cells[columns.findIndex(({ head }) => head === sampler)];
    expect(depth("(1, 12)", "lvps floor k=0")).to.equal("2.2944");
    expect(depth("(3, 12)", "lvps int k=0")).to.equal("5.0899");
    expect(depth("(6, 12)", "lvps release k=0")).to.equal("7.1354");
    expect(depth("(12, 24)", "lvps round k=0")).to.equal("16.6303");
    expect(depth("(6, 24)", "us")).to.equal("15.0000");
  });

  it("cost what the specification says, in every way of counting", () => {
    const twelve = "1 | 3 | 6 | 12";
    expect(row("BERT-Base", "lvps floor k=0", twelve)).to.deep.equal(["421.78", "0.8787", "0.9033", "0.8832"]);
    expect(row("BERT-Base", "none", twelve)).to.deep.equal(["404.00", "0.8417", "0.8738", "0.8475"]);
    expect(row("BERT-Base", "StackBERT", "3 | 6 | 12").slice(0, 2)).to.deep.equal(["393.00", "0.8188"]);
    expect(row("GPT-Base", "lvps int k=0", twelve).slice(1)).to.deep.equal(["0.8635", "0.9005", "–"]);
    expect(row("GPT-Base", "lvps release k=0", twelve).slice(1)).to.deep.equal(["0.8448", "0.8868", "–"]);
    expect(row("BERT-Large", "lvps floor k=0", "3 | 6 | 12 | 24").slice(1, 3)).to.deep.equal(["0.8869", "0.8971"]);
    expect(row("BERT-Large", "lvps release k=0", "1 | 3 | 12 | 24")[1]).to.equal("0.8555");
    expect(model("BERT-Base").headInLayers).to.be.closeTo(3.056, 5e-4);
    expect(model("BERT-Base").maskedHeadInLayers).to.be.closeTo(0.458, 5e-4);
    expect(model("GPT-Base").headInLayers).to.be.closeTo(4.462, 5e-4);
    expect(model("GPT-Base").maskedHeadInLayers).to.equal(undefined);
  });

  it("are drawn with a dot for every way of counting", async () => {
    const svg = await drawPaperSchedules(schedules);
    const dots = [...svg.matchAll(/<g class="mark-symbol.*?<\/g>/gs)].map(([group]) => group.match(/<path /g)?.length);
    // Eleven samplers; GPT has no masked positions.
    expect(dots).to.deep.equal([33, 33, 22]);
    for (const name of ["BERT-Base", "BERT-Large", "GPT-Base", "lvps int k=0"]) expect(svg).to.include(name);
  });
});

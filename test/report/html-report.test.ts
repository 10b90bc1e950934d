import { expect } from "chai";
import { compareRuns } from "../../src/lab/compare.ts";
import type { Comparison } from "../../src/report/comparison.ts";
import { drawFigures } from "../../src/report/figures.ts";
import { renderReport } from "../../src/report/html-report.ts";
import { exampleRun } from "./example-runs.ts";

const scratch = exampleRun();
/** Reaches Scratch's end before its own. */
const fast = exampleRun({ name: "apollo-fast", recipe: "apollo-lvps", stages: [1, 2], rate: 0.3 });
const slow = exampleRun({ name: "apollo-slow", recipe: "apollo-lvps", stages: [1, 2], rate: 0.02 });

async function pageOf(comparison: Comparison): Promise<string> {
  return renderReport(comparison, await drawFigures(comparison));
}

/** Text of the table cells in the row of a run. */
function rowOf(page: string, name: string): string[] {
  const row = page.split("<tr>").find((part) => part.includes(`</svg>${name}</th>`))!;
  return [...row.matchAll(/<td>(.*?)<\/td>/g)].map(([, cell]) => cell);
}

describe("the report", () => {
  it("is one page that loads nothing", async () => {
    const page = await pageOf(compareRuns([scratch, fast, slow]));
    expect(page).to.match(/^<!doctype html>/);
    expect(page.replaceAll(/xmlns(:xlink)?="[^"]*"/g, "")).not.to.match(/https?:|src=|@import|<link|<script/);
  });

  it("shows losses, drawn depths, layer maps, samplers and step costs", async () => {
    const page = await pageOf(compareRuns([scratch, fast, slow]));
    for (const heading of [
      "Loss against cost",
      "Depths that were drawn",
      "Which weight each position uses",
      "Depth samplers",
      "How much of the saving arrives as time",
    ]) {
      const after = page.slice(page.indexOf(`<h2>${heading}</h2>`));
      expect(after.slice(0, after.indexOf("</section>")), heading).to.match(/<svg[\s\S]*<(path|rect|line)/);
    }
    // One picture of depths per run that draws any: Scratch does not.
    expect(page.match(/Left: the depth of every step/g)).to.have.length(2);
  });

  it("gives ids to the pictures that do not meet", async () => {
    const page = await pageOf(compareRuns([scratch, fast, slow]));
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(ids.length).to.be.above(0);
    expect(new Set(ids).size).to.equal(ids.length);
    for (const [, used] of page.matchAll(/url\(#([^)]+)\)/g)) expect(ids).to.include(used);
  });

  it("says what was saved, and where the target was not reached", async () => {
    const comparison = compareRuns([scratch, fast, slow]);
    const saved = comparison.runs[1].savings.flops!;
    expect(saved).to.be.within(0.3, 0.9);
    const page = await pageOf(comparison);
    expect(rowOf(page, "scratch").slice(1, 7)).to.deep.equal(new Array(6).fill("target"));
    expect(rowOf(page, "apollo-fast")[3]).to.equal(`${(100 * saved).toFixed(1)}\u00a0%`);
    expect(rowOf(page, "apollo-slow").slice(3, 7)).to.deep.equal(new Array(4).fill("not reached"));
    expect(page).to.include("<b>apollo-slow</b> does not reach it");
    expect(page).to.match(/<b>apollo-fast<\/b> reaches it with [\d.]+.% fewer FLOPs and in [\d.]+.% less time/);
  });

  it("stands without a target, and without steps", async () => {
    const page = await pageOf(compareRuns([fast]));
    expect(page).to.include("savings are not known");
    expect(rowOf(page, "apollo-fast")[3]).to.equal("–");
    const begun = { ...exampleRun({ status: "interrupted", reason: "stopped early" }), steps: [], evaluations: [] };
    expect(await pageOf(compareRuns([begun]))).to.include("stopped early");
  });

  it("shows a failed run with its reason", async () => {
    const failed = exampleRun({ name: "apollo-bad", status: "failed", reason: "loss NaN <at step 7>" });
    const page = await pageOf(compareRuns([scratch, failed]));
    // What it did not reach says nothing.
    expect(page).not.to.include("does not reach it");
    expect(rowOf(page, "apollo-bad").slice(3, 7)).to.deep.equal(["failed", "failed", "failed", "failed"]);
    expect(page).to.include("<b>apollo-bad</b> failed: loss NaN &lt;at step 7&gt;");
  });

  it("warns where the target is no better than guessing by frequency, and only there", async () => {
    const withUnigrams = (unigramLoss: number) => ({ ...scratch, header: { ...scratch.header, unigramLoss } });
    const end = compareRuns([scratch]).target!.loss;
    const page = await pageOf(compareRuns([withUnigrams(end + 0.05), fast]));
    expect(page).to.include("too short to compare methods");
    expect(page).to.include(`${(end + 0.05).toFixed(3)} nats`);
    expect(await pageOf(compareRuns([withUnigrams(end + 0.5), fast]))).not.to.include("too short");
  });

  it("lets no name become markup", async () => {
    const name = `<img onerror="x"> & 'co'`;
    const page = await pageOf(compareRuns([exampleRun({ name, recipe: "scratch" }), fast]));
    expect(page).not.to.include("<img");
    expect(page).to.include("&lt;img onerror=&quot;x&quot;&gt; &amp; &#39;co&#39;");
  });

  it("tells runs of one name apart by their seeds", async () => {
    const again = exampleRun({ name: "apollo-fast", recipe: "apollo-lvps", stages: [1, 2], rate: 0.3, seed: 1 });
    const page = await pageOf(compareRuns([scratch, fast, again]));
    expect(page).to.include("apollo-fast · seed 0");
    expect(page).to.include("apollo-fast · seed 1");
  });
});

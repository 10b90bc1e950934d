import { readFileSync } from "node:fs";
import { expect } from "chai";
import { filled, RESULTS_FILE, recorded } from "../../scripts/fill-results.ts";

describe("docs/results.md", () => {
  const document = readFileSync(RESULTS_FILE, "utf8");

  it("shows the tables that the records give", function () {
    this.timeout(60_000);
    expect(document).to.match(/<!-- suite: quick -->\n\n\S/);
    expect(filled(document, recorded())).to.equal(document);
  });

  it("has figures that are there", () => {
    for (const [, path] of document.matchAll(/\]\((figures\/[^)]+)\)/g))
      expect(readFileSync(new URL(`../../docs/${path}`, import.meta.url), "utf8"), path).to.match(/^<svg/);
  });
});

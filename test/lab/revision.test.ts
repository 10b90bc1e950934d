import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { codeRevision } from "../../src/lab/revision.ts";

describe("the revision of the code", () => {
  const root = mkdtempSync(join(tmpdir(), "apollo-revision-"));
  const write = (name: string, content: string) => writeFileSync(join(root, name), content);
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...args], { cwd: root, encoding: "utf8" });
  after(() => rmSync(root, { recursive: true }));

  it("is the version where there is no clone, else the commit too, and whether files differ from it", () => {
    write("package.json", '{ "version": "1.2.3" }');
    expect(codeRevision(root)).to.equal("1.2.3");
    git("init", "-q");
    // Nothing is committed.
    expect(codeRevision(root)).to.equal("1.2.3");
    git("add", ".");
    git("commit", "-q", "-m", "first");
    git("tag", "-a", "v9", "-m", "a tag has no say");
    const commit = git("rev-parse", "--short=10", "HEAD").trim();
    expect(codeRevision(root)).to.equal(`1.2.3 (${commit})`);
    write("package.json", '{ "version": "1.2.4" }');
    expect(codeRevision(root)).to.equal(`1.2.4 (${commit}, changed)`);
  });

  it("is known of this project", () => {
    expect(codeRevision()).to.match(/^\d+\.\d+\.\d+( \([0-9a-f]{10,}(, changed)?\))?$/);
  });
});

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

describe("operations in a memory that growth replaces", () => {
  it("see their other inputs when a parameter comes into being at its first use", () => {
    const program = fileURLToPath(new URL("./unshared-memory-program.ts", import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: "utf8" });
    expect(stderr).to.equal("");
    const { shared, sums, loss } = JSON.parse(stdout);
    expect(shared).to.equal(false);
    expect(sums).to.deep.equal([5]);
    expect(loss).to.be.closeTo(Math.log(300_000), 1e-4);
  });
});

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

describe("one tensor of more than 2 GiB", () => {
  it("works through operations on every kernel set, and so do tensors that lie behind it", () => {
    const [rows, columns] = [8_600_000, 64];
    expect(rows * columns * 4).to.be.greaterThan(2 ** 31);
    // In a process of its own, with which the memory goes back.
    const program = fileURLToPath(new URL("./large-buffers-program.ts", import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [program, String(rows), String(columns)], {
      encoding: "utf8",
    });
    expect(stderr).to.equal("");
    const { results, sumOfAll } = JSON.parse(stdout);
    const lastRow = 3 * (columns - 2) + 5 + 7;
    expect(results).to.have.length(4);
    for (const result of results) {
      expect(result).to.deep.equal({
        byteLength: rows * columns * 4,
        isBehindAbove: true,
        lastSlice: [
          [3, 3, 3],
          [3, 5, 7],
        ],
        selected: [[0], [0], [7]],
        product: [[0], [3 * columns], [3 * columns], [lastRow]],
        firstAndLast: [[1], [lastRow]],
        sumBehind: 4096 * 1024,
      });
    }
    expect(sumOfAll).to.equal(1 + 2 * 3 * columns + lastRow);
  });
});

import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { withTemporaryFolder } from "../temporary-folder.ts";
import type { LargeResult } from "./large-program.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

describe("a checkpoint with GPT-2's 124 million parameters", () => {
  it("is read in less memory than one and a third of it, answers as PyTorch does, and continues a text", () => {
    withTemporaryFolder((folder) => {
      cpSync(here("../fixtures/pretrained/gpt2-124m"), folder, { recursive: true });
      rmSync(join(folder, "answers.json"));
      const output = execFileSync(process.execPath, [here("large-program.ts"), folder], { encoding: "utf8" });
      const result: LargeResult = JSON.parse(output);
      const expected = JSON.parse(readFileSync(here("../fixtures/pretrained/gpt2-124m/answers.json"), "utf8"));
      const weights = 4 * 124_439_808;
      const masks = 4 * 12 * 1024 ** 2;
      expect(result.fileBytes).to.be.above(weights + masks);
      expect(result.readingBytes).to.be.below(1.3 * weights);
      expect(result.writingBytes).to.be.below(1.4 * weights);
      expect(result.worst).to.be.below(1e-4);
      expect(result.likeliest).to.deep.equal(expected.likeliest);
      // Continued from its last logits.
      expect(result.generated[0]).to.equal(expected.likeliest.at(-1));
      expect(result.generated.length).to.equal(5);
    });
  }).timeout(300_000);
});

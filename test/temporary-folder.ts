/** A folder that is there for the length of a test. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function withTemporaryFolder<Result>(body: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "apollo-"));
  try {
    return body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

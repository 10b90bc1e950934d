/** Which state of this project's code makes a run: what a record has to say beside its experiment, to be made again. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The same place above the sources and above what is built of them. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * "0.1.0 (8d8dcd5d1c)": the version, and in a clone the commit, with "changed" where files differ from it.
 * @param root the folder of `package.json`.
 */
export function codeRevision(root = ROOT): string {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const commit = commitOf(root);
  return commit === null ? version : `${version} (${commit})`;
}

/** Null outside of a clone: a package that is installed in someone else's has a commit above it that says nothing of its code. */
function commitOf(root: string): string | null {
  if (!existsSync(join(root, ".git"))) return null;
  const options = ["describe", "--always", "--exclude=*", "--abbrev=10", "--dirty=, changed"];
  try {
    return execFileSync("git", ["-C", root, ...options], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return null;
  }
}

/** What the engine found on this machine. */

import { cpus, totalmem } from "node:os";
import { engineInfo } from "../tensor/engine.ts";

/** Processor, runtime, kernel set, threads, and the origin of every kernel, as lines of text. */
export function describeMachine(): string {
  const info = engineInfo();
  const byOrigin = new Map<string, string[]>();
  for (const [name, origin] of Object.entries(info.origins))
    byOrigin.set(origin, [...(byOrigin.get(origin) ?? []), name]);
  return [
    `processor  ${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    `runtime    Node ${process.versions.node}, V8 ${process.versions.v8}`,
    `kernels    ${info.kernels}, variant ${info.variant}, ${info.threads} threads, ${info.shared ? "shared" : "unshared"} memory`,
    ...[...byOrigin].map(([origin, names]) => `${origin.padEnd(10)} ${names.sort().join(" ")}`),
  ].join("\n");
}

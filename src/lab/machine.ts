/** What the engine found on this machine. */

import { cpus, totalmem } from "node:os";
import type { VariantProbe } from "../tensor/choose-variant.ts";
import { engineInfo } from "../tensor/engine.ts";
import { WORTH } from "../tensor/simd-probe.ts";

/**
 * Processor, runtime, kernel set, threads, what the probe of the SIMD variants found, and the origin of every kernel, as
 * lines of text.
 */
export function describeMachine(): string {
  const info = engineInfo();
  const byOrigin = new Map<string, string[]>();
  for (const [name, origin] of Object.entries(info.origins))
    byOrigin.set(origin, [...(byOrigin.get(origin) ?? []), name]);
  return [
    `processor  ${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    `runtime    Node ${process.versions.node}, V8 ${process.versions.v8}`,
    `kernels    ${info.kernels}, variant ${info.variant}, ${info.threads} threads, ${info.shared ? "shared" : "unshared"} memory`,
    ...info.probes.map((probe) => `probe      ${describeProbe(probe)}`),
    ...[...byOrigin].map(([origin, names]) => `${origin.padEnd(10)} ${names.sort().join(" ")}`),
  ].join("\n");
}

function describeProbe({ variant, tiles, wrong, isChosen, elapsedMs }: VariantProbe): string {
  const speeds =
    tiles === null ? "" : `tiles of ${tiles.narrow.toFixed(1)} GFLOP/s narrow and ${tiles.wide.toFixed(1)} wide, `;
  const verdict = isChosen
    ? "agrees with the reference: chosen"
    : wrong === null
      ? `not ${WORTH} times as fast: passed over`
      : `${wrong} does not agree with the reference: passed over`;
  return `${variant}: ${speeds}${verdict} (${elapsedMs.toFixed(0)} ms)`;
}

/** A profile of the kernels as a table for the terminal. */

import Table from "cli-table3";
import type { KernelProfile } from "../lab/kernel-profile.ts";

/** One row per kernel, the longest first; below, kernels against the rest of the step, which is JavaScript. */
export function profileTable({ stepMs, kernelMs, uses }: KernelProfile): string {
  const table = new Table({
    head: ["kernel", "calls", "ms", "share", "GFLOP/s", "GB/s"],
    colAligns: ["left", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const row = (name: string, calls: number | null, ms: number) => [
    name,
    calls === null ? "" : Number(calls.toFixed(1)).toString(),
    ms.toFixed(3),
    `${((100 * ms) / stepMs).toFixed(1)} %`,
  ];
  for (const { name, calls, ms, flops, bytes } of uses) {
    const rate = (amount: number) => (amount / ms / 1e6).toFixed(1);
    table.push([...row(name, calls, ms), flops === null ? "" : rate(flops), rate(bytes)]);
  }
  const allCalls = uses.reduce((total, { calls }) => total + calls, 0);
  table.push([...row("all kernels", allCalls, kernelMs), "", ""]);
  table.push([...row("JavaScript", null, stepMs - kernelMs), "", ""]);
  table.push([...row("step", null, stepMs), "", ""]);
  return table.toString();
}

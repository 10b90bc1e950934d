/**
 * Every benchmark in turn: kernels, whole training steps, saturation, depth sampling. Each can be run alone:
 * `npx node bench/kernels.ts`.
 * With `--peers` other frameworks' training steps beside ours instead, for which see peers.ts.
 */

if (process.argv.includes("--peers")) {
  await import("./peers.ts");
} else {
  await import("./kernels.ts");
  await import("./matmul-limits.ts");
  await import("./training-step.ts");
  await import("./saturation.ts");
  await import("./depth-sampling.ts");
}

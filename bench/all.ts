/**
 * Every benchmark in turn: kernels, whole training steps, also on two threads against one, saturation, depth sampling.
 * Each can be run alone: `npx node bench/kernels.ts`. With `--peers` other frameworks' training steps beside ours instead:
 * peers.ts reads the options.
 */

if (process.argv.length > 2) {
  await import("./peers.ts");
} else {
  await import("./kernels.ts");
  await import("./matmul-limits.ts");
  await import("./matmul-costs.ts");
  await import("./training-step.ts");
  await import("./two-threads.ts");
  await import("./saturation.ts");
  await import("./generation.ts");
  await import("./depth-sampling.ts");
}

/** Every benchmark in turn: kernels, whole training steps, depth sampling. Each can be run alone: `npx node bench/kernels.ts`. */

await import("./kernels.ts");
await import("./training-step.ts");
await import("./depth-sampling.ts");

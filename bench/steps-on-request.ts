/**
 * Training steps in a process of its own, for two-threads.ts: `steps-on-request.ts <number of the size>`. A message with a
 * number asks for as many steps; their milliseconds are the answer.
 */

import { trainingSteps } from "../src/lab/step-times.ts";
import { engineReady } from "../src/tensor/engine.ts";
import { GPT_SIZES } from "./sizes.ts";

const size = GPT_SIZES[Number(process.argv[2]) - 1];
if (size === undefined || process.send === undefined) {
  console.error("steps-on-request.ts serves two-threads.ts, which gives it the number of a size and asks for steps");
  process.exit(1);
}
const steps = trainingSteps(size);
// Whoever asks may end first.
process.on("disconnect", () => process.exit());
await engineReady();
process.on("message", (count: number) => {
  if (!process.connected) return;
  process.send!(Array.from({ length: count }, () => steps.next().value!.elapsedMs));
});

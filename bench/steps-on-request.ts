/**
 * Training steps in a process of its own, for two-threads.ts: `steps-on-request.ts <number of the size>`. A message with a
 * number asks for as many steps; their milliseconds are the answer.
 */

import { trainingSteps } from "../src/lab/step-times.ts";
import { engineReady } from "../src/tensor/engine.ts";
import { GPT_SIZES } from "./sizes.ts";

const steps = trainingSteps(GPT_SIZES[Number(process.argv[2]) - 1]);
await engineReady();
process.on("message", (count: number) => {
  process.send!(Array.from({ length: count }, () => steps.next().value!.elapsedMs));
});

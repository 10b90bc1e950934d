/**
 * Trains in a process of its own, since pairs of vectors are joined in a whole process or not at all, and prints what came
 * out of it. The settings of the engine are the environment's.
 */

import { setFlagsFromString } from "node:v8";
import * as library from "../../src/index.ts";
import { platform } from "../../src/tensor/current-platform.ts";
import { trainTenSteps } from "../browser/training.ts";

let joinsVectorPairs = false;
const { joinVectorPairs } = platform;
platform.joinVectorPairs = (join) => {
  joinsVectorPairs = join;
  joinVectorPairs(join);
};

// It makes its engine at once and then waits for the threads: everything is compiled by the optimising compiler.
const training = trainTenSteps(library, {});
setFlagsFromString("--no-liftoff");
const { engine, losses, weights } = await training;
console.log(JSON.stringify({ variant: engine.variant, threads: engine.threads, joinsVectorPairs, losses, weights }));

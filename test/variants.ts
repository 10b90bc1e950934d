/**
 * The SIMD variants that this run of the tests compares. Loaded before all tests: pairs of vectors are joined in a whole
 * process or not at all, so a run that APOLLO_SIMD sets to plain or relaxed refuses the wide variant to whoever asks.
 */

import { platform } from "../src/tensor/current-platform.ts";
import { memory } from "../src/tensor/memory.ts";
import { possibleVariants } from "../src/tensor/simd-module.ts";

/** Whether a process can do so whose settings let it. */
export const CAN_JOIN_VECTOR_PAIRS = platform.canJoinVectorPairs;
const { APOLLO_SIMD } = process.env;
if (APOLLO_SIMD === "plain" || APOLLO_SIMD === "relaxed") platform.canJoinVectorPairs = false;

/** Slowest first. */
export const TESTED_VARIANTS = possibleVariants(memory).reverse();
/** Those with fused multiply-adds, which give the same bits. */
export const FUSED_VARIANTS = TESTED_VARIANTS.filter((variant) => variant !== "plain");

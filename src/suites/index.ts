/** The public names of suites: many runs from one name, their records, and what they showed. They need Node. */

export { compareRegime, compareSuite } from "./compare-suite.ts";
export { SUITES } from "./named-suites.ts";
export { recordedRegime, recordedSuite } from "./recorded-suites.ts";
export { Records } from "./records.ts";
export { REGIME } from "./regime.ts";
export { type RunSuitesOptions, runSuites } from "./run-suite.ts";
export type { Regime, RegimePoint, Suite, SuiteRecipe } from "./suite.ts";

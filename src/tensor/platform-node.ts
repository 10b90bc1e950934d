/** The engine's platform in Node. Built-in modules are asked for at run time, so that browsers can load this file. */

import type { Platform } from "./platform.ts";

/** The first major version whose WebAssembly compiler joins pairs of 128-bit operations. */
const FIRST_WITH_VECTOR_PAIRS = 24;

/** Null outside of Node. */
export function nodePlatform(): Platform | null {
  if (typeof process === "undefined" || typeof process.getBuiltinModule !== "function") return null;
  const threads = process.getBuiltinModule("node:worker_threads");
  const canJoinVectorPairs =
    process.arch === "x64" && Number.parseInt(process.versions.node, 10) >= FIRST_WITH_VECTOR_PAIRS;
  const setFlag = (name: string, isOn: boolean) =>
    process.getBuiltinModule("node:v8").setFlagsFromString(`--${isOn ? "" : "no-"}${name}`);
  return {
    cores: () => process.getBuiltinModule("node:os").availableParallelism(),
    setting: (name) => process.env[name] || undefined,
    mayWait: () => true,
    startWorker(message, onError) {
      // The source runs as .ts, the package as .js.
      const here = import.meta.url;
      const url = new URL(here.endsWith(".ts") ? "./thread-worker.ts" : "./thread-worker.js", here);
      // A program given as text (--input-type) hands its options down; a file refuses that one.
      const execArgv = process.execArgv.filter((option) => !option.startsWith("--input-type"));
      const worker = new threads.Worker(url, { workerData: message, execArgv });
      worker.on("error", (error) => onError(error as Error));
      worker.unref();
      return { terminate: () => void worker.terminate() };
    },
    onStart: (begin) => begin(threads.workerData),
    canJoinVectorPairs,
    joinVectorPairs(join) {
      if (canJoinVectorPairs) setFlag("experimental-wasm-revectorize", join);
    },
    optimisedAtOnce(body) {
      // Liftoff is the compiler of the first calls.
      setFlag("liftoff", false);
      try {
        return body();
      } finally {
        setFlag("liftoff", true);
      }
    },
  };
}

/** The engine's platform in browsers, and wherever else there are Web Workers. */

import type { Platform } from "./platform.ts";

export function browserPlatform(): Platform {
  return {
    cores: () => globalThis.navigator?.hardwareConcurrency ?? 1,
    setting: () => undefined,
    mayWait: () => typeof window === "undefined",
    startWorker(message, onError) {
      // Bundlers look for this very expression to find the worker's file; browsers only ever see the built package.
      const worker = new Worker(new URL("./thread-worker.js", import.meta.url), { type: "module" });
      worker.onerror = (event) => onError(new Error(event.message || "its file thread-worker.js could not be loaded"));
      worker.postMessage(message);
      return { terminate: () => worker.terminate() };
    },
    onStart(begin) {
      globalThis.addEventListener("message", (event) => begin((event as MessageEvent).data), { once: true });
    },
    canJoinVectorPairs: false,
    joinVectorPairs() {},
    optimisedAtOnce: (body) => body(),
  };
}

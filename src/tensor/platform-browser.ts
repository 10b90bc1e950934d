/** The engine's platform in browsers, and wherever else there are Web Workers. */

import type { Platform } from "./platform.ts";

export function browserPlatform(): Platform {
  return {
    cores: () => globalThis.navigator?.hardwareConcurrency ?? 1,
    setting: () => undefined,
    mayWait: () => typeof window === "undefined",
    startWorker(url, message, onError) {
      const worker = new Worker(url, { type: "module" });
      worker.onerror = (event) => onError(new Error(event.message || `the worker ${url} could not be loaded`));
      worker.postMessage(message);
      return { terminate: () => worker.terminate() };
    },
    startMessage: () =>
      new Promise((resolve) => {
        globalThis.addEventListener("message", (event) => resolve((event as MessageEvent).data), { once: true });
      }),
    joinVectorPairs: () => false,
  };
}

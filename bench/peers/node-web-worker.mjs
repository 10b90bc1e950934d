/**
 * A stand-in for the browser's `Worker` on Node's threads, as far as jax-js uses it (a script in a Blob, messages both ways):
 * `node --import ./bench/peers/node-web-worker.mjs …`. jax-js has threads only where there is a `Worker`.
 */

import { resolveObjectURL } from "node:buffer";
import { Worker as NodeWorker } from "node:worker_threads";

const BROWSER_NAMES = `
const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => self.onmessage({ data }));
`;

globalThis.Worker = class {
  #started;

  constructor(url) {
    this.#started = this.#start(resolveObjectURL(url));
  }

  async #start(blob) {
    const worker = new NodeWorker(BROWSER_NAMES + (await blob.text()), { eval: true });
    worker.on("message", (data) => this.onmessage?.({ data }));
    worker.on("error", (error) => this.onerror?.(error));
    return worker;
  }

  async postMessage(message) {
    (await this.#started).postMessage(message);
  }
};

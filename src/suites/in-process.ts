/** Work in a process of its own, on one thread. */

import { fork } from "node:child_process";
import { once } from "node:events";

export interface InProcessOptions<Message> {
  /** Without its ending: the source runs as .ts, the package as .js. */
  program: string;
  /** Sent once, when the process has begun. */
  task: object;
  /** Tells the process to stop, by a second message. */
  signal: AbortSignal | undefined;
  onMessage(message: Message): void;
}

/** Runs a program of this folder to its end. @returns why it ended, where that was not its own doing: "its process ended with …". */
export async function inProcess<Message>(options: InProcessOptions<Message>): Promise<string> {
  const { program, task, signal, onMessage } = options;
  const here = import.meta.url;
  const path = new URL(`./${program}${here.endsWith(".ts") ? ".ts" : ".js"}`, here);
  const child = fork(path, { env: { ...process.env, APOLLO_THREADS: "1" } });
  // One that has just ended cannot be told, and need not be.
  const stop = () => child.connected && child.send("stop", () => {});
  signal?.addEventListener("abort", stop);
  child.on("message", (message) => onMessage(message as Message));
  child.send(task);
  const [code, killedBy] = (await once(child, "exit")) as [number | null, string | null];
  signal?.removeEventListener("abort", stop);
  return `its process ended with ${killedBy ?? `code ${code}`}`;
}

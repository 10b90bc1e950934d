/** What differs between Node and browsers for the engine: starting threads, counting cores, reading settings. */

export interface StartedWorker {
  terminate(): void;
}

export interface Platform {
  /** Processor cores that this program may use. */
  cores(): number;
  /** A setting from outside of the program: an environment variable, where there are such. */
  setting(name: string): string | undefined;
  /** Whether the calling thread may sleep; a browser's main thread may not. */
  mayWait(): boolean;
  /**
   * Starts a thread that runs `thread-worker` and gets `message`; it does not keep the program alive.
   * `onError` is told when the thread fails to start or dies.
   */
  startWorker(message: unknown, onError: (error: Error) => void): StartedWorker;
  /** In a worker: hands on the message that it was started with. What `begin` throws reaches the starter's `onError`. */
  onStart(begin: (message: unknown) => void): void;
  /**
   * Asks the engine to join pairs of 128-bit operations into 256-bit ones in modules compiled from now on.
   * @returns whether it may do so.
   */
  joinVectorPairs(): boolean;
}

/** What differs between Node and browsers for the engine: starting threads, counting cores, reading settings. */

export interface StartedWorker {
  terminate(): void;
}

export interface Platform {
  /** Processor cores that this program may use. */
  cores(): number;
  /** A setting from outside of the program: an environment variable that is not empty, where there are such. */
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
  /** Whether the engine can join pairs of 128-bit operations into 256-bit ones. */
  canJoinVectorPairs: boolean;
  /** Lets it do so, if it can, or not, in whatever function of the whole program is optimised from now on. */
  joinVectorPairs(join: boolean): void;
  /** Runs `body` while functions are optimised at their first call, where the engine can be told so: else some time later. */
  optimisedAtOnce<Result>(body: () => Result): Result;
}

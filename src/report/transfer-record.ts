/** What became of one pre-trained encoder on the tasks: a few kilobytes, kept where its weights are too large. */

/** How the encoder took part: it learned with the head, or stayed as it was. */
export type TransferMode = "fine-tuned" | "probe";

export interface TransferResult {
  task: string;
  mode: TransferMode;
  /** On the development side, of the best epoch, by metric; the first one is the task's own. */
  scores: Record<string, number>;
  /** The best of the epochs. */
  epoch: number;
  /** Of how the task was learned: equal settings, equal hashes. */
  hash: string;
}

/** How an encoder was pre-trained. */
export interface TransferPretraining {
  /** Updates done, of those that the schedule was made for. */
  steps: number;
  ofSteps: number;
  modelFlops: number;
  /** Of the small model that it began from; absent where there was none. */
  smallModelFlops?: number;
  /** Smoothed validation loss where it ended. */
  loss: number;
  /** The loss that was to be reached; absent for the run that sets it. */
  targetLoss?: number;
}

export interface TransferRecord {
  schema: 1;
  label: string;
  seed: number;
  /** Of the pre-training and its target: equal settings, equal hashes. */
  hash: string;
  /** "2026-11-28" */
  date: string;
  /** Absent for an encoder that was never trained. */
  pretraining?: TransferPretraining;
  results: TransferResult[];
}

/** Which encoders of Table 4 in small are pre-trained, and what that took. */

import { readHeader } from "../lab/run-header.ts";
import { firstCrossing, smooth } from "../lab/saving.ts";
import { readRun } from "../report/run-files.ts";
import type { TransferPretraining } from "../report/transfer-record.ts";

/** What the pre-trainings in folders came to; each is read once, when it is over. */
export class PretrainedEncoders {
  readonly #ended = new Map<string, TransferPretraining>();

  /** Undefined while it has neither come to its end nor, where one is wanted, down to a loss. */
  endOf(folder: string, untilLoss?: number): TransferPretraining | undefined {
    const known = this.#ended.get(folder);
    if (known !== undefined) return known;
    const header = readHeader(folder);
    const isOver = header?.status === "finished" || (header?.status === "interrupted" && untilLoss !== undefined);
    if (!isOver) return undefined;
    const evaluations = smooth(readRun(folder).evaluations);
    const { step, modelFlops, smoothed: loss } = evaluations.at(-1)!;
    if (header.status === "interrupted" && firstCrossing(evaluations, untilLoss!) === null) return undefined;
    const { smallModel, steps: ofSteps } = header;
    const end: TransferPretraining = {
      ...{ steps: step, ofSteps, modelFlops, loss },
      ...(smallModel && { smallModelFlops: smallModel.modelFlops }),
      ...(untilLoss !== undefined && { targetLoss: untilLoss }),
    };
    this.#ended.set(folder, end);
    return end;
  }
}

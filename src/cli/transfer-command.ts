/** `apollo transfer`: does compute that was saved in pre-training cost anything downstream? */

import { join } from "node:path";
import { Command } from "commander";
import { writeWhole } from "../io/files.ts";
import { differenceTable, transferMarkdown, transferTable } from "../report/transfer-table.ts";
import { runTransfer } from "../suites/run-transfer.ts";
import { TRANSFER } from "../suites/transfer.ts";
import { readTransfer, transferLabels } from "../suites/transfer-records.ts";
import { interruptible } from "./interrupt.ts";
import { parseCount } from "./parse.ts";
import { textOf } from "./text-table.ts";

interface TransferFlags {
  out: string;
  records?: string;
  seeds?: number;
  processes?: number;
  reportOnly?: boolean;
}

export function transferCommand(): Command {
  return new Command("transfer")
    .description(
      "the paper's Table 4 in small: BERTs pre-trained by several recipes down to one loss, each tried on the embedded tasks",
    )
    .option("--out <folder>", "where the encoders and the tables go", join("runs", "transfer"))
    .option("--records <folder>", "results: what stands there is not made again (<out>/records)")
    .option("--seeds <n>", `of pre-training and fine-tuning (${TRANSFER.seeds})`, parseCount)
    .option("--processes <n>", "side by side, each on one thread (one per core)", parseCount)
    .option("--report-only", "what is recorded, and nothing further")
    .action(async (flags: TransferFlags) => {
      const { out, records = join(out, "records"), seeds = TRANSFER.seeds, processes, reportOnly } = flags;
      if (reportOnly && processes !== undefined)
        throw new Error("--processes means nothing beside --report-only, which makes nothing");
      const suite = { ...TRANSFER, seeds };
      if (!reportOnly) {
        const failed = await interruptible(async (signal, listen) => {
          const result = await runTransfer(suite, {
            ...{ folder: out, records, processes, signal },
            onPrepare: (message) => console.error(message),
            onBegin: listen,
            onJob: (name, left) => console.error(`${name} (${left} to do that wait for nothing)`),
          });
          if (signal.aborted) process.exitCode = 130;
          return result;
        });
        for (const [name, reason] of failed) console.error(`${name} failed: ${reason}`);
        if (failed.size > 0) process.exitCode = 1;
      }
      const found = readTransfer(suite, records);
      if (found.length > 0) {
        const labels = transferLabels(suite);
        for (const make of [transferTable, differenceTable]) console.log(textOf(make(found, labels)));
        const markdown = join(out, "tables.md");
        writeWhole(markdown, transferMarkdown(found, labels));
        console.log(`tables in Markdown: ${markdown}`);
      } else if (process.exitCode === undefined) throw new Error(`there are no results in ${records}`);
      if (process.exitCode === 130) console.log("interrupted: the same command continues");
    });
}

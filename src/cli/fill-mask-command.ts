/** `apollo fill-mask`: what a trained BERT expects behind masks. */

import { Command } from "commander";
import { fillMaskText, MASK } from "../lab/fill-mask-text.ts";
import { parseCount } from "./parse.ts";
import { percentText } from "./scores-text.ts";
import { textOf } from "./text-table.ts";

interface FillMaskFlags {
  text: string;
  top: number;
}

export function fillMaskCommand(): Command {
  return new Command("fill-mask")
    .description(`say what a trained BERT expects where ${MASK} stands in a text, at full depth`)
    .argument("<model>", "the folder of a run, finished or cut off, or of a model in Hugging Face's form")
    .requiredOption("--text <text>", `with one ${MASK} or several, each for one token`)
    .option("--top <n>", "tokens to show for each mask", parseCount, 5)
    .action((run: string, { text, top }: FillMaskFlags) => {
      const masks = fillMaskText(run, { text, count: top });
      for (const [index, fillings] of masks.entries()) {
        const table = textOf({
          rowHead: masks.length === 1 ? MASK : `${MASK} ${index + 1}`,
          columns: [{ head: "probability" }],
          // In quotes: a token may begin with a space, or be one.
          rows: fillings.map(({ text: token, probability }) => ({
            label: JSON.stringify(token),
            cells: [percentText(probability)],
          })),
        });
        process.stdout.write(`${table}\n`);
      }
    });
}

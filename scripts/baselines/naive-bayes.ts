/** What can be told of a text by counting its words, without their order. */

import type { SequenceExample } from "../../src/tasks/task.ts";

type LabelledText = Pick<SequenceExample, "text" | "pair" | "label">;

/** The runs of letters and digits, in lower case, of a text or of both of a pair: "Don't!" has the words don and t. */
export function wordsIn({ text, pair = "" }: Omit<LabelledText, "label">): string[] {
  return `${text} ${pair}`.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/**
 * Learns multinomial naive Bayes with add-one smoothing (Manning, Raghavan and Schütze 2008, section 13.2): the class c of the
 * highest log(N_c / N) + Σ_w log((n_cw + 1) / (n_c + V)), where N_c of N examples are of the class, the word w occurs n_cw times
 * among their n_c words, and V different words occur in all. Words that training has not seen do not count.
 * @returns the class of a text, or of a pair; of equally likely ones the one that comes first in training.
 */
export function naiveBayes(examples: readonly LabelledText[]): (example: Omit<LabelledText, "label">) => number {
  const vocabulary = new Set(examples.flatMap(wordsIn));
  const classes = [...Map.groupBy(examples, ({ label }) => label)].map(([label, ofClass]) => {
    const words = ofClass.flatMap(wordsIn);
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    const logLikelihood = (word: string) => Math.log(((counts.get(word) ?? 0) + 1) / (words.length + vocabulary.size));
    return { label, logPrior: Math.log(ofClass.length / examples.length), logLikelihood };
  });
  return (example) => {
    const words = wordsIn(example).filter((word) => vocabulary.has(word));
    const scores = classes.map(({ logPrior, logLikelihood }) =>
      words.reduce((sum, word) => sum + logLikelihood(word), logPrior),
    );
    return classes[scores.indexOf(Math.max(...scores))].label;
  };
}

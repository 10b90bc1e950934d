/** A text with a border around it: the unit that corpora are made of and that a train/validation split never cuts. */

/** A word or mark as a corpus annotates it. */
export interface TaggedToken {
  readonly token: string;
  /** Part of speech, in the corpus's own tag set. */
  readonly tag: string;
}

export type TaggedSentence = readonly TaggedToken[];

export interface Document {
  /** Unique within its corpus. */
  readonly id: string;
  readonly text: string;
  readonly genre?: string;
  /** Sentences with part-of-speech tags, where the corpus has them; parsed when first read. */
  readonly taggedSentences?: readonly TaggedSentence[];
}

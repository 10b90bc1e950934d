/** A part of a text that is encoded by itself. */
export interface TextPiece {
  /** What is encoded: as the text has it, or normalised. */
  readonly text: string;
  /** Where the piece lies in the original text: UTF-16 units, `end` exclusive. */
  readonly start: number;
  readonly end: number;
}

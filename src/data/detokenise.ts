/** Turns a paragraph of separated words and marks, as the Brown corpus stores it, back into running text. */

export interface DetokeniseOptions {
  /**
   * "straight" writes every quotation mark as `"` or `'`; "curly" keeps the direction: `“ ”` and `‘ ’`.
   * Apostrophes inside words are straight either way. "straight" when absent.
   */
  quotes?: "straight" | "curly";
}

type PieceKind = "word" | "mark" | "dash" | "joiner" | "openQuote" | "closeQuote" | "openBracket" | "closeBracket";

interface Piece {
  text: string;
  kind: PieceKind;
  startsSentence: boolean;
}

const MARKS = new Set([".", ",", ";", ":", "?", "!"]);
const OPENING = new Set<PieceKind>(["openQuote", "openBracket", "joiner"]);
const CLOSING = new Set<PieceKind>(["mark", "closeQuote", "closeBracket", "joiner"]);

/** Greek letters in the corpus's code; the letters left out (`**yc`, `**yj`, `**yq`, `**b`) cannot be told from their use. */
const SYMBOLS: readonly (readonly [RegExp, string])[] = [
  [/\*\*ya/g, "α"],
  [/\*\*yb/g, "β"],
  [/\*\*ye/g, "ε"],
  [/\*\*yf/g, "φ"],
  [/\*\*yg/g, "γ"],
  [/\*\*yl/g, "λ"],
  [/\*\*ym/g, "μ"],
  [/\*\*yp/g, "π"],
  [/\*\*yr/g, "ρ"],
  [/\*\*yt/g, "τ"],
  [/\*\*zg/g, "Γ"],
  [/\*&?0/g, "°"],
  [/''/g, '"'],
];

/**
 * The text of one paragraph.
 *
 * Spaces are taken away before marks and closing quotes or brackets, after opening ones, and around the hyphens and
 * slashes that stand alone between words; dashes stay ` -- `. A mark that the corpus writes twice is written once, and a
 * sentence that ends in an abbreviation gets no second full stop. The corpus puts closing quotes before the mark they were
 * printed after: commas and full stops go back inside, question and exclamation marks where the quotation is speech.
 * @param sentences the words and marks of each sentence, quotes as ``` `` ``` and `''`
 */
export function detokenise(
  sentences: readonly (readonly string[])[],
  { quotes = "straight" }: DetokeniseOptions = {},
): string {
  return join(dropFullStopsAfterAbbreviations(marksInsideQuotes(classify(sentences))), quotes === "curly");
}

function classify(sentences: readonly (readonly string[])[]): Piece[] {
  const tokens = sentences.flatMap((sentence) =>
    sentence.map((token, index) => ({ token, startsSentence: index === 0 })),
  );
  const pieces: Piece[] = [];
  let singleOpen = false;
  for (let index = 0; index < tokens.length; index++) {
    const { token, startsSentence } = tokens[index];
    const following = tokens[index + 1]?.token;
    const previous = pieces.at(-1);
    const kind = kindOf(token, previous, following, singleOpen);
    if (token === "'") singleOpen = kind === "openQuote";
    const text = kind === "word" ? symbols(token) : token;
    if (!writtenTwice(kind, text, previous)) pieces.push({ text, kind, startsSentence });
  }
  return pieces;
}

/** The corpus repeats `;`, `?` and `!`, marks after a numeral, and the inch sign of `10''`. */
function writtenTwice(kind: PieceKind, text: string, previous: Piece | undefined): boolean {
  if (text === "''") return previous?.kind === "word" && previous.text.endsWith('"');
  return previous?.text === text && (kind === "mark" || kind === "openBracket" || kind === "closeBracket");
}

function kindOf(
  token: string,
  previous: Piece | undefined,
  following: string | undefined,
  singleOpen: boolean,
): PieceKind {
  if (MARKS.has(token)) return "mark";
  if (token === "--") return "dash";
  if (token === "-" || token === "/") return "joiner";
  if (token === "(" || token === "[") return "openBracket";
  if (token === ")" || token === "]") return "closeBracket";
  if (token === "''") return "closeQuote";
  // A few closing quotes are miscoded as opening ones.
  if (token === "``")
    return previous !== undefined && following !== undefined && MARKS.has(following) ? "closeQuote" : "openQuote";
  if (token !== "'") return "word";
  if (previous === undefined || previous.kind === "mark" || OPENING.has(previous.kind)) return "openQuote";
  if (following === undefined || MARKS.has(following) || following === "''" || following === ")") return "closeQuote";
  return singleOpen ? "closeQuote" : "openQuote";
}

function symbols(token: string): string {
  if (!token.includes("*") && !token.includes("''")) return token;
  return SYMBOLS.reduce((text, [code, symbol]) => text.replace(code, symbol), token);
}

function marksInsideQuotes(pieces: readonly Piece[]): Piece[] {
  const ordered: Piece[] = [];
  const openings: boolean[] = [];
  let closesSpeech = true;
  for (const piece of pieces) {
    const previous = ordered.at(-1);
    if (piece.kind === "openQuote") openings.push(opensSpeech(piece, previous));
    // A quotation that began in an earlier paragraph is speech.
    if (piece.kind === "closeQuote") closesSpeech = openings.pop() ?? true;
    const inside =
      piece.text === "." || piece.text === "," || ((piece.text === "?" || piece.text === "!") && closesSpeech);
    let place = ordered.length;
    if (piece.kind === "mark" && inside) while (place > 0 && ordered[place - 1].kind === "closeQuote") place--;
    ordered.splice(place, 0, piece);
  }
  return ordered;
}

function opensSpeech(quote: Piece, previous: Piece | undefined): boolean {
  return quote.startsSentence || previous === undefined || ["mark", "dash", "openQuote"].includes(previous.kind);
}

function dropFullStopsAfterAbbreviations(pieces: readonly Piece[]): Piece[] {
  return pieces.filter(
    ({ kind, text }, index) => !(kind === "mark" && text === "." && pieces[index - 1]?.text.endsWith(".")),
  );
}

function join(pieces: readonly Piece[], curly: boolean): string {
  let text = "";
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index];
    const spaced = index > 0 && !CLOSING.has(piece.kind) && !OPENING.has(pieces[index - 1].kind);
    text += (spaced ? " " : "") + written(piece, curly);
  }
  return text;
}

function written({ text, kind }: Piece, curly: boolean): string {
  if (kind !== "openQuote" && kind !== "closeQuote") return text;
  const single = text === "'";
  if (!curly) return single ? "'" : '"';
  if (kind === "openQuote") return single ? "‘" : "“";
  return single ? "’" : "”";
}

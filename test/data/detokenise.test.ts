import { expect } from "chai";
import { brownText } from "../../src/data/brown.ts";
import { detokenise } from "../../src/data/detokenise.ts";

/** One sentence per line, tokens apart by spaces. */
const paragraph = (lines: string, quotes?: "straight" | "curly") =>
  detokenise(
    lines.split("\n").map((line) => line.trim().split(" ")),
    { quotes },
  );

describe("detokenise", () => {
  const examples: [what: string, tokens: string, text: string][] = [
    ["marks", "Yes , he said : go ; now !", "Yes, he said: go; now!"],
    [
      "marks that the corpus doubles",
      "Really ? ?\nGo ! !\nFirst ; ;\nthen World War 2 , , the end .",
      "Really? Go! First; then World War 2, the end.",
    ],
    ["sentences", "He left .\nShe stayed .", "He left. She stayed."],
    ["contractions and possessives as they are", "I don't know Adams's o' wife .", "I don't know Adams's o' wife."],
    ["brackets", "a ( b ) c [ d ] , e ( ( f ) ) .", "a (b) c [d], e (f)."],
    ["a sentence that closes its bracket in the next line", "He went ( Yes .\n) .", "He went (Yes.)."],
    ["dashes", "new nations -- on a new basis", "new nations -- on a new basis"],
    ["ranges and fractions", "1960 - 1962 and mg. / l.", "1960-1962 and mg./l."],
    ["quotes inside a sentence", "the `` no evidence '' rule", 'the "no evidence" rule'],
    ["a comma printed inside the quotes", "`` One thing '' , he said .", '"One thing," he said.'],
    ["a full stop printed inside the quotes", "the size of `` this city '' .", 'the size of "this city."'],
    ["a question that is spoken", "`` What is it '' ? ?", '"What is it?"'],
    ["a question after a comma", "He asked , `` what is it '' ? ?", 'He asked, "what is it?"'],
    [
      "a question about a quoted word",
      "Is it the `` consent of the governed '' ? ?",
      'Is it the "consent of the governed"?',
    ],
    ["speech over two sentences", "`` I know .\nDo you '' ? ?", '"I know. Do you?"'],
    ["speech from an earlier paragraph", "Do you '' ? ?", 'Do you?"'],
    ["a semicolon stays outside", "`` a '' ; b", '"a"; b'],
    ["quotes in quotes", "`` He said , ' No ' '' .", "\"He said, 'No.'\""],
    ["quotes in brackets", "( `` a '' )", '("a")'],
    ["a closing quote miscoded as an opening one", "the `` Dollar `` ? ?", 'the "Dollar"?'],
    ["no second full stop after an abbreviation", "by Ivan Allen Jr. .", "by Ivan Allen Jr."],
    ["no second full stop inside quotes", "by `` Allen Jr. '' .", 'by "Allen Jr."'],
    ["a question mark after an abbreviation", "by Allen Jr. ?", "by Allen Jr.?"],
    ["an inch sign, doubled", "bars 1/8'' '' brass in 1/4''", 'bars 1/8" brass in 1/4"'],
    ["degrees and Greek letters", "43*0C. at **yg-globulin", "43°C. at γ-globulin"],
    ["numbers that begin with a point", "a .22 rifle", "a .22 rifle"],
    ["capitals", "The NATO rule", "The NATO rule"],
  ];
  for (const [what, tokens, text] of examples) it(what, () => expect(paragraph(tokens)).to.equal(text));

  it("keeps the direction of quotes on request", () => {
    expect(paragraph("`` He said , ' No ' '' , and he didn't .", "curly")).to.equal("“He said, ‘No,’” and he didn't.");
  });
});

describe("brownText", () => {
  it("makes paragraphs of blank lines, tabs and headlines, and keeps a word's own slashes", () => {
    const source =
      "\n\n\tOne/cd and/or/cc two/cd ./.\nThree/cd ./.\n\n\nA/at-hl headline/nn-hl \nBody/nn ./.\n\n\n\tLast/ap ./.\n";
    expect(brownText(source)).to.equal("One and/or two. Three.\n\nA headline\n\nBody.\n\nLast.");
  });

  it("gives marks beyond a paragraph's border back", () => {
    expect(brownText("\tHe/pps spoke/vbd ./.\n``/`` \n\n\tYes/rb ./.\n\n\n''/'' \n\n\n\t,/, a/at")).to.equal(
      'He spoke.\n\n"Yes."\n\na',
    );
  });
});

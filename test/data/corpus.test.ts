import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { loadCorpus } from "../../src/data/corpus.ts";
import { cutText } from "../../src/data/cut-text.ts";
import { parseJsonLines } from "../../src/data/json-lines.ts";

describe("loadCorpus", () => {
  let folder: string;
  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corpus-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("reads the State of the Union addresses", () => {
    const addresses = loadCorpus("sotu");
    expect(addresses).to.have.length(233);
    expect(addresses[0].id).to.equal("1790_george_washington_n");
    expect(addresses[0].text).to.match(/^Fellow-Citizens of the Senate/);
  });

  it("reads text below a folder, sorted by path, without other or hidden files and empty texts", () => {
    mkdirSync(join(folder, "b"));
    mkdirSync(join(folder, ".hidden"));
    write("c.MD", "third");
    write("b/z.txt", "second");
    write("a.txt", "\uFEFFfirst");
    write("blank.txt", " \n");
    write("a.bin", "no");
    write(".hidden/x.txt", "no");
    expect(loadCorpus(folder)).to.deep.equal([
      { id: "a.txt", text: "first" },
      { id: "b/z.txt", text: "second" },
      { id: "c.MD", text: "third" },
    ]);
  });

  it("cuts a single file into documents that make up the file", () => {
    const text = Array.from({ length: 100 }, (_, index) => `Paragraph ${index}. ${"word ".repeat(20)}`).join("\n\n");
    const documents = loadCorpus(write("book.txt", text));
    expect(documents.length).to.be.within(10, 25);
    expect(documents.map((document) => document.text).join("")).to.equal(text);
    expect(documents[0].id).to.equal("book.txt#1");
    expect(documents.slice(0, -1).every((document) => document.text.endsWith("\n\n"))).to.equal(true);
  });

  it("reads JSON Lines with ids and genres", () => {
    const path = write("d.jsonl", '{"text":"one","genre":"x"}\r\n\n{"text":"two","id":"second","other":1}');
    expect(loadCorpus(path)).to.deep.equal([
      { id: `${path}#1`, text: "one", genre: "x" },
      { id: "second", text: "two" },
    ]);
  });

  it("says in one sentence what is wrong", () => {
    expect(() => loadCorpus(join(folder, "nothing"))).to.throw(/^there is no corpus ".*nothing"/);
    expect(() => loadCorpus(folder)).to.throw(`the corpus ${folder} is empty: it holds no text`);
    const binary = write("bad.txt", new Uint8Array([0x66, 0xff, 0xfe]));
    expect(() => loadCorpus(binary)).to.throw(`${binary} is not UTF-8 text`);
    const blank = write("blank.txt", "\n \n");
    expect(() => loadCorpus(blank)).to.throw(`the corpus ${blank} is empty`);
    const lines = write("bad.jsonl", '{"text":"fine"}\n\n{"text":3}\n');
    expect(() => loadCorpus(lines)).to.throw(
      `${lines}, line 3: expected an object with a string field "text", found {"text":3}`,
    );
    expect(() => parseJsonLines('{"text":"fine"}\n{oops', "x.jsonl")).to.throw(
      "x.jsonl, line 2: not valid JSON: {oops",
    );
    expect(() => parseJsonLines("null", "x.jsonl")).to.throw("x.jsonl, line 1: expected an object");
  });

  it("names a file that cannot be read", () => {
    mkdirSync(join(folder, "looks.txt"));
    write("fine.txt", "text");
    expect(loadCorpus(folder)).to.have.length(1);
    expect(() => loadCorpus(join(folder, "fine.txt", "below"))).to.throw(/there is no corpus ".*below"/);
  });
});

describe("cutText", () => {
  it("loses nothing and keeps parts within the sizes it names", () => {
    const piece = fc.constantFrom("a", "word ", "line\n", "paragraph\n\n", "é", "x".repeat(300));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 400 }), (pieces) => {
        const text = pieces.join("");
        const parts = cutText(text);
        expect(parts.join("")).to.equal(text);
        expect(parts.every((part) => part.length > 0)).to.equal(true);
        if (parts.length > 1) expect(Math.min(...parts.map(({ length }) => length))).to.be.at.least(500);
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

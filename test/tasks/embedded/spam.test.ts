import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { spamTask } from "../../../src/tasks/embedded/spam.ts";

const FOLDERS = ["easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"];

interface Mail {
  group: string;
  subject: string;
  body: string;
}

const LONG = "with quite a few more words after it than the shortest mail needs";

describe("spamTask", () => {
  let folder: string;
  const write = (mails: readonly Mail[]) => {
    rmSync(folder, { recursive: true, force: true });
    for (const group of FOLDERS) mkdirSync(join(folder, group), { recursive: true });
    for (const [index, { group, subject, body }] of mails.entries()) {
      const id = String(index + 1).padStart(5, "0");
      const text = `From someone  Thu Aug 22 12:36:23 2002\nReceived: from secret-host\nSubject: ${subject}\n\n${body}\n`;
      writeFileSync(join(folder, group, `${id}.0123456789abcdef.json`), JSON.stringify({ id, group, text }));
      writeFileSync(join(folder, group, `${id}.0123456789abcdef.txt`), text);
    }
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "spam-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("reads mails with their labels, a fifth of them for development, and the same ones each time", () => {
    const words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"];
    write(words.map((word, index) => ({ group: FOLDERS[index % 5], subject: word, body: `${word} body ${LONG}` })));
    const task = spamTask({ folder });
    expect(spamTask({ folder })).to.deep.equal(task);
    const examples = [...task.train, ...task.development[0].examples];
    expect(task.development[0].examples).to.have.length(2);
    expect(examples).to.have.length(10);
    for (const { id, text, label } of examples) {
      expect(task.labels[label]).to.equal(id.startsWith("spam") ? "spam" : "ham");
      const word = words[Number(id.split("-").at(-1)) - 1];
      expect(text).to.equal(`${word}\n${word} body ${LONG}`);
    }
  });

  it("never has one subject, opening or text on both sides", () => {
    const subject = fc.constantFrom("", "offer", "Re: offer", "OFFER 17", "disk trouble", "[list] disk trouble", "new");
    const opening = fc.constantFrom(
      "buy one two three four five six seven",
      "hello 12 there my old and dear friends all",
      "an",
    );
    const rest = fc
      .array(fc.constantFrom("more", "words", "here"), { maxLength: 3 })
      .map((words) => [LONG, ...words].join(" "));
    const drawn = fc.record({ group: fc.constantFrom(...FOLDERS), subject, opening, rest });
    // Apart from those that resemble others, so that both sides have some.
    const alone = Array.from({ length: 12 }, (_, index) => {
      const letter = "abcdefghijkl"[index];
      return { group: FOLDERS[index % 5], subject: letter.repeat(3), body: `${letter.repeat(4)} ${LONG}` };
    });
    const plain = (text: string) =>
      text
        .toLowerCase()
        .replace(/re:|\[list\]|\d+/g, "")
        .replace(/\s+/g, " ")
        .trim();
    const partsOf = ({ text }: { text: string }) => {
      const [first, body] = text.includes("\n") ? text.split("\n") : ["", text];
      return { subject: plain(first), opening: plain(body).split(" ").slice(0, 8).join(" ") };
    };
    fc.assert(
      fc.property(fc.array(drawn, { minLength: 5, maxLength: 30 }), (mails) => {
        write([...alone, ...mails.map(({ opening, rest, ...mail }) => ({ ...mail, body: `${opening} ${rest}` }))]);
        const task = spamTask({ folder });
        const train = task.train.map(partsOf);
        expect(train.length).to.be.above(0);
        for (const { subject, opening } of task.development[0].examples.map(partsOf)) {
          expect(train.filter((other) => other.opening === opening)).to.deep.equal([]);
          if (subject !== "") expect(train.filter((other) => other.subject === subject)).to.deep.equal([]);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("leaves out mails that are very short, in other letters, or there twice, and cuts long ones", () => {
    const words = Array.from({ length: 400 }, () => "word").join(" ");
    write([
      { group: "spam-1", subject: "short", body: "too short" },
      { group: "spam-1", subject: "foreign", body: "ÀÁÂÃÄÅ ÆÇÈÉÊË ".repeat(10) },
      { group: "spam-1", subject: "twice", body: `the same text ${LONG}` },
      { group: "spam-2", subject: "Twice", body: `The same text, ${LONG}!` },
      { group: "easy-ham-1", subject: "long", body: words },
    ]);
    const task = spamTask({ folder });
    const examples = [...task.train, ...task.development[0].examples];
    expect(examples.map(({ id }) => id)).to.have.members(["spam-1-00003", "easy-ham-1-00005"]);
    const lengths = examples.map(({ text }) => text.split(/\s/).length);
    expect(Math.max(...lengths)).to.be.within(150, 151);
  });

  it("says so when a folder holds no mails, or is not there", () => {
    write([]);
    expect(() => spamTask({ folder })).to.throw(`${folder} holds no mails in easy-ham-1, easy-ham-2`);
    expect(() => spamTask({ folder: join(folder, "none") })).to.throw("cannot read the folder");
  });
});

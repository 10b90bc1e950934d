import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { readSquad } from "../../src/tasks/squad.ts";
import { fixtureFolder, withChanged } from "./task-folder.ts";

const LIGHTHOUSE = 'The lighthouse on the cape was built in 1857. Its lamp, "the Eye", burned oil until 1921.';
const MAPS = "On 🌊 maps the Straße to the light 💡 is drawn in red; 𝒜 marks the keeper’s house.";

describe("readSquad", () => {
  it("reads version 1.1 as it is distributed", () => {
    const task = readSquad(fixtureFolder("squad-1.1"));
    expect(task.name).to.equal("squad-1.1");
    expect(task.kind).to.equal("spans");
    expect(task.hasUnanswerable).to.equal(false);
    expect(task.train).to.deep.equal([
      {
        id: "a1",
        question: "When was the lighthouse built?",
        context: LIGHTHOUSE,
        answers: [{ text: "1857", start: 40 }],
      },
      {
        id: "a2",
        question: "What is the lamp called?",
        context: LIGHTHOUSE,
        answers: [{ text: '"the Eye"', start: 56 }],
      },
    ]);
    expect(task.development.map(({ name }) => name)).to.deep.equal(["development"]);
    // The file says 10, 14 and 61: the wave, the bulb and the letter are one code point each, and two units.
    expect(task.development[0].examples.map(({ answers }) => answers)).to.deep.equal([
      [
        { text: "the Straße to the light", start: 11 },
        { text: "Straße", start: 15 },
        { text: "the Straße to the light", start: 11 },
      ],
      [{ text: "the keeper’s house", start: 64 }],
    ]);
  });

  it("reads version 2.0 as it is distributed, without the plausible answers", () => {
    const task = readSquad(fixtureFolder("squad-2.0"));
    expect(task.name).to.equal("squad-2.0");
    expect(task.hasUnanswerable).to.equal(true);
    expect(task.train.map(({ id, answers }) => [id, answers])).to.deep.equal([
      ["c1", [{ text: "1921", start: 84 }]],
      ["c2", []],
    ]);
    expect(task.development[0].examples).to.deep.equal([
      {
        id: "d1",
        question: "In which colour is it drawn?",
        context: MAPS,
        answers: [
          { text: "red", start: 50 },
          { text: "in red", start: 47 },
        ],
      },
      { id: "d2", question: "Which maps are the oldest?", context: MAPS, answers: [] },
    ]);
  });

  it("reads two files of any name", () => {
    const folder = fixtureFolder("squad-1.1");
    const files = { train: join(folder, "dev-v1.1.json"), development: join(folder, "train-v1.1.json") };
    expect(readSquad(files).train.map(({ id }) => id)).to.deep.equal(["b1", "b2"]);
  });

  it("counts in UTF-16 units what the files count in code points", () => {
    const letters = fc.array(fc.constantFrom("a", " ", "é", "水", "🌊", "𝒜", "e\u0301"), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(letters, fc.nat(), fc.nat(), (drawn, one, other) => {
        const points = [...drawn.join("")];
        const start = one % points.length;
        const answer = points.slice(start, start + 1 + (other % points.length)).join("");
        const { train } = withChanged(
          "squad-1.1",
          (text, file) => (file === "train-v1.1.json" ? document(points.join(""), answer, start) : text),
          readSquad,
        );
        const [{ text, start: units }] = train[0].answers;
        expect(units).to.equal(points.slice(0, start).join("").length);
        expect(train[0].context.slice(units, units + text.length)).to.equal(answer);
      }),
      { numRuns: 40 },
    );
  });

  describe("refuses", () => {
    const refusal = (name: string, change: (text: string) => string | undefined, file: string) =>
      withChanged(
        name,
        (text, each) => (each === file ? change(text) : text),
        (folder) => {
          try {
            readSquad(folder);
          } catch (error) {
            return (error as Error).message.replace(join(folder, "/"), "");
          }
          return "nothing";
        },
      );
    const first = (change: (text: string) => string | undefined) => refusal("squad-1.1", change, "train-v1.1.json");
    const second = (change: (text: string) => string | undefined) => refusal("squad-2.0", change, "dev-v2.0.json");

    it("a missing folder or file, and says where it is got", () => {
      const source = /rajpurkar\.github\.io\/SQuAD-explorer$/;
      expect(() => readSquad("/no/such"))
        .to.throw(/^there is no file \/no\/such\/train-v1\.1\.json; /)
        .and.to.match(source);
      expect(first(() => undefined))
        .to.match(/^there is no file .*train-v1\.1\.json; /)
        .and.to.match(source);
      expect(second(() => undefined))
        .to.match(/^there is no file .*dev-v2\.0\.json; /)
        .and.to.match(source);
      expect(() => readSquad({ train: "/no/such.json", development: "/none.json" }))
        .to.throw(/^there is no file \/no\/such\.json; /)
        .and.to.match(source);
    });

    it("a folder with both versions, and files of two", () => {
      const both = (folder: string) => {
        writeFileSync(join(folder, "dev-v2.0.json"), "{}");
        return readSquad(folder);
      };
      expect(() => withChanged("squad-1.1", (text) => text, both)).to.throw(/holds files of SQuAD 1\.1 and 2\.0/);
      expect(second((text) => text.replace('"v2.0"', '"v3.0"'))).to.match(
        /is of version v2\.0, but .* of version v3\.0$/,
      );
    });

    it("what is not JSON, or not in the format", () => {
      expect(first((text) => text.slice(0, -5))).to.match(/^train-v1\.1\.json is not JSON/);
      expect(first(() => "[]")).to.equal('train-v1.1.json: expected a list "data", found nothing');
      expect(first(() => "null")).to.equal('train-v1.1.json: expected a list "data", found nothing');
      expect(first(() => '{"data":[],"version":"1.1"}')).to.equal("train-v1.1.json holds no question");
      expect(first((text) => text.replace('"version"', '"edition"'))).to.match(
        /expected a text "version", found nothing$/,
      );
      expect(first((text) => text.replace('"paragraphs"', '"parts"'))).to.match(/expected a list "paragraphs"/);
      expect(first((text) => text.replace('"context"', '"text"'))).to.match(
        /expected a text "context", found nothing$/,
      );
      expect(first((text) => text.replace('"id": "a1"', '"id": 1'))).to.match(/expected a text "id", found 1$/);
      expect(first((text) => text.replace('"question"', '"Question"'))).to.match(
        /^.*, question a1: expected a text "question"/,
      );
      expect(first((text) => text.replace("40}", "40.5}"))).to.match(
        /question a1: expected a whole number "answer_start", found 40\.5$/,
      );
      expect(first((text) => text.replace("40}", "-1}"))).to.match(/expected a whole number "answer_start", found -1$/);
    });

    it("an answer that does not stand where it should", () => {
      for (const start of [0, 39, 41, 10_000]) {
        expect(first((text) => text.replace("40}", `${start}}`))).to.equal(
          `train-v1.1.json, question a1: the answer "1857" does not stand at ${start} in the context`,
        );
      }
      expect(first((text) => text.replace('"text": "1857"', '"text": ""'))).to.match(
        /question a1: the answer "" does not/,
      );
      // What would be right in UTF-16 units is wrong in code points.
      expect(second((text) => text.replace('"answer_start": 48', '"answer_start": 50'))).to.match(
        /question d1: the answer "red" does not stand at 50/,
      );
    });

    it("answers to impossible questions, none to others, and ids that stand twice", () => {
      expect(second((text) => text.replace('"is_impossible": false', '"is_impossible": true'))).to.equal(
        "dev-v2.0.json, question d1: it is marked is_impossible, but has an answer",
      );
      expect(second((text) => text.replace('"is_impossible": true', '"is_impossible": false'))).to.equal(
        "dev-v2.0.json, question d2: it has no answer, but is not marked is_impossible",
      );
      expect(first((text) => text.replace('"a2"', '"a1"'))).to.equal(
        "train-v1.1.json, question a1: this id stands twice",
      );
      expect(second((text) => text.replace('"d2"', '"c1"'))).to.equal(
        "dev-v2.0.json, question c1: this id stands twice",
      );
    });
  });
});

function document(context: string, text: string, start: number): string {
  const qas = [{ id: "q", question: "?", answers: [{ text, answer_start: start }] }];
  return JSON.stringify({ version: "1.1", data: [{ paragraphs: [{ context, qas }] }] });
}

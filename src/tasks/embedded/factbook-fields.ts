/** What the questions about countries ask for. */

/** One fact of a country's profile, and the questions that it answers. */
export interface FactbookField {
  /** As a context names it: "Its … is …". */
  readonly name: string;
  readonly isPlural?: boolean;
  /** Fields of one kind have values that look alike: a question for one is not answered by another. */
  readonly kind: string;
  /** Where the profile has it. */
  readonly path: readonly string[];
  /** The value as a context gives it; undefined where the profile has none that fits. */
  readonly value: (text: string) => string | undefined;
  /** With COUNTRY for the country's name. */
  readonly questions: readonly string[];
  /** Phrasings that are asked in development only. */
  readonly newQuestions: readonly string[];
}

const QUANTITY =
  /^(?:total: )?(-?\$?\d[\d,]*(?:\.\d+)?(?: (?:million|billion|trillion))?(?: sq km| km| years|%)?)(?![\w%])/;

/** "147,181 sq km", "$62.1 billion", "27.5 years", "3.2%": the first of them, without its year. */
function quantity(text: string): string | undefined {
  const found = QUANTITY.exec(text)?.[1];
  return found === undefined || /^0(?: |$)/.test(found) ? undefined : found;
}

/** "23.67 births/1,000 population" as "23.67 per 1,000 people". */
function rate(text: string): string | undefined {
  const found = /^([\d.]+) \w+\/1,000 population/.exec(text)?.[1];
  return found === undefined ? undefined : `${found} per 1,000 people`;
}

/** "Kathmandu" out of "Kathmandu; note - …". */
function name(text: string): string | undefined {
  const found = text.split(/[;(,]/)[0].trim();
  return isName(found) ? found : undefined;
}

/** "Mount Everest" out of "Mount Everest 8,850 m (…)". */
function peak(text: string): string | undefined {
  const found = /^(.+?) -?\d[\d,.]* m\b/.exec(text)?.[1];
  return found !== undefined && isName(found) ? found : undefined;
}

/** "Queen ELIZABETH II" out of "Queen ELIZABETH II (since 6 February 1952); …". */
function person(text: string): string | undefined {
  const found = /^([^();,]+) \(since /.exec(text)?.[1];
  return found !== undefined && isName(found) ? found : undefined;
}

/** "Kassaman" out of `"Kassaman" (We Pledge)`. */
function title(text: string): string | undefined {
  return /^"([^"]{3,40}?)[!,.]*"/.exec(text)?.[1];
}

/** "5 July 1962" out of "5 July 1962 (from France)". */
function date(text: string): string | undefined {
  return /^\d{1,2} [A-Z][a-z]+ \d{4}/.exec(text)?.[0];
}

/** "1 November" out of "Revolution Day, 1 November (1954)". */
function day(text: string): string | undefined {
  return /^[^;]*?, (\d{1,2} [A-Z][a-z]+)\b/.exec(text)?.[1];
}

function domain(text: string): string | undefined {
  return /^\.[a-z]{2}\b/.exec(text)?.[0];
}

function callingCode(text: string): string | undefined {
  return /country code - (\d[\d-]*\d|\d)\b/.exec(text)?.[1];
}

/** The first three names of a list: "Nepali, Maithali, Bhojpuri", without shares and brackets. */
function list(text: string): string | undefined {
  const items = text
    .replace(/\([^()]*\)?/g, " ")
    .replace(/(?<=\d),(?=\d{3})/g, "")
    .split(/[,;]|\band\b/)
    .map((item) => item.replace(/(?<=\S) +(?:less than |approximately |about )?[\d.,]+ ?(?:%|km).*$/, "").trim())
    .filter((item) => /^\p{L}[\p{L}'’ -]+\p{L}$/u.test(item) && item.split(" ").length <= 4);
  const kept = [...new Set(items.filter((item) => !/^(other|none|unspecified|NA|NEGL|note|unknown)\b| -/.test(item)))];
  return kept.length === 0 ? undefined : kept.slice(0, 3).join(", ");
}

function isName(text: string): boolean {
  return /^\p{Lu}[\p{L}.'’ -]+$/u.test(text) && text.split(" ").length <= 5 && text !== "NA";
}

const GEOGRAPHY = "Geography";
const PEOPLE = "People and Society";
const GOVERNMENT = "Government";
const ECONOMY = "Economy";

/** The fields, kinds together. */
export const FACTBOOK_FIELDS: readonly FactbookField[] = [
  {
    name: "capital",
    kind: "place",
    path: [GOVERNMENT, "Capital", "name"],
    value: name,
    questions: ["What is the capital of COUNTRY?", "Which city is the capital of COUNTRY?"],
    newQuestions: ["Which town is COUNTRY governed from?"],
  },
  {
    name: "highest point",
    kind: "place",
    path: [GEOGRAPHY, "Elevation extremes", "highest point"],
    value: peak,
    questions: ["What is the highest point of COUNTRY?", "Where is COUNTRY highest?"],
    newQuestions: ["Which peak in COUNTRY rises above all others?"],
  },
  {
    name: "lowest point",
    kind: "place",
    path: [GEOGRAPHY, "Elevation extremes", "lowest point"],
    value: peak,
    questions: ["What is the lowest point of COUNTRY?", "Where is COUNTRY lowest?"],
    newQuestions: ["At which place does COUNTRY lie deepest?"],
  },
  {
    name: "total area",
    kind: "area",
    path: [GEOGRAPHY, "Area", "total"],
    value: quantity,
    questions: ["What is the total area of COUNTRY?", "How large is COUNTRY in all?"],
    newQuestions: ["How big is COUNTRY altogether?"],
  },
  {
    name: "land area",
    kind: "area",
    path: [GEOGRAPHY, "Area", "land"],
    value: quantity,
    questions: ["What is the land area of COUNTRY?", "How much of COUNTRY is land?"],
    newQuestions: ["How big is COUNTRY without its waters?"],
  },
  {
    name: "water area",
    kind: "area",
    path: [GEOGRAPHY, "Area", "water"],
    value: quantity,
    questions: ["What is the water area of COUNTRY?", "How much of COUNTRY is water?"],
    newQuestions: ["How much of COUNTRY do lakes and rivers cover?"],
  },
  {
    name: "irrigated land",
    kind: "area",
    path: [GEOGRAPHY, "Irrigated land"],
    value: quantity,
    questions: ["How much land is irrigated in COUNTRY?", "What is the irrigated area of COUNTRY?"],
    newQuestions: ["How large are the fields that COUNTRY waters?"],
  },
  {
    name: "coastline",
    kind: "length",
    path: [GEOGRAPHY, "Coastline"],
    value: quantity,
    questions: ["How long is the coastline of COUNTRY?", "How long is the coast of COUNTRY?"],
    newQuestions: ["What length of shore does COUNTRY have?"],
  },
  {
    name: "land border",
    kind: "length",
    path: [GEOGRAPHY, "Land boundaries", "total"],
    value: quantity,
    questions: ["How long is the land border of COUNTRY?", "How long are the borders of COUNTRY on land?"],
    newQuestions: ["What is the length of the frontier of COUNTRY?"],
  },
  {
    name: "railway network",
    kind: "length",
    path: ["Transportation", "Railways", "total"],
    value: quantity,
    questions: ["How long are the railways of COUNTRY?", "How long is the railway network of COUNTRY?"],
    newQuestions: ["How much track do trains have in COUNTRY?"],
  },
  {
    name: "road network",
    kind: "length",
    path: ["Transportation", "Roadways", "total"],
    value: quantity,
    questions: ["How long are the roads of COUNTRY?", "How long is the road network of COUNTRY?"],
    newQuestions: ["How many kilometres of road does COUNTRY have?"],
  },
  {
    name: "population",
    kind: "count",
    path: [PEOPLE, "Population"],
    value: quantity,
    questions: ["What is the population of COUNTRY?", "How many people live in COUNTRY?"],
    newQuestions: ["How many inhabitants does COUNTRY have?"],
  },
  {
    name: "labour force",
    kind: "count",
    path: [ECONOMY, "Labor force"],
    value: quantity,
    questions: ["How large is the labour force of COUNTRY?", "How many people are in the labour force of COUNTRY?"],
    newQuestions: ["How many workers does COUNTRY have?"],
  },
  {
    name: "number of internet users",
    kind: "count",
    path: ["Communications", "Internet users", "total"],
    value: quantity,
    questions: ["How many internet users does COUNTRY have?", "How many people use the internet in COUNTRY?"],
    newQuestions: ["How many people are online in COUNTRY?"],
  },
  {
    name: "number of mobile phones",
    kind: "count",
    path: ["Communications", "Telephones - mobile cellular", "total"],
    value: quantity,
    questions: ["How many mobile phones are there in COUNTRY?", "What is the number of mobile phones in COUNTRY?"],
    newQuestions: ["How many cell phones does COUNTRY have?"],
  },
  {
    name: "birth rate",
    kind: "rate",
    path: [PEOPLE, "Birth rate"],
    value: rate,
    questions: ["What is the birth rate of COUNTRY?", "How high is the birth rate in COUNTRY?"],
    newQuestions: ["How many children are born in COUNTRY?"],
  },
  {
    name: "death rate",
    kind: "rate",
    path: [PEOPLE, "Death rate"],
    value: rate,
    questions: ["What is the death rate of COUNTRY?", "How high is the death rate in COUNTRY?"],
    newQuestions: ["How many people die in COUNTRY?"],
  },
  {
    name: "median age",
    kind: "years",
    path: [PEOPLE, "Median age", "total"],
    value: quantity,
    questions: ["What is the median age in COUNTRY?", "What is the median age of the people of COUNTRY?"],
    newQuestions: ["How old is the middle one of all people in COUNTRY?"],
  },
  {
    name: "life expectancy",
    kind: "years",
    path: [PEOPLE, "Life expectancy at birth", "total population"],
    value: quantity,
    questions: ["What is the life expectancy in COUNTRY?", "How high is life expectancy in COUNTRY?"],
    newQuestions: ["How long can a newborn in COUNTRY expect to live?"],
  },
  {
    name: "unemployment rate",
    kind: "share",
    path: [ECONOMY, "Unemployment rate"],
    value: quantity,
    questions: ["What is the unemployment rate of COUNTRY?", "How high is unemployment in COUNTRY?"],
    newQuestions: ["How many people in COUNTRY are without work?"],
  },
  {
    name: "inflation",
    kind: "share",
    path: [ECONOMY, "Inflation rate (consumer prices)"],
    value: quantity,
    questions: ["What is the inflation rate of COUNTRY?", "How high is inflation in COUNTRY?"],
    newQuestions: ["By how much do prices rise in COUNTRY?"],
  },
  {
    name: "population growth",
    kind: "share",
    path: [PEOPLE, "Population growth rate"],
    value: quantity,
    questions: ["What is the population growth of COUNTRY?", "How fast does the population of COUNTRY grow?"],
    newQuestions: ["By how much does the number of people in COUNTRY change in a year?"],
  },
  {
    name: "urban population",
    kind: "share",
    path: [PEOPLE, "Urbanization", "urban population"],
    value: quantity,
    questions: ["How large is the urban population of COUNTRY?", "What share of the people of COUNTRY is urban?"],
    newQuestions: ["How many of the people of COUNTRY live in towns?"],
  },
  {
    name: "literacy rate",
    kind: "share",
    path: [PEOPLE, "Literacy", "total population"],
    value: quantity,
    questions: ["What is the literacy rate of COUNTRY?", "How high is literacy in COUNTRY?"],
    newQuestions: ["How many people in COUNTRY can read and write?"],
  },
  {
    name: "gross domestic product",
    kind: "money",
    path: [ECONOMY, "GDP (purchasing power parity)"],
    value: quantity,
    questions: ["What is the gross domestic product of COUNTRY?", "How large is the domestic product of COUNTRY?"],
    newQuestions: ["How large is the economy of COUNTRY?"],
  },
  {
    name: "income per head",
    kind: "money",
    path: [ECONOMY, "GDP - per capita (PPP)"],
    value: quantity,
    questions: ["What is the income per head in COUNTRY?", "How high is the income per head of COUNTRY?"],
    newQuestions: ["How much does COUNTRY earn for each of its people?"],
  },
  {
    name: "value of exports",
    kind: "money",
    path: [ECONOMY, "Exports"],
    value: quantity,
    questions: ["What is the value of the exports of COUNTRY?", "How large are the exports of COUNTRY?"],
    newQuestions: ["For how much does COUNTRY sell goods abroad?"],
  },
  {
    name: "value of imports",
    kind: "money",
    path: [ECONOMY, "Imports"],
    value: quantity,
    questions: ["What is the value of the imports of COUNTRY?", "How large are the imports of COUNTRY?"],
    newQuestions: ["For how much does COUNTRY buy goods abroad?"],
  },
  {
    name: "head of state",
    kind: "person",
    path: [GOVERNMENT, "Executive branch", "chief of state"],
    value: person,
    questions: ["Who is the head of state of COUNTRY?", "Who is head of state in COUNTRY?"],
    newQuestions: ["Who represents COUNTRY as its first citizen?"],
  },
  {
    name: "head of government",
    kind: "person",
    path: [GOVERNMENT, "Executive branch", "head of government"],
    value: person,
    questions: ["Who is the head of government of COUNTRY?", "Who is head of government in COUNTRY?"],
    newQuestions: ["Who governs COUNTRY?"],
  },
  {
    name: "day of independence",
    kind: "date",
    path: [GOVERNMENT, "Independence"],
    value: date,
    questions: ["When did COUNTRY become independent?", "What is the day of independence of COUNTRY?"],
    newQuestions: ["Since when has COUNTRY been on its own?"],
  },
  {
    name: "national holiday",
    kind: "date",
    path: [GOVERNMENT, "National holiday"],
    value: day,
    questions: ["When is the national holiday of COUNTRY?", "On which day is the national holiday of COUNTRY?"],
    newQuestions: ["When does COUNTRY celebrate itself?"],
  },
  {
    name: "internet domain",
    kind: "code",
    path: ["Communications", "Internet country code"],
    value: domain,
    questions: ["What is the internet domain of COUNTRY?", "Which internet domain does COUNTRY have?"],
    newQuestions: ["How do web addresses of COUNTRY end?"],
  },
  {
    name: "calling code",
    kind: "code",
    path: ["Communications", "Telephone system", "international"],
    value: callingCode,
    questions: ["What is the calling code of COUNTRY?", "Which calling code does COUNTRY have?"],
    newQuestions: ["Which number is dialled to call COUNTRY from abroad?"],
  },
  {
    name: "national anthem",
    kind: "name",
    path: [GOVERNMENT, "National anthem", "name"],
    value: title,
    questions: ["What is the national anthem of COUNTRY?", "What is the name of the national anthem of COUNTRY?"],
    newQuestions: ["Which song do the people of COUNTRY sing to honour it?"],
  },
  {
    name: "nationality",
    kind: "name",
    path: [PEOPLE, "Nationality", "adjective"],
    value: name,
    questions: ["What is the nationality of the people of COUNTRY?", "Which nationality do people from COUNTRY have?"],
    newQuestions: ["What are people from COUNTRY called?"],
  },
  {
    name: "languages",
    isPlural: true,
    kind: "list",
    path: [PEOPLE, "Languages"],
    value: list,
    questions: ["Which languages are spoken in COUNTRY?", "What are the languages of COUNTRY?"],
    newQuestions: ["What do people speak in COUNTRY?"],
  },
  {
    name: "religions",
    isPlural: true,
    kind: "list",
    path: [PEOPLE, "Religions"],
    value: list,
    questions: ["Which religions are there in COUNTRY?", "What are the religions of COUNTRY?"],
    newQuestions: ["Which faiths do people have in COUNTRY?"],
  },
  {
    name: "neighbours",
    isPlural: true,
    kind: "list",
    path: [GEOGRAPHY, "Land boundaries", "border countries"],
    value: list,
    questions: ["Which countries are neighbours of COUNTRY?", "What are the neighbours of COUNTRY?"],
    newQuestions: ["Which countries does COUNTRY border on?"],
  },
  {
    name: "natural resources",
    isPlural: true,
    kind: "list",
    path: [GEOGRAPHY, "Natural resources"],
    value: list,
    questions: ["Which natural resources does COUNTRY have?", "What are the natural resources of COUNTRY?"],
    newQuestions: ["What can be won from the ground and the waters of COUNTRY?"],
  },
];

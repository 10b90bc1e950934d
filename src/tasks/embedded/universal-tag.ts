/** Brown's part-of-speech tags collapsed to the universal ones. */

/** The universal part-of-speech tags of Petrov, Das and McDonald (2012); "." are marks, X is what fits nowhere. */
export const UNIVERSAL_TAGS = [
  "NOUN",
  "VERB",
  "ADJ",
  "ADV",
  "PRON",
  "DET",
  "ADP",
  "NUM",
  "CONJ",
  "PRT",
  ".",
  "X",
] as const;

export type UniversalTag = (typeof UNIVERSAL_TAGS)[number];

/** Plain tags of the corpus by what they become. */
const PLAIN_TAGS: Record<UniversalTag, string> = {
  NOUN: "nn nns np nps nr nrs pn",
  VERB: "vb vbd vbg vbn vbz md be bed bedz beg bem ben ber bez do dod doz hv hvd hvg hvn hvz",
  ADJ: "jj jjr jjs jjt ap od",
  ADV: "rb rbr rbt rn ql qlp wql wrb *",
  PRON: "pp$$ ppl ppls ppo pps ppss wpo wps",
  DET: "at abx dt dti dts dtx pp$ wp$ wdt",
  ADP: "in cs",
  NUM: "cd",
  CONJ: "cc",
  PRT: "abl abn ex rp to uh",
  ".": ". , : ( ) -- ' '' ``",
  X: "nil",
};

const UNIVERSAL = new Map(
  UNIVERSAL_TAGS.flatMap((universal) => PLAIN_TAGS[universal].split(" ").map((tag) => [tag, universal] as const)),
);

/**
 * The universal tag of a Brown tag; undefined where the tag is not one of Brown's.
 *
 * Plain tags follow the published mapping (which calls "all" and "there" PRT, and pronouns such as "nobody" NOUN). Foreign words,
 * contractions and possessives are treated alike where it has exceptions: a foreign word (`fw-`) has the class of its own tag
 * (there X), a contraction (`pps+bez`) that of its first part (there mostly PRT), a possessive (`dt$`) that of its owner.
 */
export function universalTag(tag: string): UniversalTag | undefined {
  const [first] = tag.split("+");
  const bare = first.replace(/^fw-/, "").replace(/(-(hl|tl|nc))+$/, "");
  return UNIVERSAL.get(bare) ?? UNIVERSAL.get(bare.replace(/[*$]$/, ""));
}

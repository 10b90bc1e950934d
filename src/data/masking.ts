/** Masking for BERT's language modelling: which tokens are hidden, and behind what. */

import { Random } from "../tensor/random.ts";

export interface MaskingOptions {
  /** Ids that are never hidden and never put in place of another. */
  specialIds: ReadonlySet<number>;
  maskId: number;
  vocabularySize: number;
  /** With `step`: the whole source of chance. */
  seed: number;
  step: number;
  /** Share of the tokens that is hidden; 0.15 when absent. */
  fraction?: number;
}

/** Tokens of which some are hidden, and what stood there. */
export interface MaskedTokens {
  inputs: Int32Array;
  /** Indices into `inputs` of the tokens to predict, ascending. */
  positions: Int32Array;
  /** The original ids at these positions. */
  targets: Int32Array;
}

const FRACTION = 0.15;
/** Of the chosen tokens, 80 % become the mask and 10 % a random token; the rest stay as they are. */
const TO_MASK = 0.8;
const TO_MASK_OR_RANDOM = 0.9;

/**
 * Chooses `fraction` of the tokens that are not special, rounded, at least one; the same for the same seed and step.
 * @throws when every token is special.
 */
export function maskTokens(tokens: Int32Array, options: MaskingOptions): MaskedTokens {
  const { specialIds, maskId, seed, step, fraction = FRACTION } = options;
  const random = Random.stream(seed, `masking, step ${step}`);
  const eligible = Int32Array.from(tokens.keys()).filter((position) => !specialIds.has(tokens[position]));
  if (eligible.length === 0)
    throw new Error(`step ${step}: none of ${tokens.length} tokens can be masked, since all are special`);
  const count = Math.min(eligible.length, Math.max(1, Math.round(fraction * eligible.length)));
  const positions = chooseFirst(eligible, count, random).sort();
  const targets = positions.map((position) => tokens[position]);
  const inputs = Int32Array.from(tokens);
  const drawOrdinary = ordinaryIds(options);
  for (const position of positions) {
    const fate = random.uniform();
    if (fate < TO_MASK) inputs[position] = maskId;
    else if (fate < TO_MASK_OR_RANDOM) inputs[position] = drawOrdinary(random);
  }
  return { inputs, positions, targets };
}

/** `count` of the values, every subset equally likely: the first steps of a Fisher–Yates shuffle. */
function chooseFirst(values: Int32Array, count: number, random: Random): Int32Array {
  for (let place = 0; place < count; place++) {
    const other = place + random.integer(values.length - place);
    const chosen = values[other];
    values[other] = values[place];
    values[place] = chosen;
  }
  return values.slice(0, count);
}

/** Draws an id that is not special, each equally likely. */
function ordinaryIds({ vocabularySize, specialIds }: MaskingOptions): (random: Random) => number {
  const special = [...specialIds].filter((id) => id < vocabularySize).sort((a, b) => a - b);
  if (special.length >= vocabularySize)
    throw new Error(`a vocabulary of ${vocabularySize} ids has only special tokens`);
  return (random) => {
    let id = random.integer(vocabularySize - special.length);
    // The n-th ordinary id: one more for every special id at or below it.
    for (const each of special) if (each <= id) id++;
    return id;
  };
}

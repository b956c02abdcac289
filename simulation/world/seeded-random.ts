/** Every choice of a run comes out of its seed, so that a seed is a whole run. */
export interface SeededRandom {
  /** In [0, 1). */
  next(): number;
  between(least: number, most: number): number;
  /** Log-uniform: as likely between 0.1 and 1 as between 1 and 10. */
  magnitude(least: number, most: number): number;
  /** Times between events that do not know of each other. */
  exponential(mean: number): number;
  chance(probability: number): boolean;
  pick<Value>(values: readonly Value[]): Value;
  bytes(size: number): Uint8Array;
  /** Independent of how much is drawn from this one later. */
  fork(): SeededRandom;
}

export function seededRandom(seed: number): SeededRandom {
  const next = mulberry32(seed);
  const random: SeededRandom = {
    next,
    between: (least, most) => least + (most - least) * next(),
    magnitude: (least, most) => least * (most / least) ** next(),
    exponential: (mean) => -mean * Math.log(1 - next()),
    chance: (probability) => next() < probability,
    pick: (values) => values[Math.floor(next() * values.length)]!,
    bytes: (size) => Uint8Array.from({ length: size }, () => Math.floor(next() * 256)),
    fork: () => seededRandom(Math.floor(next() * 2 ** 32)),
  };
  return random;
}

function mulberry32(seed: number): () => number {
  let state = seed | 0;
  // Neighbouring seeds would otherwise begin alike.
  state = Math.imul(state ^ (state >>> 16), 0x45d9f3b) ^ 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

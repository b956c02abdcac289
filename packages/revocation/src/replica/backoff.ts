const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5000;

/**
 * How long to wait after so many failures in a row. The first retry comes at once, since most connections break
 * for reasons that are over by then; after that the delay doubles, and half of it is chance, so that verifiers
 * that lost the server together do not come back together.
 */
export function backoffMs(failures: number, random: () => number): number {
  if (failures <= 1) return 0;
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 2, 10));
  return delay / 2 + (delay / 2) * random();
}

/** When a delivery that failed is tried again, and when it no longer is. */

/** Within an hour: see below. */
export const MAX_TRIES = 6;

/** After the first try that failed; each next time it waits three times as long. */
const FIRST_WAIT_MS = 29_000;
const FACTOR = 3;
/** Share of the wait that is left out at most: what failed together does not come back together. */
const JITTER = 0.25;

/**
 * Returns how long to wait after the try of this number, the first being 1. With no jitter five waits make 58 minutes. `random`: from 0
 * to 1.
 */
export const waitAfter = (tries: number, random: number): number =>
  Math.round(FIRST_WAIT_MS * FACTOR ** (tries - 1) * (1 - JITTER * random));

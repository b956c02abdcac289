import { MODE_CODES, REASON_CODES, RECORD_BYTES, SCOPE_CODES } from "@portcullis/protocol";
import { createKeySpace, RevocationIndex, type TokenCoordinates } from "@portcullis/revocation";
import { KeySequence } from "./keys.ts";

const LIFETIME_SECONDS = 600;
const SKEW_SECONDS = 30;
const START_SECONDS = 1_900_000_000;
const PRESENT = 1;
const ABSENT = 2;

/** Time stands still: all records stay live, and nothing is measured but the tables. */
export function emptyIndex(): RevocationIndex {
  return new RevocationIndex({
    tokenLifetimeSeconds: LIFETIME_SECONDS,
    clockSkewSeconds: SKEW_SECONDS,
    clock: { wallMs: () => START_SECONDS * 1000, monotonicMs: () => 0 },
    randomWords: (words) => words.map((_, index) => Math.imul(index + 1, 0x9e37_79b1)),
  });
}

function writeSessions(batch: DataView, count: number, firstSeq: number, keys: KeySequence): void {
  for (let index = 0, at = 0; index < count; index++, at += RECORD_BYTES) {
    keys.next();
    batch.setUint32(at + 4, firstSeq + index);
    batch.setUint8(at + 8, SCOPE_CODES.session);
    batch.setUint8(at + 9, MODE_CODES.kill);
    batch.setUint8(at + 10, REASON_CODES.logged_out);
    batch.setUint32(at + 12, START_SECONDS);
    batch.setUint32(at + 16, START_SECONDS + LIFETIME_SECONDS + SKEW_SECONDS);
    batch.setInt32(at + 24, keys.word0);
    batch.setInt32(at + 28, keys.word1);
    batch.setInt32(at + 32, keys.word2);
    batch.setInt32(at + 36, keys.word3);
  }
}

/** Grows an index to `entries`. Only `applyEncoded` is timed: `leastMs` keeps the least time of every batch. */
export function grow(entries: number, batchSize: number, leastMs?: Float64Array): RevocationIndex {
  const index = emptyIndex();
  const keys = new KeySequence(PRESENT);
  const batch = new Uint8Array(batchSize * RECORD_BYTES);
  const view = new DataView(batch.buffer);
  for (let turn = 0; turn < entries / batchSize; turn++) {
    writeSessions(view, batchSize, turn * batchSize + 1, keys);
    const begin = performance.now();
    index.applyEncoded(batch);
    const took = performance.now() - begin;
    if (leastMs !== undefined && took < leastMs[turn]!) leastMs[turn] = took;
  }
  return index;
}

export interface Growth {
  readonly seconds: number;
  readonly longestMs: number;
}

/**
 * The same growth several times over. The seeds stand still, so that every batch does the same work in every run,
 * and what interrupts one run does not count unless it interrupts the same batch in all of them.
 */
export function timeGrowth(entries: number, batchSize: number, runs: number): Growth {
  const leastMs = new Float64Array(Math.ceil(entries / batchSize)).fill(Number.POSITIVE_INFINITY);
  for (let run = 0; run < runs; run++) grow(entries, batchSize, leastMs);
  leastMs.sort();
  return { seconds: leastMs.reduce((sum, time) => sum + time, 0) / 1000, longestMs: leastMs.at(-1)! };
}

export interface Lookups {
  readonly hitNs: number;
  readonly missNs: number;
  readonly tokenMissNs: number;
}

/** One session looked up, found and not; and a whole token with seven claims that nothing was said about. */
export function lookUp(index: RevocationIndex, entries: number): Lookups {
  const session = coordinates({ sid: ANY });
  const token = coordinates({
    jti: ANY,
    sid: ANY,
    gid: ANY,
    sub: "user",
    client_id: "client",
    aud: "orders",
  });
  const time = (at: TokenCoordinates, keyed: number, seed: number, expected: number): number => {
    const keys = new KeySequence(seed);
    const windows = Math.min(MAX_WINDOWS, entries / WINDOW);
    return lowWindowNs(windows, expected, () => askFor(index, at, keyed, keys));
  };
  return {
    hitNs: time(session, 1, PRESENT, WINDOW),
    missNs: time(session, 1, ABSENT, 0),
    tokenMissNs: time(token, 3, ABSENT, 0),
  };
}

const ANY = "A".repeat(22);
/** Lookups a window: short enough to be over before something else gets the processor, most of the time. */
const WINDOW = 20_000;
const MAX_WINDOWS = 200;

function coordinates(claims: Record<string, string>): TokenCoordinates {
  const times = { iss: "https://issuer.example", iat: START_SECONDS, exp: START_SECONDS + 300, rv: 1 };
  return createKeySpace(new Uint8Array(32)).coordinatesOf({ ...times, ...claims }, { kid: "key-1" });
}

/** Every probe gives the first `keyed` places of the token (its identifiers) new keys. */
function askFor(index: RevocationIndex, at: TokenCoordinates, keyed: number, keys: KeySequence): number {
  const places = at.places as number[];
  let denied = 0;
  for (let probe = 0; probe < WINDOW; probe++) {
    for (let place = 0; place < keyed; place++) {
      keys.next();
      places[place * 5 + 1] = keys.word0;
      places[place * 5 + 2] = keys.word1;
      places[place * 5 + 3] = keys.word2;
      places[place * 5 + 4] = keys.word3;
    }
    if (index.verdict(at).outcome !== "allow") denied++;
  }
  return denied;
}

/** The time a lookup takes in the quiet windows: the tenth percentile. */
function lowWindowNs(windows: number, expected: number, run: () => number): number {
  const times: number[] = [];
  for (let window = 0; window < windows; window++) {
    const begin = performance.now();
    const denied = run();
    times.push(((performance.now() - begin) * 1e6) / WINDOW);
    if (denied !== expected) throw new Error(`${denied} denials of ${WINDOW}, not ${expected}`);
  }
  times.sort((left, right) => left - right);
  return times[Math.floor(windows / 10)]!;
}

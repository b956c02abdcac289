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
    nowSeconds: () => START_SECONDS,
    monotonicMs: () => 0,
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

export interface Growth {
  readonly index: RevocationIndex;
  readonly seconds: number;
  readonly longestMs: number;
  readonly p9999Ms: number;
}

/** Grows an index to `entries`, in batches; only `applyEncoded` is timed. */
export function grow(entries: number, batchSize: number): Growth {
  const index = emptyIndex();
  const keys = new KeySequence(PRESENT);
  const batch = new Uint8Array(batchSize * RECORD_BYTES);
  const view = new DataView(batch.buffer);
  const times = new Float64Array(Math.floor(entries / batchSize));
  for (let turn = 0; turn < times.length; turn++) {
    writeSessions(view, batchSize, turn * batchSize + 1, keys);
    const begin = performance.now();
    index.applyEncoded(batch);
    times[turn] = performance.now() - begin;
  }
  times.sort();
  return {
    index,
    seconds: times.reduce((sum, time) => sum + time, 0) / 1000,
    longestMs: times.at(-1)!,
    p9999Ms: times[Math.floor(times.length * 0.9999)]!,
  };
}

export interface Lookups {
  readonly hitNs: number;
  readonly missNs: number;
  readonly tokenMissNs: number;
}

/** One session looked up, found and not; and a whole token with seven claims that nothing was said about. */
export function lookUp(index: RevocationIndex, entries: number, windows: number): Lookups {
  const session = coordinates({ sid: "A".repeat(22) });
  const token = coordinates({
    jti: "A".repeat(22),
    sid: "A".repeat(22),
    gid: "A".repeat(22),
    sub: "user",
    client_id: "client",
    aud: "https://orders.example",
  });
  const probes = Math.min(entries, 1_000_000);
  return {
    hitNs: leastNs(
      windows,
      probes,
      () => askFor(index, session, 1, new KeySequence(PRESENT), probes),
      probes,
    ),
    missNs: leastNs(windows, probes, () => askFor(index, session, 1, new KeySequence(ABSENT), probes), 0),
    tokenMissNs: leastNs(windows, probes, () => askFor(index, token, 3, new KeySequence(ABSENT), probes), 0),
  };
}

function coordinates(claims: Record<string, string>): TokenCoordinates {
  const times = { iss: "https://issuer.example", iat: START_SECONDS, exp: START_SECONDS + 300, rv: 1 };
  return createKeySpace(new Uint8Array(32)).coordinatesOf({ ...times, ...claims }, { kid: "key-1" });
}

/** Every probe gives the first `keyed` places of the token (its identifiers) new keys. */
function askFor(
  index: RevocationIndex,
  at: TokenCoordinates,
  keyed: number,
  keys: KeySequence,
  probes: number,
): number {
  const places = at.places as number[];
  let denied = 0;
  for (let probe = 0; probe < probes; probe++) {
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

function leastNs(windows: number, probes: number, run: () => number, expected: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let window = 0; window < windows; window++) {
    const begin = performance.now();
    const denied = run();
    least = Math.min(least, ((performance.now() - begin) * 1e6) / probes);
    if (denied !== expected) throw new Error(`${denied} denials of ${probes}, not ${expected}`);
  }
  return least;
}

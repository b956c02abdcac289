import { createHash } from "node:crypto";
import { decodeBase64url, encodeBase64url, encodeRecords, extendChain } from "@portcullis/protocol";
import type { SeededRandom } from "../world/seeded-random.ts";
import { entryOf, type SimulatedRedis, type StreamEntry, seqOf, textIn } from "./simulated-redis.ts";

type Lie = (redis: SimulatedRedis, random: SeededRandom) => void;

/** Whatever somebody can do who may write to Redis and has no key of the issuer. */
const LIES: readonly (readonly [name: string, lie: Lie])[] = [
  // Twice: of all of them it would do the most.
  ["a record is invented", invent],
  ["a record is invented", invent],
  ["the newest entries are gone", (redis, random) => removeNewest(redis, random)],
  ["an entry in the middle is gone", removeOne],
  ["a byte of a record is another", changeByte],
  ["a field is another", changeField],
  ["an entry comes again under a later id", replay],
  ["the stream is gone", (redis) => redis.entries.splice(0)],
  ["nothing new comes", (redis) => hold(redis)],
  ["an older state comes back, and nothing new", rollBack],
  ["an entry is of no use", addGarbage],
];

/** Gives what was done. */
export function tellLie(redis: SimulatedRedis, random: SeededRandom): string {
  const [name, lie] = random.pick(LIES);
  lie(redis, random);
  return `redis: ${name}`;
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

/** Everything is right about it, but for the issuer's word: it ends every token there is. */
function invent(redis: SimulatedRedis, random: SeededRandom): void {
  const last = redis.entries.at(-1);
  if (last === undefined) return;
  const seq = seqOf(last) + 1;
  const times = { revokedAt: 1000, expiresAt: 2 ** 32 - 1 };
  const mode = random.pick(["kill", "stale"] as const);
  const records = encodeRecords([
    { seq, scope: "issuer", mode, reason: "revoked", key: new Uint8Array(16), ...times },
  ]);
  const before = decodeBase64url(textIn(last, "chain"));
  if (before?.length !== 32) return;
  const chain = encodeBase64url(extendChain(before, records, sha256));
  const incarnation = textIn(last, "incarnation");
  const [, epoch, , , , iat] = textIn(last, "head").split(" ");
  const claimed = [incarnation, epoch, seq, chain, "", iat, "x".repeat(43)].join(" ");
  const head = random.pick([claimed, textIn(last, "head")]);
  redis.add(
    entryOf(`${seq}-0`, {
      ...{ incarnation, prev: String(seq - 1), from: String(seq), to: String(seq) },
      ...{ records, chain, head },
    }),
  );
}

function removeNewest(redis: SimulatedRedis, random: SeededRandom): void {
  redis.entries.splice(-Math.ceil(random.between(0, 5)));
}

function removeOne(redis: SimulatedRedis, random: SeededRandom): void {
  redis.entries.splice(Math.floor(random.between(0, redis.entries.length)), 1);
}

function changeNewest(
  redis: SimulatedRedis,
  random: SeededRandom,
  changed: (entry: StreamEntry) => StreamEntry,
) {
  const at = redis.entries.length - Math.ceil(random.between(0, 5));
  const entry = redis.entries[at];
  if (entry !== undefined) redis.entries[at] = changed(entry);
}

function changeByte(redis: SimulatedRedis, random: SeededRandom): void {
  changeNewest(redis, random, ({ id, fields }) => {
    const records = Buffer.from(fields.records ?? []);
    if (records.length > 0) records[Math.floor(random.between(0, records.length))]! ^= 1;
    return { id, fields: { ...fields, records } };
  });
}

function changeField(redis: SimulatedRedis, random: SeededRandom): void {
  const name = random.pick(["incarnation", "prev", "from", "to", "chain", "head"]);
  const value = random.pick([
    "",
    "-1",
    "9007199254740993",
    "x",
    textIn(redis.entries[0] ?? entryOf("0-0", {}), name),
  ]);
  changeNewest(redis, random, ({ id, fields }) => ({
    id,
    fields: { ...fields, [name]: Buffer.from(value) },
  }));
}

function replay(redis: SimulatedRedis, random: SeededRandom): void {
  const last = redis.entries.at(-1);
  if (last === undefined) return;
  redis.add({ id: `${seqOf(last) + 1}-0`, fields: random.pick(redis.entries).fields });
}

function hold(redis: SimulatedRedis): void {
  redis.isHeld = true;
}

function rollBack(redis: SimulatedRedis, random: SeededRandom): void {
  redis.entries.length = Math.floor(random.between(0, redis.entries.length + 1));
  hold(redis);
}

function addGarbage(redis: SimulatedRedis, random: SeededRandom): void {
  const seq = seqOf(redis.entries.at(-1) ?? entryOf("0-0", {})) + 1;
  const fields = random.pick([
    {},
    { records: new Uint8Array(65 * 1024) },
    Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`field ${at}`, "x"])),
  ]);
  redis.add(entryOf(`${seq}-0`, fields));
}

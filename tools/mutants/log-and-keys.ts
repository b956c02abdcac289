/** Mistakes in the log, its storage, the keys that sign, and receipts. */
import type { Mutant } from "./mutant.ts";

const LOG_COUNTER = "apps/auth-server/src/storage/log/log-counter.ts";
const LEASE_TABLE = "packages/feed-server/src/lease-table.ts";
const SHARED_LEASES = "apps/auth-server/src/revocations/many-servers/shared-leases.ts";
const RECEIPT_TESTS = [
  "packages/feed-server/test/lease-table.test.ts",
  "apps/auth-server/test/revocations/receipts/receipts.test.ts",
  "apps/auth-server/test/revocations/receipts/lease.test.ts",
];

export const LOG_MUTANTS: readonly Mutant[] = [
  {
    name: "plain-autoincrement",
    says: "the counter is read without being held: two servers give the same places, or out of commit order",
    file: LOG_COUNTER,
    edits: [
      [
        `await lockRows(\n    db.selectFrom`,
        `await (<Query>(query: Query): Query => query)(\n    db.selectFrom`,
      ],
    ],
    tests: ["apps/auth-server/test/storage/postgres-conformance.test.ts"],
  },
  {
    name: "receipt-ignores-laggards",
    says: "a receipt says enforced though somebody has not acknowledged",
    file: LEASE_TABLE,
    edits: [[`.filter((entry) => entry.applied < seq)`, `.filter((entry) => entry.applied < 0)`]],
    tests: RECEIPT_TESTS,
  },
  {
    name: "restart-forgets-leases",
    says: "a server that starts anew does not wait for verifiers that its former self let say allow",
    file: LEASE_TABLE,
    edits: [[`this.#entries.set(key, { ...newEntry(key, holder, 0), secretHash, leaseMs, grants });`, ``]],
    tests: RECEIPT_TESTS,
  },
  {
    name: "laggards-of-this-server-alone",
    says: "a receipt counts the verifiers that this server knows, and not those of the others",
    file: SHARED_LEASES,
    edits: [
      [
        `    for (const row of this.#view.rows.values()) {`,
        `    for (const row of [...this.#view.rows.values()].filter(({ holder }) => this.#calls.has(keyOfLeaseHolder(holder)))) {`,
      ],
    ],
    tests: ["apps/auth-server/test/revocations/many-servers/shared-leases.property.test.ts"],
  },
  {
    name: "head-from-memory",
    says: "a lease answer names the head that this server happens to know, not the newest of all servers",
    file: "packages/feed-server/src/lease-desk.ts",
    edits: [[`      await log.refresh();\n      // The log may`, `      // The log may`]],
    tests: ["apps/auth-server/test/revocations/many-servers/shared-leases.property.test.ts"],
  },
  {
    name: "told-before-commit",
    says: "callers hear of a revocation before it is on disk",
    file: "apps/auth-server/src/storage/unit/group-commit.ts",
    edits: [
      [`await ending(db);\n    await connection.commit();\n`, `await ending(db);\n`],
      [
        `    await this.#tell(finished, records);\n`,
        `    await this.#tell(finished, records);\n    if (records.length > 0) await connection.commit();\n`,
      ],
    ],
    tests: [
      "apps/auth-server/test/storage/unit/group-commit.test.ts",
      "apps/auth-server/test/storage/crash.test.ts",
    ],
  },
  {
    name: "forgotten-key-record",
    says: "what a thief of a key can sign is denied until the record expires, and allowed again after it",
    file: "apps/auth-server/src/storage/log/note-standing-refusals.ts",
    edits: [
      [
        `if (!STANDING.has(row.scope) || row.mode !== MODE_CODES.kill) continue;`,
        `if (STANDING.has(row.scope)) continue;`,
      ],
    ],
    tests: ["apps/auth-server/test/revocations/retention/standing-refusals.test.ts"],
  },
  {
    name: "retired-key-signs-on",
    says: "a revoked signing key stays published, and signs",
    file: "apps/auth-server/src/keys/key-rows.ts",
    edits: [[`      status: "retired",`, `      status: "active",`]],
    tests: ["apps/auth-server/test/keys/revoke-key.test.ts"],
  },
  {
    name: "key-that-signs-as-it-is-made",
    says: "after a rotation or a retirement a key signs that no verifier can have heard of",
    file: "apps/auth-server/src/keys/key-rows.ts",
    edits: [
      [
        `if (next === undefined)
    return {`,
        `if (next !== undefined)
    await transaction.db.deleteFrom("oidc_signing_keys").where("kid", "=", next.kid).execute();
  if (next === undefined || at >= 0)
    return {`,
      ],
    ],
    tests: ["apps/auth-server/test/keys/next-key.test.ts"],
  },
  {
    name: "successor-of-another-algorithm",
    says: "after a retirement nothing signs with the algorithm of the key, since a key of another one is next",
    file: "apps/auth-server/src/keys/key-rows.ts",
    edits: [
      [
        `    .where("algorithm", "=", algorithm)\n    .where("status", "=", status)\n    .executeTakeFirst();`,
        `    .where("status", "=", status)\n    .executeTakeFirst();`,
      ],
    ],
    tests: ["apps/auth-server/test/keys/keys-of-algorithms.test.ts"],
  },
  {
    name: "next-key-kept-back",
    says: "the next key is published only when it signs",
    file: "apps/auth-server/src/keys/key-ring.ts",
    edits: [
      [
        `const keys = live.map(({ key }) => key);`,
        `const keys = live.filter(({ status }) => status !== "next").map(({ key }) => key);`,
      ],
    ],
    tests: ["apps/auth-server/test/keys/next-key.test.ts"],
  },
  {
    name: "stolen-next-key-signs-later",
    says: "a next key that was retired is promoted at the next rotation",
    file: "apps/auth-server/src/keys/key-rows.ts",
    edits: [
      [
        `if (row === undefined ||`,
        `if (row === undefined || (await findKey({ db } as WriteTransaction, { algorithm: "ES256", status: "next" }))?.kid === kid ||`,
      ],
    ],
    tests: ["apps/auth-server/test/keys/next-key.test.ts"],
  },
  {
    name: "young-key-signs-without-a-word",
    says: "an operator who rotates twice in a row is not told that verifiers of others refuse good tokens now",
    file: "apps/auth-server/src/keys/published-key.ts",
    edits: [[`age < KEY_KNOWN_AFTER_SECONDS`, `age < 0`]],
    tests: ["apps/auth-server/test/keys/next-key.test.ts"],
  },
  {
    name: "negative-age-is-reuse",
    says: "a refresh token that a server with a faster clock has just spent counts as stolen, and signs the user out",
    file: "apps/auth-server/src/storage/stored-time.ts",
    edits: [[`now - atMs >= -skewMs`, `now - atMs >= 0`]],
    tests: ["apps/auth-server/test/storage/stored-time.test.ts"],
  },
  {
    name: "success-for-nobody",
    says: "a revocation of something that does not exist is answered as done",
    file: "apps/auth-server/src/revocations/revoke/revoker.ts",
    edits: [[`if (!isRecorded && unknown !== undefined) throw unknown();`, ""]],
    tests: ["apps/auth-server/test/oidc/endings/unknown-targets.test.ts"],
  },
  {
    name: "reserve-not-given-back",
    says: "a full disk stops revoking, although space was kept for it",
    file: "apps/auth-server/src/storage/sqlite/disk-room.ts",
    edits: [[`const made = this.#reserve.release();`, `const made = false;`]],
    tests: ["apps/auth-server/test/storage/space/disk-room.test.ts"],
  },
  {
    name: "revoking-counts-as-a-stranger",
    says: "with little space left, a logout is refused as a stranger's sign-in page is",
    file: "apps/auth-server/src/storage/sqlite/disk-room.ts",
    edits: [
      [
        `if (this.#state === "ample" || onBehalfOf === undefined) return;`,
        `if (this.#state === "ample") return;`,
      ],
    ],
    tests: ["apps/auth-server/test/storage/space/disk-room.test.ts"],
  },
  {
    name: "records-end-with-one-skew",
    says: "a record is pruned while a verifier whose clock is a little slow still takes its token",
    file: "apps/auth-server/src/storage/log/retention-clock.ts",
    edits: [[`=> 2 * clockSkewSeconds;`, `=> clockSkewSeconds;`]],
    tests: ["apps/auth-server/test/revocations/verifiers/slow-verifier.test.ts"],
  },
  {
    name: "heads-read-where-tokens-wait",
    says: "while requests for tokens wait for a locked table, revoking and leases wait behind them",
    file: "apps/auth-server/src/storage/postgres/open-postgres.ts",
    edits: [[`const { read: readKept } = keptReader;`, `const readKept = read;`]],
    tests: ["apps/auth-server/test/revocations/many-servers/two-servers.test.ts"],
  },
  {
    name: "no-lane-of-its-own-for-revoking",
    says: "revoking waits for issuing that hangs in every lane",
    file: "apps/auth-server/src/storage/postgres/open-postgres.ts",
    edits: [[`      kept: lanesOf(kept.lanes),\n`, ``]],
    tests: ["apps/auth-server/test/storage/postgres/units.test.ts"],
  },
  {
    name: "deleting-by-two-clocks-of-one-machine",
    says: "a server that starts with a clock half an hour ahead deletes live revocations",
    file: "apps/auth-server/src/storage/log/retention-clock.ts",
    edits: [[`Math.min(...this.#clocks(), this.#explained())`, `Math.min(...this.#clocks())`]],
    tests: ["apps/auth-server/test/storage/pruning.test.ts"],
  },
  {
    name: "most-of-the-log-goes-unexplained",
    says: "a server whose clock is ahead deletes the whole log within minutes of its start",
    file: "apps/auth-server/src/storage/pruning.ts",
    edits: [[`const MAX_SHARE_UNEXPLAINED = 0.5;`, `const MAX_SHARE_UNEXPLAINED = 1;`]],
    tests: ["apps/auth-server/test/storage/pruning.test.ts"],
  },
  {
    name: "start-with-another-clock-than-the-database",
    says: "a server starts whose clock differs from the database's",
    file: "apps/auth-server/src/storage/log/retention-clock.ts",
    edits: [[`    refuseDifference(await secondsAhead(options), clockSkewSeconds);\n`, ``]],
    tests: ["apps/auth-server/test/storage/pruning.test.ts"],
  },
  {
    name: "start-before-what-the-database-has-seen",
    says: "a server starts whose clock was set back, and takes tokens for alive whose revocations are gone",
    file: "apps/auth-server/src/storage/log/retention-clock.ts",
    edits: [[`    refuseEarlier(seen - wallSecondsOf(clock), clockSkewSeconds);\n`, ``]],
    tests: ["apps/auth-server/test/storage/pruning.test.ts"],
  },
  {
    name: "deleting-while-clocks-differ",
    says: "a server goes on deleting while its clock and the database's differ",
    file: "apps/auth-server/src/storage/pruning.ts",
    edits: [
      [`Math.abs(ahead) > this.#options.clockSkewSeconds`, `Math.abs(ahead) === Number.POSITIVE_INFINITY`],
    ],
    tests: ["apps/auth-server/test/storage/pruning.test.ts"],
  },
];

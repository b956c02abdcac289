/** Mistakes in what servers and verifiers take from Redis. */
import type { Mutant } from "./mutant.ts";

const FEED_SCRIPTS = "apps/auth-server/src/redis/feed-scripts.ts";
const HOSTILE_ENTRIES = ["apps/auth-server/test/redis/hostile-entries.test.ts"];

export const REDIS_MUTANTS: readonly Mutant[] = [
  {
    name: "redis-end-of-any-length",
    says: "an entry of 40 MB at the end of the stream is handed back, and breaks the connection for ever",
    file: FEED_SCRIPTS,
    edits: [
      ["if #word >", "if false and #word >"],
      ["if #incarnation >", "if false and #incarnation >"],
      ["or #chain >", "or false and #chain >"],
    ],
    tests: HOSTILE_ENTRIES,
  },
  {
    name: "redis-stream-of-any-length",
    says: "a stream of millions of entries fills the memory of Redis, since its end looks right",
    file: FEED_SCRIPTS,
    edits: [["if redis.call('XLEN', key) >", "if false and redis.call('XLEN', key) >"]],
    tests: HOSTILE_ENTRIES,
  },
  {
    name: "redis-ids-used-up",
    says: "a highest id that was deleted again keeps the log out of Redis for ever",
    file: FEED_SCRIPTS,
    edits: [["added.err and isUsedUp(added.err)", "added.err and false"]],
    tests: HOSTILE_ENTRIES,
  },
  {
    name: "redis-count-below-nothing",
    says: "a count that somebody began at minus a million lifts a limit of all servers for ever",
    file: "apps/auth-server/src/limits/redis-rate-limit.ts",
    edits: [["'^%d+$'", "'^-?%d+$'"]],
    tests: ["apps/auth-server/test/limits/rate-limit.test.ts"],
  },
  {
    name: "redis-sign-in-of-any-length",
    says: "a sign-in of 500 MB is read into the memory of the server, and stays",
    file: "apps/auth-server/src/redis/redis-interactions.ts",
    edits: [["if kind == 'string' and redis.call('STRLEN'", "if true or redis.call('STRLEN'"]],
    tests: ["apps/auth-server/test/redis/interactions.test.ts"],
  },
  {
    name: "redis-entry-of-any-length",
    says: "a verifier turns megabytes of an entry into text and runs them through the chain",
    file: "packages/revocation/src/redis/read-entry.ts",
    edits: [["if (isOutOfBounds(fields)) throw", "if (id === '' && isOutOfBounds(fields)) throw"]],
    tests: ["apps/auth-server/test/redis/redis-feed.test.ts"],
  },
  {
    name: "redis-eviction-unseen",
    says: "plain keys that Redis evicted never come back, and whoever reads them takes revoked tokens",
    file: "apps/auth-server/src/redis/plain-keys.ts",
    edits: [["if (missing > 0) await", "if (missing < 0) await"]],
    tests: ["apps/auth-server/test/redis/plain-keys.test.ts"],
  },
];

/**
 * Behaviour that is wrong on purpose, put in through ports and wrappers. A simulation that does not notice one of
 * these would not notice the same mistake in the code either.
 */
import type { Feed } from "@portcullis/revocation";
import type { Storage } from "../../apps/auth-server/src/storage/storage.ts";
import { believeHead } from "../redis/signed-heads.ts";
import type { Process } from "../world/process.ts";
import {
  HONEST,
  HONEST_SERVER,
  type Mutations,
  type ServerMutations,
  type VerifierParts,
} from "./mutations.ts";
import { ackBeforeApply, skippedPrevCheck, snapshotWithoutTail } from "./wrong-feeds.ts";
import { cachedAllow, freshnessFromHeartbeats, leaseFromReceipt, noClockCheck } from "./wrong-views.ts";

const wrongServer = (make: () => Partial<ServerMutations>): Mutations => ({
  ...HONEST,
  server: () => ({ ...HONEST_SERVER, ...make() }),
});

const wrongVerifier = (make: (feed: Feed, process: Process) => Partial<VerifierParts>): Mutations => ({
  ...HONEST,
  verifier: (feed, process) => ({ ...HONEST.verifier(feed, process), ...make(feed, process) }),
});

/** What a stale answer of `head-from-before` is old. */
const OLD_HEAD_MS = 300;
/** How long the disk takes that `answer-before-commit` does not wait for. */
const COMMIT_MS = 200;

export const MUTANTS: Readonly<Record<string, Mutations>> = {
  "ack-before-apply": wrongVerifier(ackBeforeApply),
  "lease-from-receipt": wrongVerifier(leaseFromReceipt),
  "freshness-from-heartbeats": wrongVerifier(freshnessFromHeartbeats),
  "skipped-prev-check": wrongVerifier(skippedPrevCheck),
  "snapshot-without-tail": wrongVerifier(snapshotWithoutTail),
  "cached-allow": wrongVerifier(cachedAllow),
  "no-clock-check": wrongVerifier(noClockCheck),
  "wall-clock-lease": wrongVerifier((_, { clock }) => ({
    clock: { wallMs: clock.wallMs, monotonicMs: clock.wallMs },
  })),
  "receipts-ignore-laggards": wrongServer(() => ({
    leasesForReceipts: (table) => changed(table, { laggardsOf: () => [] }),
  })),
  "leases-forgotten-at-restart": wrongServer(() => ({
    leaseTable: (table) => changed(table, { presume: () => undefined }),
  })),
  "answer-before-commit": wrongServer(() => ({ storage: answersBeforeCommit })),
  "head-from-before": wrongServer(headFromBefore),
};

/** With a Redis to which somebody writes who lies. */
export const REDIS_MUTANTS: Readonly<Record<string, Mutations>> = {
  "redis-heads-believed": wrongVerifier(() => ({ verifyHead: believeHead })),
};

/** The same object but for some methods; the others run on the object itself, whose fields are private. */
function changed<Value extends object>(value: Value, methods: Partial<Value>): Value {
  return new Proxy(value, {
    get(target, name) {
      const found = Reflect.get(methods, name) ?? Reflect.get(target, name, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}

/** Says that it is on disk when only COMMIT is missing, which the disk takes its time for; a process that dies meanwhile never commits. */
function answersBeforeCommit(storage: Storage, process: Process): Storage {
  return {
    ...storage,
    write: (work) =>
      new Promise((resolve, reject) => {
        const unit: typeof work = async (transaction) => {
          const value = await work(transaction);
          // Not in the unit itself: revocations have no place in the log before, so that nobody could be told of one.
          transaction.atGroupEnd(async () => {
            resolve(value);
            await process.wait(COMMIT_MS);
            if (process.isDead) throw new Error("killed before COMMIT");
          });
          return value;
        };
        storage.write(unit).catch(reject);
      }),
  };
}

/** The head is sampled before the request is received, as a cache of it would. */
function headFromBefore(): Partial<ServerMutations> {
  const seen: { readonly at: number; readonly head: number }[] = [];
  return {
    leaseAnswer: (answer, receivedAt) => {
      seen.push({ at: receivedAt, head: answer.head });
      const old = seen.findLast(({ at }) => at < receivedAt - OLD_HEAD_MS);
      return old === undefined ? answer : { ...answer, head: old.head };
    },
  };
}

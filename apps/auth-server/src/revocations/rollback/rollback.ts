/**
 * What is done when the database has lost revocations that were committed: it was restored, or a copy took over that had
 * not everything. It is certain only if this issuer has itself signed a head that the log does not hold, or if this very
 * process has seen it. Then, in one transaction, the log becomes another one and everything that was issued is void.
 *
 * A token can carry any horizon up to the head that was lost, and a cutoff reaches only horizons below its own seq. So
 * cutoffs are appended until the log is past that head: a single one after the restored head would let through every
 * token that was issued later than that, among them those whose revocation was lost.
 *
 * Fails towards denial: a proof that comes twice, or to two servers at once, costs a second sign-in and nothing else.
 */

import type { AheadOfHead } from "@portcullis/feed-server";
import {
  type Clock,
  type DeclaredLoss,
  encodeBase64url,
  encodeIdentifier,
  hasCode,
  IDENTIFIER_BYTES,
  type Log,
  MODE_CODES,
  type SignedHeadClaims,
} from "@portcullis/protocol";
import { logError } from "../../storage/log/errors.ts";
import { setIncarnation } from "../../storage/log/log-state.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { RevocationDraft, WriteTransaction } from "../../storage/write-transaction.ts";
import type { EndBelow } from "../revoke/revoker.ts";
import type { RecognizedHead } from "./sign-head.ts";

export interface RollbackOptions {
  readonly storage: Pick<Storage, "log" | "read" | "write">;
  readonly endBelow: EndBelow;
  /** The claims of a head that this issuer has signed; undefined for everything else. */
  readonly recognizeHead: (jws: string) => Promise<RecognizedHead | undefined>;
  /** Whoever stole a signing key must not be able to sign everybody out with it once it is revoked. */
  readonly isKeyRevoked: (kid: string) => boolean;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly clock: Clock;
  readonly operatorLog: Log;
}

export interface Rollback {
  /** Of a verifier. What is not proved changes nothing. */
  judge(claim: AheadOfHead): Promise<void>;
  /** Whether this process has itself seen more than the database holds now; called now and then. */
  look(): Promise<void>;
  /**
   * For an operator who has restored the database by hand. `beyond` is a seq that the lost log did not reach; by default
   * ten thousand past the head.
   */
  declareLoss(declared: {
    readonly actor: string;
    readonly beyond?: number | undefined;
    readonly note?: string | undefined;
  }): Promise<DeclaredLoss>;
}

/** Committed, and in tokens perhaps, before anybody was sent it. */
const UNSEEN = 1000;
const BEYOND_RESTORED = 10_000;
const CUTOFFS_PER_TRANSACTION = 10_000;
const REASON = "possible_loss";

interface Loss {
  /** Of the log that is proved to have had more. */
  readonly incarnation: string;
  /** The newest seq that is known to be lost, or to have been in a horizon. */
  readonly lost: number;
  readonly how: string;
  readonly actor?: string;
  readonly note?: string | undefined;
}

export function createRollback(options: RollbackOptions): Rollback {
  const { storage, operatorLog } = options;
  const { log } = storage;
  let underWay: Promise<void> = Promise.resolve();
  /** Newest seq that this process has seen, of whichever incarnation. */
  let seen = log.head();
  /** What was seen of a log that is over, when another server has begun the next one: it may have known of less. */
  let left: Loss = { incarnation: log.incarnation, lost: -1, how: "seen_here" };
  log.subscribe((records) => {
    seen = Math.max(seen, records.at(-1)!.seq);
  });
  log.onIncarnation(() => {
    if (log.head() < seen) left = { ...left, lost: seen };
    // The log can also go on further than where it was left: what lay between was pruned.
    seen = Math.max(seen, log.head());
  });

  /** One after the other: the second of two that prove the same finds the log past it. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = underWay.then(work);
    underWay = done.catch(() => undefined);
    return done;
  }

  async function judge({ holder, applied, signedHead }: AheadOfHead): Promise<void> {
    if (signedHead === undefined) return;
    const claims = await options.recognizeHead(signedHead);
    if (claims === undefined || options.isKeyRevoked(claims.kid)) {
      operatorLog.warn({ event: "signed_head_refused", ...holder, applied, head: log.head() });
      return;
    }
    if (claims.seq <= log.head() && !(await isAstray(options, claims))) return;
    const lost = Math.max(claims.seq, log.head());
    await recover(options, { incarnation: claims.incarnation, lost, how: "signed_head" });
  }

  async function look(): Promise<void> {
    const { incarnation } = log;
    try {
      await log.refresh();
    } catch (error) {
      // Whatever else keeps it from asking, lease calls will say so.
      if (hasCode(error, "log_rolled_back"))
        await recover(options, { incarnation, lost: seen, how: "seen_here" });
    }
    if (log.head() <= left.lost) await bringPast(options, left);
  }

  return {
    judge: (claim) => inTurn(() => judge(claim)),
    look: () => inTurn(look),
    async declareLoss({ actor, note, beyond = log.head() + BEYOND_RESTORED }) {
      const declared = { incarnation: log.incarnation, lost: beyond, how: "declared", actor, note };
      await inTurn(() => recover(options, declared));
      return { incarnation: log.incarnation, head: log.head() };
    },
  };
}

/**
 * Whether the log has other records up to that seq than those that were signed, and tokens of that time may be good. It
 * may have been signed for the log before, and this one grown past it before anybody showed it.
 */
async function isAstray({ storage }: RollbackOptions, claims: SignedHeadClaims): Promise<boolean> {
  const { log, read } = storage;
  const row = await read
    .selectFrom("revocations")
    .select("chain")
    .where("seq", "=", claims.seq)
    .executeTakeFirst();
  // Pruned: what it could deny has expired.
  if (row === undefined || encodeBase64url(row.chain) === claims.chain) return false;
  return claims.incarnation === log.incarnation || (await newestCutoff(storage)) <= claims.seq;
}

/** Everything with a horizon below it is void. */
async function newestCutoff({ log, read }: RollbackOptions["storage"]): Promise<number> {
  const newest = await read
    .selectFrom("revocations")
    .select("seq")
    .where("key", "=", log.keySpace.keyOf("issuer", undefined))
    .where("mode", "=", MODE_CODES.kill)
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  return newest?.seq ?? 0;
}

/** Of a loss that was dealt with already, the log may still have to be brought past a head that is shown only now. */
async function recover(options: RollbackOptions, loss: Loss): Promise<void> {
  const { log } = options.storage;
  if (loss.incarnation === log.incarnation) await beginIncarnation(options, loss);
  await bringPast(options, loss);
}

async function bringPast({ storage, operatorLog }: RollbackOptions, loss: Loss): Promise<void> {
  const { log } = storage;
  while (log.head() <= loss.lost) {
    await storage.write(async ({ append }) => append(cutoffs(loss, log.head())));
    await log.reload();
  }
  const { note: _note, ...known } = loss;
  // Whoever declared it knows of it. What was found calls for somebody: everybody is signed out.
  const level = loss.how === "declared" ? "info" : "error";
  operatorLog[level]({ event: "log_rolled_back", ...known, to: log.incarnation, head: log.head() });
}

async function beginIncarnation(options: RollbackOptions, loss: Loss): Promise<void> {
  const { storage, randomBytes, clock } = options;
  const { log } = storage;
  const next = encodeIdentifier(randomBytes(IDENTIFIER_BYTES));
  // Its commit may be told as a failure: this process can be so far ahead of the database that it cannot follow it.
  const failure = await storage.write((transaction) => inNextIncarnation(transaction, next)).then(none, asIs);
  await log.reload();
  if (log.incarnation === loss.incarnation) throw failure ?? logError("temporarily_unavailable");

  async function inNextIncarnation(transaction: WriteTransaction, incarnation: string): Promise<void> {
    const { db, append, atGroupEnd } = transaction;
    const state = await db
      .selectFrom("revocation_state")
      .select(["incarnation", "head"])
      .executeTakeFirstOrThrow();
    // Another server was faster.
    if (state.incarnation !== loss.incarnation) return;
    // Sign-outs were lost too: their sessions are back.
    await options.endBelow(transaction, { scope: "issuer", key: undefined, mode: "kill", reason: REASON });
    append(cutoffs(loss, state.head));
    atGroupEnd(async (last) => {
      await setIncarnation(last, { incarnation, after: loss.incarnation, nowSeconds: wholeSeconds(clock) });
    });
  }
}

/** From the head on until one is past every horizon that can be about. Words only with the first: there are thousands. */
function cutoffs({ lost, how, actor = "portcullis", note }: Loss, head: number): RevocationDraft[] {
  const missing = Math.max(1, lost + UNSEEN + 1 - head);
  const draft: RevocationDraft = {
    scope: "issuer",
    mode: "kill",
    reason: REASON,
    key: undefined,
    actor,
  };
  const about = `The database lost revocations up to seq ${lost} (${how}).`;
  const others = Math.min(missing, CUTOFFS_PER_TRANSACTION) - 1;
  return [
    { ...draft, note: note === undefined ? about : `${about} ${note}` },
    ...Array.from({ length: others }, () => draft),
  ];
}

const none = (): undefined => undefined;
const asIs = (error: unknown): unknown => error;

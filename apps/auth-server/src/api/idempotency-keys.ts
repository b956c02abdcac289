/**
 * Calls that were made with an `Idempotency-Key`, in SQL: of two at once, at whatever servers, one is made. What was answered is kept
 * for a day, sealed under the caller's key, which is stored nowhere.
 *
 * Fails towards not acting: whoever cannot be told whether the call was made is told to come again.
 */
import { createHmac } from "node:crypto";
import type { Claim, Claimed, IdempotencyKeys, KeyedCall, StoredAnswer } from "@portcullis/http-api";
import type { Clock, Log } from "@portcullis/protocol";
import type { RandomBytes } from "../secrets/identifiers.ts";
import { seal, unseal } from "../secrets/seal.ts";
import { countDeleted } from "../storage/count-deleted.ts";
import type { PruneTime } from "../storage/pruning.ts";
import type { Storage } from "../storage/storage.ts";
import type { StoredTimes } from "../storage/stored-time.ts";
import type { IdempotencyKeysTable } from "../storage/tables/api.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { apiError } from "./errors.ts";

const KEPT_MS = 24 * 60 * 60 * 1000;
/** Longer than any call takes, its wait for a receipt included. After it whoever claimed the key has died. */
const CLAIM_MS = 120_000;
/** Of one caller, in a day. Beyond, calls go on without a key. */
export const MAX_KEYS_PER_CALLER = 20_000;

export interface IdempotencyKeysOptions {
  readonly storage: Pick<Storage, "write">;
  readonly clock: Clock;
  readonly times: StoredTimes;
  readonly randomBytes: RandomBytes;
  /** The same at every server. Without it nobody who reads the table can try out keys. */
  readonly secret: string;
  readonly operatorLog: Log;
  /** For tests: fewer. */
  readonly maxKeysPerCaller?: number;
}

export class SqlIdempotencyKeys implements IdempotencyKeys {
  readonly #options: IdempotencyKeysOptions;

  constructor(options: IdempotencyKeysOptions) {
    this.#options = options;
  }

  claim(call: Claimed): Promise<Claim> {
    return this.#options.storage.write((transaction) => this.#claim(transaction, call), {
      onBehalfOf: "client",
    });
  }

  async #claim(transaction: WriteTransaction, call: Claimed): Promise<Claim> {
    const { db, lockRows } = transaction;
    const row = this.#rowOf(call);
    const found = db.selectFrom("idempotency_keys").selectAll().where("key_hash", "=", row.key_hash);
    const existing = await lockRows(found).executeTakeFirst();
    if (existing === undefined) return this.#insert(transaction, row);
    const { times } = this.#options;
    const keptMs = existing.sealed === null ? CLAIM_MS : KEPT_MS;
    if (!times.isWithin(existing.claimed_at, keptMs)) {
      const { key_hash, ...change } = row;
      await db.updateTable("idempotency_keys").set(change).where("key_hash", "=", key_hash).execute();
      return { state: "fresh" };
    }
    if (!Buffer.from(existing.fingerprint).equals(row.fingerprint)) return { state: "conflict" };
    if (existing.sealed === null) return { state: "in_progress" };
    return { state: "replay", answer: JSON.parse(unseal(this.#secretOf(call), existing.sealed)) };
  }

  /** Another server may have put it there since: the second is told that it is being made. */
  async #insert(transaction: WriteTransaction, row: IdempotencyKeysTable): Promise<Claim> {
    await this.#makeSure(transaction, row.caller_hash);
    const { numInsertedOrUpdatedRows } = await transaction.db
      .insertInto("idempotency_keys")
      .values(row)
      .onConflict((conflict) => conflict.column("key_hash").doNothing())
      .executeTakeFirstOrThrow();
    return { state: numInsertedOrUpdatedRows === 1n ? "fresh" : "in_progress" };
  }

  /** Throws `too_many_idempotency_keys`: to forget an older one would let its call be made twice. */
  async #makeSure({ db }: WriteTransaction, callerHash: Uint8Array): Promise<void> {
    const { maxKeysPerCaller = MAX_KEYS_PER_CALLER } = this.#options;
    const beyond = await db
      .selectFrom("idempotency_keys")
      .select("key_hash")
      .where("caller_hash", "=", callerHash)
      .offset(maxKeysPerCaller - 1)
      .limit(1)
      .executeTakeFirst();
    if (beyond !== undefined) throw apiError("too_many_idempotency_keys");
  }

  async complete(call: KeyedCall, answer: StoredAnswer): Promise<void> {
    const sealed = seal(this.#secretOf(call), JSON.stringify(answer), this.#options.randomBytes);
    await this.#settle((transaction) =>
      transaction.db
        .updateTable("idempotency_keys")
        .set({ sealed })
        .where("key_hash", "=", this.#hash("key", call.callerId, call.key))
        .execute(),
    );
  }

  async release(call: KeyedCall): Promise<void> {
    await this.#settle((transaction) =>
      transaction.db
        .deleteFrom("idempotency_keys")
        .where("key_hash", "=", this.#hash("key", call.callerId, call.key))
        .where("sealed", "is", null)
        .execute(),
    );
  }

  /** The call was made, or refused, whatever becomes of this: who repeats it meanwhile is told to come again. */
  async #settle(work: (transaction: WriteTransaction) => Promise<unknown>): Promise<void> {
    const { storage, operatorLog } = this.#options;
    try {
      await storage.write(work);
    } catch (error) {
      operatorLog.warn({ event: "idempotency_key_not_settled", error });
    }
  }

  /** A step of pruning: what no server would look at any more. */
  readonly prune = async ({ db }: WriteTransaction, limit: number, time: PruneTime): Promise<number> => {
    const over = time.overForAllMs - KEPT_MS;
    const old = db
      .selectFrom("idempotency_keys")
      .select("key_hash")
      .where("claimed_at", "<=", over)
      .limit(limit);
    return countDeleted(db.deleteFrom("idempotency_keys").where("key_hash", "in", old));
  };

  #rowOf({ callerId, key, fingerprint }: Claimed): IdempotencyKeysTable {
    return {
      key_hash: this.#hash("key", callerId, key),
      caller_hash: this.#hash("caller", callerId),
      fingerprint: this.#hash("fingerprint", callerId, key, Buffer.from(fingerprint).toString("hex")),
      claimed_at: this.#options.clock.wallMs(),
      sealed: null,
    };
  }

  #secretOf({ callerId, key }: KeyedCall): string {
    return Buffer.from(this.#hash("answer", callerId, key)).toString("base64url");
  }

  #hash(purpose: string, ...parts: readonly string[]): Buffer {
    const text = JSON.stringify(["portcullis idempotency key v1", purpose, ...parts]);
    return createHmac("sha256", this.#options.secret).update(text).digest();
  }
}

import { keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import { type Clock, type Log, type SuspendedVerifier, wallSecondsOf } from "@portcullis/protocol";
import type { Storage } from "../../storage/storage.ts";

interface SuspendedVerifiersOptions {
  readonly storage: Pick<Storage, "read" | "write">;
  readonly clock: Pick<Clock, "wallMs">;
  readonly operatorLog: Pick<Log, "warn">;
}

interface Suspending {
  readonly actor: string;
  readonly note?: string | undefined;
}

/**
 * Verifiers that an operator gives no lease. Kept in SQL and, for lease calls, in memory: what another server's operator
 * said counts here a second later. While SQL cannot be read, what was read last holds.
 */
export class SuspendedVerifiers {
  readonly #options: SuspendedVerifiersOptions;
  #known = new Map<string, SuspendedVerifier>();

  static async open(options: SuspendedVerifiersOptions): Promise<SuspendedVerifiers> {
    const suspended = new SuspendedVerifiers(options);
    await suspended.#read();
    return suspended;
  }

  private constructor(options: SuspendedVerifiersOptions) {
    this.#options = options;
  }

  has(holder: LeaseHolder): boolean {
    return this.#known.has(keyOfLeaseHolder(holder));
  }

  list(): SuspendedVerifier[] {
    return [...this.#known.values()];
  }

  /** Returns whether it was not suspended before. */
  async suspend(holder: LeaseHolder, { actor, note }: Suspending): Promise<boolean> {
    const row = {
      client_id: holder.clientId,
      name: holder.name,
      suspended_at: Math.floor(wallSecondsOf(this.#options.clock)),
      suspended_by: actor,
      note: note ?? null,
    };
    const changed = await this.#options.storage.write(async ({ db }) => {
      const inserted = await db
        .insertInto("suspended_verifiers")
        .values(row)
        .onConflict((conflict) => conflict.columns(["client_id", "name"]).doNothing())
        .executeTakeFirst();
      return Number(inserted.numInsertedOrUpdatedRows ?? 0) > 0;
    });
    await this.#read();
    if (changed) this.#options.operatorLog.warn({ event: "verifier_suspended", ...holder, actor });
    return changed;
  }

  /** Returns whether it was suspended. */
  async resume(holder: LeaseHolder, { actor }: Suspending): Promise<boolean> {
    const changed = await this.#options.storage.write(async ({ db }) => {
      const deleted = await db
        .deleteFrom("suspended_verifiers")
        .where("client_id", "=", holder.clientId)
        .where("name", "=", holder.name)
        .executeTakeFirst();
      return Number(deleted.numDeletedRows) > 0;
    });
    await this.#read();
    if (changed) this.#options.operatorLog.warn({ event: "verifier_resumed", ...holder, actor });
    return changed;
  }

  /** Called each second. Never rejects. */
  async refresh(): Promise<void> {
    await this.#read().catch(() => undefined);
  }

  async #read(): Promise<void> {
    const rows = await this.#options.storage.read.selectFrom("suspended_verifiers").selectAll().execute();
    const listed = rows.map(({ client_id: clientId, name, suspended_at, suspended_by, note }) => ({
      name,
      clientId,
      suspendedAt: new Date(suspended_at * 1000).toISOString(),
      suspendedBy: suspended_by,
      note,
    }));
    this.#known = new Map(listed.map((verifier) => [keyOfLeaseHolder(verifier), verifier]));
  }
}

/**
 * Takes away what bulk endings have ended: a little at a time, so that everybody else gets their turn between. It is dead from the
 * ending's commit on (sessions/bulk-endings.ts), so nothing depends on how soon this is done. What a killed server leaves is
 * taken up by the next that starts, or by the regular tidying of any.
 */
import type { Clock, Log } from "@portcullis/protocol";
import type { Dialect } from "../../storage/database.ts";
import type { Storage } from "../../storage/storage.ts";
import type { BulkEndingsTable } from "../../storage/tables/oidc.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { clearGrants } from "../state/clear-grants.ts";
import { lockAll, lockAppSessionsAbove } from "../state/lock-parents.ts";
import { type ForgettingStep, forgettingSteps } from "./forget-api.ts";
import { lineageIn } from "./lineage.ts";

/** Some ten milliseconds, with all that hangs below them. */
const GRANTS_PER_STEP = 40;
const SESSIONS_PER_STEP = 20;

export interface ClearEndingsOptions {
  readonly storage: Pick<Storage, "read" | "write" | "dialect" | "writeBack">;
  readonly clock: Clock;
  readonly operatorLog: Log;
}

export class ClearEndings {
  readonly #options: ClearEndingsOptions;
  #running: Promise<void> | undefined;
  #isAsked = false;
  #isClosed = false;

  constructor(options: ClearEndingsOptions) {
    this.#options = options;
  }

  clearSoon(): void {
    const { operatorLog } = this.#options;
    void this.clear().catch((error: unknown) => operatorLog.warn({ event: "endings_not_cleared", error }));
  }

  /** Resolves once nothing is left of any bulk ending that was committed before the call. Rejects when the store does. */
  clear(): Promise<void> {
    this.#isAsked = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** What is left then is taken up when a server starts. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    while (this.#isAsked && !this.#isClosed) {
      this.#isAsked = false;
      const endings = await this.#options.storage.read.selectFrom("oidc_bulk_endings").selectAll().execute();
      for (const ending of endings) await this.#clearOne(ending);
    }
  }

  async #clearOne(ending: BulkEndingsTable): Promise<void> {
    const { storage, operatorLog } = this.#options;
    let cleared = 0;
    for (const step of STEPS[ending.scope](storage.dialect)) cleared += await this.#repeat(step, ending);
    if (this.#isClosed) return;
    await storage.write((transaction) => forget(transaction, ending));
    const { scope, key } = ending;
    operatorLog.info({ event: "ending_cleared", scope, ...(key === "" ? {} : { key }), rows: cleared });
  }

  /** Where a step begins is where the one before it ended, and not where one was that another server undid. */
  async #repeat(step: Step, ending: BulkEndingsTable): Promise<number> {
    const { storage, clock } = this.#options;
    let cleared = 0;
    let after = "";
    while (!this.#isClosed) {
      const from = { ...ending, after };
      const ids = await storage.write((transaction) => step(transaction, from, clock));
      await storage.writeBack?.();
      if (ids.length === 0) break;
      cleared += ids.length;
      after = ids.at(-1)!;
    }
    return cleared;
  }
}

interface From extends BulkEndingsTable {
  /** Id of the last row that was seen. */
  readonly after: string;
}

/** Gives the ids of the rows that it found, in its order. */
type Step = (transaction: WriteTransaction, from: From, clock: Clock) => Promise<readonly string[]>;

/** Ended sessions stay, and there may be as many: it goes on behind those that it has seen. */
const clearSessions: Step = async (transaction, { seq, after }, clock) => {
  const rows = await transaction.db
    .selectFrom("oidc_sessions")
    .select("uid")
    .where("uid", ">", after)
    .where("ended_at", "is", null)
    .where("horizon", "<", seq)
    .orderBy("uid")
    .limit(SESSIONS_PER_STEP)
    .execute();
  const uids = rows.map(({ uid }) => uid);
  if (uids.length > 0) await lineageIn(transaction, clock, seq).endSessions(uids);
  return uids;
};

/** Whichever come first: those that were found are gone. */
const clearSomeGrants: Step = async (transaction, { scope, key, seq }, clock) => {
  const { db } = transaction;
  const rows = await db
    .selectFrom("oidc_grants")
    .select("id")
    .where("horizon", "<", seq)
    .$if(scope === "client", (query) => query.where("client_id", "=", key))
    .limit(GRANTS_PER_STEP)
    .execute();
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return ids;
  await lockAppSessionsAbove(transaction, ids);
  await lockAll(transaction, db.selectFrom("oidc_grants").select("id").where("id", "in", ids).orderBy("id"));
  await clearGrants(transaction, ids, { clock, seq });
  return ids;
};

const forgettingApi = ({ next, forget }: ForgettingStep): Step => {
  return async (transaction, { key: identifier, after }) => {
    const ids = await next(transaction, after);
    const upTo = ids.at(-1);
    if (upTo !== undefined) await forget(transaction, { identifier, range: { after, upTo } });
    return ids;
  };
};

const STEPS: Readonly<Record<BulkEndingsTable["scope"], (dialect: Dialect) => readonly Step[]>> = {
  client: () => [clearSomeGrants],
  issuer: () => [clearSessions, clearSomeGrants],
  audience: (dialect) => forgettingSteps(dialect).map(forgettingApi),
};

/** Unless it has ended once more meanwhile. */
async function forget({ db }: WriteTransaction, { scope, key, seq }: BulkEndingsTable): Promise<void> {
  await db
    .deleteFrom("oidc_bulk_endings")
    .where("scope", "=", scope)
    .where("key", "=", key)
    .where("seq", "=", seq)
    .execute();
}

/** What an operator sees and does of deliveries, and how long they stay. */
import type { Clock, DeliveryState } from "@portcullis/protocol";
import { countDeleted } from "../storage/count-deleted.ts";
import type { PruneTime } from "../storage/pruning.ts";
import type { Storage } from "../storage/storage.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import type { Delivery } from "./delivery.ts";
import { outboxError } from "./errors.ts";
import type { Outbox } from "./outbox.ts";

const HOUR_MS = 60 * 60 * 1000;
/** For receipts that are asked for later. */
const KEPT_MS = 24 * HOUR_MS;
/** Nobody has looked for a month: nobody will. */
const DEAD_KEPT_MS = 30 * 24 * HOUR_MS;

export interface DeliveriesOptions {
  readonly storage: Pick<Storage, "read" | "write">;
  readonly clock: Clock;
  readonly outbox: Pick<Outbox, "wake">;
}

export interface DeliveryFilter {
  readonly state: DeliveryState;
  readonly recipient?: string | undefined;
}

export class Deliveries {
  readonly #options: DeliveriesOptions;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** A page, by id. */
  async list(filter: DeliveryFilter, after: string | undefined, limit: number): Promise<Delivery[]> {
    const some = this.#some(filter).selectAll().orderBy("id").limit(limit);
    return (after === undefined ? some : some.where("id", ">", after)).execute();
  }

  async count(filter: DeliveryFilter): Promise<number> {
    const query = this.#some(filter).select((eb) => eb.fn.countAll<number>().as("number"));
    return Number((await query.executeTakeFirstOrThrow()).number);
  }

  #some({ state, recipient }: DeliveryFilter) {
    const some = this.#options.storage.read.selectFrom("outbox").where("state", "=", state);
    return recipient === undefined ? some : some.where("recipient", "=", recipient);
  }

  /** Tries it again, as often as one that is new. Throws `unknown_delivery` and `delivery_not_dead`. */
  async replay(id: string): Promise<Delivery> {
    const { storage, clock, outbox } = this.#options;
    const delivery = await storage.write(async (transaction) => {
      const { state } = await lock(transaction, id);
      if (state !== "dead") throw notDead(id, state);
      const change = { state: "pending", attempts: 0, next_at: clock.wallMs(), settled_at: null } as const;
      return update(transaction, id, change);
    });
    outbox.wake();
    return delivery;
  }

  /** It is not tried any more. Throws `unknown_delivery` and `delivery_over`. */
  drop(id: string): Promise<Delivery> {
    const { storage, clock } = this.#options;
    return storage.write(async (transaction) => {
      const { state } = await lock(transaction, id);
      if (state !== "dead" && state !== "pending") throw isOver(id, state);
      // Whoever is trying it may go on, and finds that it is nobody's.
      return update(transaction, id, { state: "dropped", claim: null, settled_at: clock.wallMs() });
    });
  }

  /** For the regular tidying. Gives how many it found. */
  readonly prune = async ({ db }: WriteTransaction, limit: number, time: PruneTime): Promise<number> => {
    const over = time.overForAllMs;
    const old = db
      .selectFrom("outbox")
      .select("id")
      .where("settled_at", "<=", over - KEPT_MS)
      .where((eb) => eb.or([eb("state", "!=", "dead"), eb("settled_at", "<=", over - DEAD_KEPT_MS)]))
      .limit(limit);
    return countDeleted(db.deleteFrom("outbox").where("id", "in", old));
  };
}

async function lock({ db, lockRows }: WriteTransaction, id: string): Promise<Delivery> {
  const row = await lockRows(db.selectFrom("outbox").selectAll().where("id", "=", id)).executeTakeFirst();
  if (row !== undefined) return row;
  throw outboxError("unknown_delivery", {
    text: `Found ${JSON.stringify(id)}, and there is no such delivery here. Nothing was changed.`,
  });
}

const update = (
  { db }: WriteTransaction,
  id: string,
  change: Partial<Pick<Delivery, "state" | "attempts" | "next_at" | "claim" | "settled_at">>,
): Promise<Delivery> =>
  db.updateTable("outbox").set(change).where("id", "=", id).returningAll().executeTakeFirstOrThrow();

const notDead = (id: string, state: Delivery["state"]) =>
  outboxError("delivery_not_dead", {
    text: `The delivery ${id} is ${state}: only one that is dead can be tried again. Nothing was changed.`,
  });

const isOver = (id: string, state: Delivery["state"]) =>
  outboxError("delivery_over", { text: `The delivery ${id} is ${state}: there is nothing to drop.` });

/** How many are to be tried, and how many are dead: for metrics. */
export async function waitingDeliveries(
  read: Storage["read"],
): Promise<{ readonly labels: { readonly state: string }; readonly value: number }[]> {
  const rows = await read
    .selectFrom("outbox")
    .select((eb) => ["state", eb.fn.countAll<number>().as("number")])
    .where("state", "in", [...WAITING])
    .groupBy("state")
    .execute();
  const counts = new Map(rows.map(({ state, number }) => [state, Number(number)]));
  return WAITING.map((state) => ({ labels: { state }, value: counts.get(state) ?? 0 }));
}

const WAITING = ["pending", "dead"] as const;

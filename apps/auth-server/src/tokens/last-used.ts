/**
 * When tokens for scripts were used last, without a write for each use: what is noted is gathered in memory, and stored together once a
 * minute and when the server closes. What is lost when it is killed is a date, and ends nothing.
 */
import type { Clock } from "@portcullis/protocol";
import { sql } from "kysely";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

/** A statement with more would hold up other writers. */
const TOKENS_PER_STEP = 200;
/** Tokens that are noted between two storings. Beyond, nothing more is noted until then. */
const MAX_NOTED = 20_000;

export interface TokenUse {
  /** Of whoever used it, if the verifier has said so. */
  readonly address: string | undefined;
  /** `client_id` of the verifier. */
  readonly via: string;
}

interface Noted extends TokenUse {
  readonly at: number;
}

export class LastUsed {
  readonly #storage: Pick<Storage, "write">;
  readonly #clock: Clock;
  #noted = new Map<string, Noted>();

  constructor({ storage, clock }: { readonly storage: Pick<Storage, "write">; readonly clock: Clock }) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** The token was used just now. */
  note(id: string, { address, via }: TokenUse): void {
    if (this.#noted.size >= MAX_NOTED && !this.#noted.has(id)) return;
    this.#noted.set(id, { at: wholeSeconds(this.#clock), address, via });
  }

  /** Stores all that was noted. What cannot be stored is kept for the next time. */
  async store(): Promise<void> {
    const noted = [...this.#noted].toSorted(([left], [right]) => (left < right ? -1 : 1));
    this.#noted = new Map();
    for (let at = 0; at < noted.length; at += TOKENS_PER_STEP) {
      try {
        const step = noted.slice(at, at + TOKENS_PER_STEP);
        await this.#storage.write((transaction) => storeUses(transaction, step));
      } catch (error) {
        this.#noted = new Map([...noted.slice(at), ...this.#noted]);
        throw error;
      }
    }
  }
}

/**
 * Locked in the order in which everybody locks: the statement itself has none. Of a user who was deleted since the token was used nothing is
 * stored: of that user nothing is kept.
 */
async function storeUses(
  { db, lockRows }: WriteTransaction,
  noted: readonly (readonly [id: string, use: Noted])[],
): Promise<void> {
  const ids = noted.map(([id]) => id);
  await lockRows(db.selectFrom("script_tokens").select("id").where("id", "in", ids).orderBy("id")).execute();
  const uses = sql.join(
    noted.map(
      ([id, { at, address, via }]) =>
        sql`(cast(${id} as text), cast(${at} as bigint), cast(${address ?? null} as text), cast(${via} as text))`,
    ),
  );
  const of = (column: string) =>
    sql`(select ${sql.ref(`used.${column}`)} from used where used.id = script_tokens.id)`;
  await sql`
    with used (id, at, address, via) as (values ${uses})
    update script_tokens
    set last_used_at = ${of("at")}, last_used_address = ${of("address")}, last_used_via = ${of("via")}
    where id in (select used.id from used)
      and (last_used_at is null or last_used_at < ${of("at")})
      and (kind <> 'personal' or exists (select 1 from users where users.id = script_tokens.owner_id))`.execute(
    db,
  );
}

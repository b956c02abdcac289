/**
 * One-time links by which the first administrator is made, while there is none. A link is as good as the whole server until then:
 * only its hash is kept, it ends by itself, and all of them are gone with the first that is used.
 */
import { type Clock, encodeBase64url } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import { hashOfSecret, type RandomBytes } from "../secrets/identifiers.ts";
import type { Database } from "../storage/database.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { activeAdministrators } from "./roles.ts";

const TOKEN_BYTES = 32;
const LIFE_SECONDS = 24 * 60 * 60;
/** Each start of each server makes one. */
const MAX_KEPT = 16;

export interface Invitation {
  readonly token: string;
  /** Seconds. */
  readonly expiresAt: number;
}

export interface InvitationsOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

export class Invitations {
  readonly #options: InvitationsOptions;

  constructor(options: InvitationsOptions) {
    this.#options = options;
  }

  /** Undefined when there is an administrator. Those of before stay: another server on the database may have shown one. */
  make(): Promise<Invitation | undefined> {
    const { storage, clock, randomBytes } = this.#options;
    const token = encodeBase64url(randomBytes(TOKEN_BYTES));
    return storage.write(async ({ db }) => {
      if (await hasAdministrator(db)) return undefined;
      const created_at = wholeSeconds(clock);
      const expires_at = created_at + LIFE_SECONDS;
      await keepNewest(db, created_at);
      await db
        .insertInto("admin_invitations")
        .values({ token_hash: hashOf(token), created_at, expires_at })
        .execute();
      return { token, expiresAt: expires_at };
    });
  }

  /** Whether the link would be accepted now. */
  async isGood(token: string): Promise<boolean> {
    const { storage, clock } = this.#options;
    const found = await good(storage.read, token, wholeSeconds(clock)).executeTakeFirst();
    return found !== undefined && !(await hasAdministrator(storage.read));
  }

  /**
   * Takes all links away, and gives whether this one was good. The rows are locked first: of two people with two links, the second
   * waits here, and finds none.
   */
  async spend({ db, lockRows }: WriteTransaction, token: string): Promise<boolean> {
    const all = db.selectFrom("admin_invitations").select("token_hash").orderBy("token_hash");
    await lockRows(all).execute();
    const found = await good(db, token, wholeSeconds(this.#options.clock)).executeTakeFirst();
    if (found === undefined || (await hasAdministrator(db))) return false;
    await db.deleteFrom("admin_invitations").execute();
    return true;
  }
}

export async function hasAdministrator(db: Kysely<Database>): Promise<boolean> {
  return (await activeAdministrators(db).limit(1).execute()).length > 0;
}

const good = (db: Kysely<Database>, token: string, now: number) =>
  db
    .selectFrom("admin_invitations")
    .select("token_hash")
    .where("token_hash", "=", hashOf(token))
    .where("expires_at", ">", now);

async function keepNewest(db: Kysely<Database>, now: number): Promise<void> {
  const newest = db
    .selectFrom("admin_invitations")
    .select("token_hash")
    .where("expires_at", ">", now)
    .orderBy("created_at", "desc")
    .orderBy("token_hash")
    .limit(MAX_KEPT - 1);
  await db.deleteFrom("admin_invitations").where("token_hash", "not in", newest).execute();
}

const hashOf = (token: string): Uint8Array => hashOfSecret("administrator invitation", token);

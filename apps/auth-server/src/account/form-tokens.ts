/** One-time tokens for the account page's forms: each is good once, in the session that it was made for. */
import { type Clock, encodeBase64url } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import { hashOfSecret, type RandomBytes } from "../secrets/identifiers.ts";
import type { Database } from "../storage/database.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { FormTokensTable } from "../storage/tables/account.ts";

const LIFE_SECONDS = 60 * 60;
const TOKEN_BYTES = 24;
/** Pages of one session that are open at once: loading it again and again must not fill the disk. */
const MAX_PER_SESSION = 32;

export class OneTimeFormTokens {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #randomBytes: RandomBytes;

  constructor(options: { storage: Storage; clock: Clock; randomBytes: RandomBytes }) {
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#randomBytes = options.randomBytes;
  }

  async make(sessionUid: string): Promise<string> {
    const token = encodeBase64url(this.#randomBytes(TOKEN_BYTES));
    const row = {
      token_hash: hashOf(token),
      session_uid: sessionUid,
      expires_at: wholeSeconds(this.#clock) + LIFE_SECONDS,
    };
    await this.#storage.write(async ({ db }) => {
      await db.insertInto("account_form_tokens").values(row).execute();
      await boundTokens(db, row);
    });
    return token;
  }

  /** Whether it was good; it is no more. One DELETE, so that a double click does a thing once. */
  spend(sessionUid: string, token: unknown): Promise<boolean> {
    if (typeof token !== "string") return Promise.resolve(false);
    return this.#storage.write(async ({ db }) => {
      const { numDeletedRows } = await db
        .deleteFrom("account_form_tokens")
        .where("token_hash", "=", hashOf(token))
        .where("session_uid", "=", sessionUid)
        .where("expires_at", ">", wholeSeconds(this.#clock))
        .executeTakeFirstOrThrow();
      return numDeletedRows === 1n;
    });
  }
}

/** The newest stay, the one just made among them. */
async function boundTokens(
  db: Kysely<Database>,
  { token_hash, session_uid }: FormTokensTable,
): Promise<void> {
  const newest = db
    .selectFrom("account_form_tokens")
    .select("token_hash")
    .where("session_uid", "=", session_uid)
    .where("token_hash", "!=", token_hash)
    .orderBy("expires_at", "desc")
    .orderBy("token_hash")
    .limit(MAX_PER_SESSION - 1);
  await db
    .deleteFrom("account_form_tokens")
    .where("session_uid", "=", session_uid)
    .where("token_hash", "!=", token_hash)
    .where("token_hash", "not in", newest)
    .execute();
}

const hashOf = (token: string): Uint8Array => hashOfSecret("account form", token);

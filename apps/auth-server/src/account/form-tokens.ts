/** One-time tokens for the account page's forms: each is good once, in the session that it was made for. */
import { encodeBase64url } from "@portcullis/protocol";
import { hashOfSecret, type RandomBytes } from "../oidc/identifiers.ts";
import type { Storage } from "../storage/storage.ts";

const LIFE_SECONDS = 60 * 60;
const TOKEN_BYTES = 24;

export class OneTimeFormTokens {
  readonly #storage: Storage;
  readonly #nowSeconds: () => number;
  readonly #randomBytes: RandomBytes;

  constructor(options: { storage: Storage; nowSeconds: () => number; randomBytes: RandomBytes }) {
    this.#storage = options.storage;
    this.#nowSeconds = options.nowSeconds;
    this.#randomBytes = options.randomBytes;
  }

  async make(sessionUid: string): Promise<string> {
    const token = encodeBase64url(this.#randomBytes(TOKEN_BYTES));
    const row = {
      token_hash: hashOf(token),
      session_uid: sessionUid,
      expires_at: this.#nowSeconds() + LIFE_SECONDS,
    };
    await this.#storage.write(async ({ db }) => {
      await db.insertInto("account_form_tokens").values(row).execute();
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
        .where("expires_at", ">", this.#nowSeconds())
        .executeTakeFirstOrThrow();
      return numDeletedRows === 1n;
    });
  }
}

const hashOf = (token: string): Uint8Array => hashOfSecret("account form", token);

/** Cookie keys: made at the first start, kept in the data file, which only its owner can read. */
import type { Clock } from "@portcullis/protocol";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { RandomBytes } from "./identifiers.ts";

const COOKIE_KEY_BYTES = 32;

export interface KeyOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** The first signs, all verify. */
export async function loadCookieKeys({ storage, clock, randomBytes }: KeyOptions): Promise<string[]> {
  const read = () =>
    storage.read.selectFrom("oidc_cookie_keys").select("secret").orderBy("id", "desc").execute();
  if ((await read()).length === 0) {
    const row = { id: 1, secret: randomBytes(COOKIE_KEY_BYTES), created_at: wholeSeconds(clock) };
    await storage.write(async ({ db }) => {
      await db
        .insertInto("oidc_cookie_keys")
        .values(row)
        .onConflict((conflict) => conflict.column("id").doNothing())
        .execute();
    });
  }
  return (await read()).map(({ secret }) => Buffer.from(secret).toString("base64url"));
}

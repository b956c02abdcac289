/** Signing and cookie keys: made at the first start, kept in the data file, which only its owner can read. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import type { Storage } from "../storage/storage.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import type { RandomBytes } from "./identifiers.ts";

export const SIGNING_ALGORITHM = "ES256";
const COOKIE_KEY_BYTES = 32;

export interface KeyOptions {
  readonly storage: Storage;
  readonly nowSeconds: () => number;
  readonly randomBytes: RandomBytes;
}

/** Private JWKs, the one to sign with first. */
export async function loadSigningKeys(options: KeyOptions): Promise<JWK[]> {
  const stored = await readSigningKeys(options);
  if (stored.length > 0) return stored;
  const made = await makeSigningKey();
  await options.storage.write(async (transaction) => {
    const { db } = transaction;
    await lockStart(transaction);
    if ((await db.selectFrom("oidc_signing_keys").select("kid").execute()).length > 0) return;
    const row = { kid: made.kid!, jwk: JSON.stringify(made), created_at: options.nowSeconds() };
    await db.insertInto("oidc_signing_keys").values(row).execute();
  });
  return readSigningKeys(options);
}

/** Servers that start at once on an empty database must come up with the same keys: the first makes them. */
async function lockStart({ db, lockRows }: WriteTransaction): Promise<void> {
  await lockRows(db.selectFrom("revocation_state").select("id")).execute();
}

async function readSigningKeys({ storage }: KeyOptions): Promise<JWK[]> {
  const rows = await storage.read
    .selectFrom("oidc_signing_keys")
    .select("jwk")
    .orderBy("created_at", "desc")
    .orderBy("kid")
    .execute();
  return rows.map(({ jwk }) => JSON.parse(jwk) as JWK);
}

async function makeSigningKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: SIGNING_ALGORITHM, use: "sig" };
}

/** What the JWKS endpoint shows. */
export function publicKeysOf(keys: readonly JWK[]): { keys: JWK[] } {
  return {
    keys: keys.map(({ kty, crv, x, y, kid, alg, use }) => ({ kty, crv, x, y, kid, alg, use }) as JWK),
  };
}

/** The first signs, all verify. */
export async function loadCookieKeys({ storage, nowSeconds, randomBytes }: KeyOptions): Promise<string[]> {
  const read = () =>
    storage.read.selectFrom("oidc_cookie_keys").select("secret").orderBy("id", "desc").execute();
  if ((await read()).length === 0) {
    const row = { id: 1, secret: randomBytes(COOKIE_KEY_BYTES), created_at: nowSeconds() };
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

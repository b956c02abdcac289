/**
 * Codes that were redeemed, remembered for as long as what was made from them can live: a replay at any later time ends
 * that (RFC 6749, section 4.1.2 and 10.5). The code's own row is gone a minute after it was made; what it gave lives for weeks.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { hashOfSecret } from "../../secrets/identifiers.ts";
import type { Storage } from "../../storage/storage.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

/** A browser that signs on silently all day makes some hundreds in two weeks. The oldest of more are forgotten. */
export const MAX_SPENT_CODES_PER_GRANT = 500;

/** In the transaction that spends it. */
export async function rememberSpentCode(
  { db }: WriteTransaction,
  idHash: Uint8Array,
  spentAt: number,
): Promise<void> {
  const code = await db
    .selectFrom("oidc_artefacts")
    .select(["grant_id", "client_id", "payload"])
    .where("id_hash", "=", idHash)
    .executeTakeFirstOrThrow();
  const { codeChallenge = NO_CHALLENGE } = JSON.parse(code.payload) as { codeChallenge?: string };
  const grant_id = code.grant_id!;
  await db
    .insertInto("oidc_spent_codes")
    .values({
      id_hash: idHash,
      grant_id,
      client_id: code.client_id!,
      code_challenge: codeChallenge,
      spent_at: spentAt,
    })
    .execute();
  const beyond = db
    .selectFrom("oidc_spent_codes")
    .select("id_hash")
    .where("grant_id", "=", grant_id)
    .where("id_hash", "!=", idHash)
    .orderBy("spent_at", "desc")
    .offset(MAX_SPENT_CODES_PER_GRANT - 1)
    .limit(MAX_SPENT_CODES_PER_GRANT);
  await db.deleteFrom("oidc_spent_codes").where("id_hash", "in", beyond).execute();
}

/** Of an app that goes without PKCE, whose secret alone says that it was it that redeemed the code. */
const NO_CHALLENGE = "";

export interface Redemption {
  readonly code: unknown;
  readonly verifier: unknown;
  readonly clientId: string;
}

/** The grant that a code was redeemed for, when this could redeem it but for its being spent. */
export async function grantOfReplay(
  { read }: Storage,
  { code, verifier, clientId }: Redemption,
): Promise<string | undefined> {
  if (typeof code !== "string") return undefined;
  const spent = await read
    .selectFrom("oidc_spent_codes")
    .select(["grant_id", "code_challenge"])
    .where("id_hash", "=", hashOfSecret("AuthorizationCode", code))
    .where("client_id", "=", clientId)
    .executeTakeFirst();
  return spent !== undefined && isRedeemer(spent.code_challenge, verifier) ? spent.grant_id : undefined;
}

function isRedeemer(challenge: string, verifier: unknown): boolean {
  if (challenge === NO_CHALLENGE) return verifier === undefined;
  if (typeof verifier !== "string") return false;
  const expected = Buffer.from(challenge, "base64url");
  const actual = createHash("sha256").update(verifier).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

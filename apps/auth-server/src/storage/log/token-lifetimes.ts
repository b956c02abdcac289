/**
 * The longest life that an access token which is out there may have: the highest setting
 * (`maxAccessTokenLifetimeSeconds`) that was in force when one was issued. A lower setting holds for new tokens at once, and
 * here only when the last of the old ones has expired: a revocation must outlive them too. Lifetimes below the setting may be
 * edited up and down, and nothing here changes.
 */
import { encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import { setIncarnation } from "./log-state.ts";
import { leewaySeconds, type RetentionClock } from "./retention-clock.ts";

export interface TokenLifetimeOptions {
  /** On the writing connection, before there is any other writer. */
  readonly write: Kysely<Database>;
  /** The setting, as configured now. */
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  readonly retention: RetentionClock;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** Notes the setting, and gives the longest that still counts. */
export async function settleTokenLifetime(options: TokenLifetimeOptions): Promise<number> {
  const { write, tokenLifetimeSeconds: seconds } = options;
  const longestBefore = await longest(write);
  await write
    .insertInto("token_lifetimes")
    .values({ seconds, until: null })
    .onConflict((conflict) => conflict.column("seconds").doUpdateSet({ until: null }))
    .execute();
  // Verifiers, and other servers, size their index by the lifetime: with a longer one they need to begin anew. After the
  // row, so that whoever finds the incarnation finds the lifetime.
  if (longestBefore !== undefined && seconds > longestBefore) await beginIncarnation(options);
  await retireOthers(options);
  return (await longest(write))!;
}

/**
 * Says again that tokens of this life are being issued: another server, with another life in its configuration, may have
 * taken this one for the past when it started.
 */
export async function keepTokenLifetime(
  write: Kysely<Database>,
  { seconds, until }: { readonly seconds: number; readonly until: number },
): Promise<void> {
  await write
    .insertInto("token_lifetimes")
    .values({ seconds, until })
    .onConflict((conflict) =>
      conflict.column("seconds").doUpdateSet({ until }).where("token_lifetimes.until", "<", until),
    )
    .execute();
}

async function retireOthers(options: TokenLifetimeOptions): Promise<void> {
  const { write, tokenLifetimeSeconds, clockSkewSeconds, retention } = options;
  const now = retention.latest();
  await write
    .updateTable("token_lifetimes")
    .set(({ eb }) => ({ until: eb("seconds", "+", now + leewaySeconds(clockSkewSeconds)) }))
    .where("seconds", "!=", tokenLifetimeSeconds)
    .where("until", "is", null)
    .execute();
  await write.deleteFrom("token_lifetimes").where("until", "<", retention.earliest()).execute();
}

async function longest(write: Kysely<Database>): Promise<number | undefined> {
  const row = await write
    .selectFrom("token_lifetimes")
    .select(({ fn }) => fn.max<number | null>("seconds").as("seconds"))
    .executeTakeFirst();
  return row?.seconds ?? undefined;
}

async function beginIncarnation({ write, randomBytes, retention }: TokenLifetimeOptions): Promise<void> {
  const incarnation = encodeIdentifier(randomBytes(IDENTIFIER_BYTES));
  await setIncarnation(write, { incarnation, nowSeconds: retention.latest() });
}

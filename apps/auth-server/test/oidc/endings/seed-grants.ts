/** Rows of a great many people who have signed in to one app, as they would have been left by that. */
import { createHash } from "node:crypto";
import type { Storage } from "../../../src/storage/storage.ts";

export interface Seed {
  readonly clientId: string;
  readonly grants: number;
  /** Of all; default: one for each. */
  readonly accountId?: string;
  readonly payload?: string;
}

const ROWS_PER_UNIT = 200;
const hash = (text: string) => createHash("sha256").update(text).digest();

/** A session, a grant and a refresh token each, and a consent of each user. */
export async function seedGrants(
  { write }: Pick<Storage, "write">,
  { clientId: client_id, grants, accountId, payload = "{}" }: Seed,
): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const expires_at = now + 1000;
  const idOf = (kind: string, at: number) => `${kind}-${client_id}-${at}`.padStart(22, "A");
  const rowsOf = (at: number) => {
    const account_id = accountId ?? `u${at}`;
    const [session_uid, grant_id] = [idOf("s", at), idOf("g", at)];
    const owner = { session_uid, account_id, client_id };
    const session = { uid: session_uid, account_id, payload: "{}", user_agent: null, ended_at: null };
    const times = { created_at: now, last_seen_at: now, auth_time: now, expires_at };
    const token = { id_hash: hash(grant_id), model: "RefreshToken", payload: "{}", consumed_at: null };
    const consent = { account_id, client_id, allowed: payload, created_at: now, changed_at: now };
    return {
      session: { ...session, ...times },
      grant: { id: grant_id, ...owner, payload, created_at: now },
      token: { ...token, grant_id, ...owner, expires_at },
      consent: { ...consent, expires_at: null },
    };
  };
  for (let from = 0; from < grants; from += ROWS_PER_UNIT) {
    const count = Math.min(ROWS_PER_UNIT, grants - from);
    const rows = Array.from({ length: count }, (_, at) => rowsOf(from + at));
    await write(async ({ db }) => {
      await db
        .insertInto("oidc_sessions")
        .values(rows.map(({ session }) => session))
        .execute();
      await db
        .insertInto("oidc_grants")
        .values(rows.map(({ grant }) => grant))
        .execute();
      await db
        .insertInto("oidc_artefacts")
        .values(rows.map(({ token }) => token))
        .execute();
      await db
        .insertInto("oidc_consents")
        .values(rows.map(({ consent }) => consent))
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    });
  }
}

/** Sends one logout token (OpenID Connect Back-Channel Logout 1.0, section 2.4 and 2.5), made for this try: it lives for two minutes. */
import type { Clock } from "@portcullis/protocol";
import { importJWK, SignJWT } from "jose";
import type { Kysely } from "kysely";
import { backchannelLogoutOf } from "../apps/backchannel-logout.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import { isOutgoingError, type Outgoing } from "../outgoing/index.ts";
import { newIdentifier, type RandomBytes } from "../secrets/identifiers.ts";
import type { Database } from "../storage/database.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { Delivery, Outcome, Send } from "./delivery.ts";

export interface LogoutTokenSenderOptions {
  readonly issuer: string;
  readonly read: Kysely<Database>;
  readonly ring: Pick<KeyRing, "refresh" | "signing">;
  readonly outgoing: Pick<Outgoing, "fetch">;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /**
   * Whether the app has come back into the very session: its user has signed in to it again. A token would end what the user has
   * now, since it names the session and not the time.
   */
  readonly isBack: (delivery: Pick<Delivery, "recipient" | "session_uid">) => Promise<boolean>;
}

const TOKEN_SECONDS = 120;
const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";

/** For the whole of a try, on the wire. */
export const ANSWER_TIMEOUT_MS = 5_000;
/** Of an answer, which is not read: a framework may send a page with its 200. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export function createLogoutTokenSender(options: LogoutTokenSenderOptions): Send {
  return async (delivery, signal) => {
    // As it is set now, and not as it was when the session ended: an operator may have mended the address since.
    const app = await backchannelLogoutOf(options.read, delivery.recipient);
    if (app === undefined) return { state: "unsupported" };
    if (await options.isBack(delivery)) return { state: "superseded" };
    await options.ring.refresh();
    const token = await signedToken(options, delivery, await options.ring.signing(app.algorithm));
    return post(options, { uri: app.uri, token, signal });
  };
}

async function signedToken(
  { issuer, clock, randomBytes }: LogoutTokenSenderOptions,
  { recipient, subject, session_uid: sid }: Delivery,
  key: Awaited<ReturnType<KeyRing["signing"]>>,
): Promise<string> {
  const issuedAt = wholeSeconds(clock);
  return new SignJWT({ events: { [LOGOUT_EVENT]: {} }, sid })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "logout+jwt" })
    .setIssuer(issuer)
    .setAudience(recipient)
    .setSubject(subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + TOKEN_SECONDS)
    .setJti(newIdentifier(randomBytes))
    .sign(await importJWK(key, key.alg));
}

interface Posting {
  readonly uri: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

async function post(
  { outgoing }: LogoutTokenSenderOptions,
  { uri, token, signal }: Posting,
): Promise<Outcome> {
  try {
    const { status } = await outgoing.fetch(uri, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ logout_token: token }).toString(),
      signal,
      timeoutMs: ANSWER_TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    });
    // Section 2.8. A redirect is no success either, and is not followed.
    return status === 200 || status === 204
      ? { state: "delivered" }
      : { state: "failed", error: `answered ${status}` };
  } catch (error) {
    signal.throwIfAborted();
    if (isOutgoingError(error)) return { state: "failed", error: `${error.code}: ${error.message}` };
    throw error;
  }
}

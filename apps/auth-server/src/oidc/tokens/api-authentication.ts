import { localKeySource } from "@portcullis/access-token";
import { createGuard, type Principal } from "@portcullis/guard";
import type { Authenticate, Caller } from "@portcullis/http-api";
import type { Clock } from "@portcullis/protocol";
import { decodeProtectedHeader, type JWK } from "jose";
import type { LocalRevocations } from "../../revocations/index.ts";

/** Who calls our own API: tokens of our own, for it as audience, checked as every verifier checks them. */
export function authenticateApi(options: {
  readonly issuer: string;
  readonly audience: string;
  /** As of `verifyOwnTokens`. */
  readonly keys: () => { keys: JWK[] };
  readonly local: LocalRevocations;
  /** Resolves once `local` counts what any server on the database has committed. */
  readonly catchUp: () => Promise<unknown>;
  readonly clock: Clock;
}): Authenticate {
  const guard = createGuard({
    issuer: options.issuer,
    audience: options.audience,
    keys: localKeySource(options.keys),
    revocations: options.local,
    clock: options.clock,
  });
  return async (request, scope) => {
    await options.catchUp();
    // From the list of all: Node would silently take the first of two.
    const authorization = request.raw.headersDistinct.authorization;
    const decision = await guard.authenticate(authorization, { scopes: [scope] });
    return decision.outcome === "allow"
      ? { caller: callerOf(decision.principal, authorization![0]!) }
      : { refusal: decision };
  };
}

/** With the key of the token, which has just been verified: a stream that it opens ends with the key. */
function callerOf({ clientId, expiresAt, claims }: Principal, authorization: string): Caller {
  const { kid } = decodeProtectedHeader(authorization.split(" ").at(-1)!);
  return { clientId, expiresAt, claims, header: kid === undefined ? {} : { kid } };
}

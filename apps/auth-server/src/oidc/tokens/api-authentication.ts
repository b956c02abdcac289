import { localKeySource } from "@portcullis/access-token";
import { type AllowDecision, createGuard, type DenyDecision, type Principal } from "@portcullis/guard";
import type { Authenticate, Caller, CallerRefusal } from "@portcullis/http-api";
import type { Clock } from "@portcullis/protocol";
import type { FastifyRequest } from "fastify";
import { decodeProtectedHeader, type JWK } from "jose";
import type { LocalRevocations } from "../../revocations/index.ts";
import { type OwnApiAccess, ownApiRefusal } from "./own-api-access.ts";

/** Who calls an API of our own: tokens of our own, for it as audience, checked as every verifier checks them. */
export function authenticateApi(options: {
  readonly issuer: string;
  readonly audience: string;
  /** As of `verifyOwnTokens`. */
  readonly keys: () => { keys: JWK[] };
  readonly local: LocalRevocations;
  /** Resolves once `local` counts what any server on the database has committed. */
  readonly catchUp: () => Promise<unknown>;
  readonly access: OwnApiAccess;
  readonly clock: Clock;
  readonly clientAddressOf: (request: FastifyRequest) => string;
}): Authenticate {
  const guard = createGuard({
    issuer: options.issuer,
    audience: options.audience,
    keys: localKeySource(options.keys),
    revocations: options.local,
    clock: options.clock,
  });
  const { audience } = options;
  return async (request, scope) => {
    await options.catchUp();
    // From the list of all: Node would silently take the first of two.
    const authorization = request.raw.headersDistinct.authorization;
    const decision = await guard.authenticate(authorization, { scopes: [scope] });
    if (decision.outcome !== "allow") return { refusal: decision };
    const caller: Caller = {
      ...callerOf(decision.principal, authorization![0]!),
      address: options.clientAddressOf(request),
    };
    // At each call: whoever may call no more may do nothing more, whatever becomes of the token.
    const refusal = await refusalOf(caller);
    if (refusal !== undefined) return { refusal };
    return {
      caller,
      async refusalNow() {
        await options.catchUp();
        return denialUnderWay(decision) ?? refusalOf(caller);
      },
    };

    async function refusalOf({ clientId, subject: accountId }: Caller): Promise<CallerRefusal | undefined> {
      const description = await ownApiRefusal(options.access, { clientId, accountId, audience });
      return description === undefined ? undefined : mayNotCall(scope, description);
    }
  };
}

/** As of every request under way: a revoked token ends it, one that merely expires does not. */
function denialUnderWay(decision: AllowDecision): DenyDecision | undefined {
  let denial: DenyDecision | undefined;
  const following = decision.follow({
    end(found) {
      denial = found;
    },
  });
  following.stands();
  following.stop();
  return denial;
}

/** RFC 6750, section 3.1. */
const mayNotCall = (scope: string, description: string): CallerRefusal => {
  const error = "insufficient_scope";
  const challenge = `Bearer error="${error}", error_description="${description}", scope="${scope}"`;
  return {
    status: 403,
    headers: { "www-authenticate": challenge },
    body: { error, error_description: description },
  };
};

/** With the key of the token, which has just been verified: a stream that it opens ends with the key. */
function callerOf(principal: Principal, authorization: string): Caller {
  const { clientId, expiresAt, claims } = principal;
  const { auth_time: signedInAt } = claims;
  const { kid } = decodeProtectedHeader(authorization.split(" ").at(-1)!);
  const header = kid === undefined ? {} : { kid };
  const at = signedInAt === undefined ? {} : { signedInAt };
  return { clientId, ...personIn(principal), ...at, expiresAt, claims, header };
}

/** A token of client credentials has no session, and the client as its subject (RFC 9068, section 2.2). */
const personIn = ({ subject, clientId, sessionId, grantId }: Principal): Pick<Caller, "subject"> =>
  subject === clientId && sessionId === undefined && grantId === undefined ? {} : { subject };

import { localKeySource } from "@portcullis/access-token";
import { createGuard } from "@portcullis/guard";
import type { JWK } from "jose";
import type { Authenticate, LocalRevocations } from "../revocations/index.ts";

/** Who calls our own API: tokens of our own, for it as audience, checked as every verifier checks them. */
export function authenticateApi(options: {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: { keys: JWK[] };
  readonly local: LocalRevocations;
  /** Resolves once `local` counts what any server on the database has committed. */
  readonly catchUp: () => Promise<unknown>;
  readonly nowSeconds: () => number;
}): Authenticate {
  const guard = createGuard({
    issuer: options.issuer,
    audience: options.audience,
    keys: localKeySource(options.keys),
    revocations: options.local,
    nowSeconds: options.nowSeconds,
  });
  return async (request, reply, scope) => {
    await options.catchUp();
    // From the list of all: Node would silently take the first of two.
    const authorization = request.raw.headersDistinct.authorization;
    const decision = await guard.authenticate(authorization, { scopes: [scope] });
    if (decision.outcome === "allow") return decision.principal;
    await reply.code(decision.status).headers(decision.headers).send(decision.body);
    return undefined;
  };
}

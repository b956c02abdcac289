import type { Decision, Guard } from "@portcullis/guard";
import { type Answer, denial } from "../answer.ts";
import type { Exchange, Step } from "../exchange.ts";

/**
 * Signature, or what the issuer says of an opaque token; times, issuer, audience, addresses, scopes, verdict and the route's freshness: one
 * question to the guard, which has its own table for them. Synchronous for a token seen before, so that the hot path makes no promise.
 */
export function authenticate(guard: Pick<Guard, "authenticate">): Step {
  return (exchange: Exchange) => {
    const route = exchange.route!;
    // Only a route that says `public: true` has no requirements; the configuration refuses any other.
    if (route.requirements === undefined) return undefined;
    const decision = guard.authenticate(exchange.authorization, route.requirements, exchange.peer);
    return decision instanceof Promise
      ? decision.then((settled) => admit(exchange, settled))
      : admit(exchange, decision);
  };
}

function admit(exchange: Exchange, decision: Decision): Answer | undefined {
  if (decision.outcome === "deny") return denial(decision);
  exchange.decision = decision;
  return undefined;
}

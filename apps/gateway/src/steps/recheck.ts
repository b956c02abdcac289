import { type Clock, wallSecondsOf } from "@portcullis/protocol";
import { type Answer, denial, refuse } from "../answer.ts";
import type { Exchange } from "../exchange.ts";

/**
 * The verdict, `exp` and freshness once more, right before the first byte of an answer: the service may have
 * taken seconds, or this process may have been stopped and woken. A token revoked meanwhile gets 401, and a
 * lease run out 503, instead of the service's answer. What the service did is done; what it said is not told.
 */
export function recheck(exchange: Exchange): Answer | undefined {
  const again = exchange.decision?.recheck();
  return again?.outcome === "deny" ? denial(again) : undefined;
}

/**
 * The same, right before the first byte of a request is written: it may have waited for its body, for its turn and for
 * a connection to open, while its token ended. Nor is a transaction token sent that has ended while a connection opened.
 */
export function lookBeforeSending(clock: Pick<Clock, "wallMs">): (exchange: Exchange) => Answer | undefined {
  return (exchange) => {
    const refused = recheck(exchange);
    if (refused !== undefined) return refused;
    return exchange.identityExpiresAt > wallSecondsOf(clock) ? undefined : refuse("upstream_timeout");
  };
}

import { TRANSACTION_TOKEN_HEADER } from "@portcullis/protocol";
import type { Exchange } from "../exchange.ts";
import type { TransactionTokens } from "../transaction-token/transaction-tokens.ts";

/**
 * Says who calls, to the service: a signed transaction token, and where the request came from. It runs when there is a
 * connection, so that a transaction token does not grow old in a queue, and after the client's own fields of these names
 * are gone, so that a service may rely on both. On a public route there is nobody to name, and the service gets no token.
 */
export function identify(tokens: Pick<TransactionTokens, "tokenFor">): (exchange: Exchange) => void {
  return (exchange: Exchange) => {
    const { forwarded, decision } = exchange;
    if (decision !== undefined) {
      const { token, expiresAt } = tokens.tokenFor(decision.principal, exchange.route!.name);
      exchange.identityExpiresAt = expiresAt;
      forwarded.push(TRANSACTION_TOKEN_HEADER, token);
    }
    forwarded.push("x-forwarded-for", exchange.peer.address);
    forwarded.push("x-forwarded-proto", "http", "x-forwarded-host", exchange.host);
  };
}

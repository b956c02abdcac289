import type { Exchange, Step } from "../../exchange.ts";
import { RequestBody } from "./request-body.ts";
import { type RelayOptions, ResponseRelay } from "./response-relay.ts";
import type { Upstreams } from "./upstreams.ts";

export interface ForwardOptions extends RelayOptions {
  readonly upstreams: Upstreams;
  readonly maxBodyBytes: number;
}

/** Sends the request on, once: whether the service has acted on a request that failed cannot be known from here. */
export function forward(options: ForwardOptions): Step {
  return (exchange: Exchange) => {
    const relay = new ResponseRelay(exchange, options);
    exchange.forwarding = relay;
    options.upstreams.of(exchange.route!).dispatch(
      {
        // As it came: exactly the bytes that were checked and matched.
        path: exchange.request.url!,
        method: exchange.request.method as "GET",
        headers: exchange.forwarded,
        body: exchange.hasBody ? openBody(exchange, options.maxBodyBytes) : null,
      },
      relay,
    );
    return undefined;
  };
}

function openBody(exchange: Exchange, maxBodyBytes: number): RequestBody {
  // Only now: a request that is refused never sends its body.
  if (exchange.expectsContinue) exchange.response.writeContinue();
  return new RequestBody(exchange.request, maxBodyBytes);
}

import type { Exchange, Step } from "../exchange.ts";
import { type ForwardOptions, ServiceCall } from "../upstreams/service-call.ts";

/** Sends the request on, once: whether the service has acted on a request that failed cannot be known from here. */
export function forward(options: ForwardOptions): Step {
  return (exchange: Exchange) => {
    const call = new ServiceCall(exchange, options);
    exchange.forwarding = call;
    return call.begin();
  };
}

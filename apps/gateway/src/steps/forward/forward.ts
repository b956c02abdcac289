import type { Exchange, Step } from "../../exchange.ts";
import type { CallBody } from "../../upstream/call.ts";
import type { Upstreams } from "../../upstream/upstreams.ts";
import { type RelayOptions, ResponseRelay } from "./response-relay.ts";

export interface ForwardOptions extends RelayOptions {
  readonly upstreams: Upstreams;
  readonly maxBodyBytes: number;
}

/** Sends the request on, once: whether the service has acted on a request that failed cannot be known from here. */
export function forward(options: ForwardOptions): Step {
  return (exchange: Exchange) => {
    const upstream = options.upstreams.of(exchange.route!);
    const relay = new ResponseRelay(exchange, options);
    exchange.forwarding = relay;
    const call = upstream.send({
      method: exchange.request.method!,
      head: requestHead(exchange, upstream.host),
      body: exchange.hasBody ? openBody(exchange, options.maxBodyBytes) : undefined,
      handler: relay,
    });
    relay.follow(call);
    return undefined;
  };
}

/** The target as it came: exactly the bytes that were checked and matched. */
function requestHead({ request, forwarded, hasBody, contentLength }: Exchange, host: string): string {
  let head = `${request.method} ${request.url} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (let at = 0; at < forwarded.length; at += 2) head += `${forwarded[at]}: ${forwarded[at + 1]}\r\n`;
  if (hasBody && contentLength === undefined) head += "transfer-encoding: chunked\r\n";
  return `${head}\r\n`;
}

function openBody(
  { request, response, expectsContinue, contentLength }: Exchange,
  maxBytes: number,
): CallBody {
  // Only now: a request that is refused never sends its body.
  if (expectsContinue) response.writeContinue();
  return { source: request, isChunked: contentLength === undefined, maxBytes };
}

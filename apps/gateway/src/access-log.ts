import type { Log, LogEvent } from "@portcullis/protocol";
import { CLIENT_LEFT, type Exchange } from "./exchange.ts";

/** One line a request, for those who want it. Never the query, a header or a body: credentials travel there. */
export function accessLogger(setting: "off" | "refused" | "all", log: Log): (exchange: Exchange) => void {
  if (setting === "off") return () => {};
  return (exchange) => {
    if (setting === "all" || exchange.refusal !== undefined) log.info(accessLine(exchange));
  };
}

function accessLine({ method, path, peer, route, decision, status, refusal }: Exchange): LogEvent {
  return {
    event: "request",
    client: peer.address,
    method,
    path: path.slice(0, 200),
    route: route?.name,
    // By this it is listed and ended. Nobody can make the token of it.
    token: decision?.principal.tokenId,
    status: status ?? CLIENT_LEFT,
    refusal,
  };
}

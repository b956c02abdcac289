import type { ServerResponse } from "node:http";

/**
 * Runs `listener` once nobody waits for the response any more: at once when the client left before. `close` is emitted once, and
 * whoever begins to listen after it, as after a question to the database, waits for ever. A request that was read from a connection which
 * had gone already has a response that is never told.
 */
export function whenClosed(response: ServerResponse, listener: () => void): void {
  if (response.closed || response.req.socket.destroyed) listener();
  else response.once("close", listener);
}

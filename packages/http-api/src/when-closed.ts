import type { ServerResponse } from "node:http";

/**
 * Runs `listener` once nobody waits for the response any more: at once when the client left before. `close` is emitted once, and
 * whoever begins to listen after it, as after a question to the database, waits for ever.
 */
export function whenClosed(response: ServerResponse, listener: () => void): void {
  if (response.closed) listener();
  else response.once("close", listener);
}

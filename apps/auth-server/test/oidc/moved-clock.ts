/**
 * Moves the whole clock of one server among several in this process: ours is passed in, the library reads `Date.now`.
 * What a request does runs in its own context, so that each server has its own time.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Server } from "node:http";

const moved = new AsyncLocalStorage<() => number>();
export const machineNowMs: () => number = Date.now.bind(Date);

/** From now on, whatever this server does for a request is done `movedMs` away from the machine's time. */
export function moveClockOf(server: Server, movedMs: () => number): void {
  Date.now = () => machineNowMs() + (moved.getStore()?.() ?? 0);
  const emit = server.emit.bind(server);
  server.emit = (event: string, ...rest: unknown[]) => moved.run(movedMs, () => emit(event, ...rest));
}

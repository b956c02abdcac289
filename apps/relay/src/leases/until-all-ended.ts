import type { LeaseTable, SetTimer } from "@portcullis/feed-server";

export interface UntilAllEndedOptions {
  readonly table: LeaseTable;
  readonly monotonicMs: () => number;
  readonly setTimer: SetTimer;
}

/** Resolves when every lease has been given back or has run out; none may be given meanwhile. */
export async function untilAllEnded({ table, monotonicMs, setTimer }: UntilAllEndedOptions): Promise<void> {
  for (;;) {
    const ends = table.laggardsOf(Number.POSITIVE_INFINITY).map(({ until }) => until);
    if (ends.length === 0) return;
    const leftMs = Math.max(1, Math.ceil(Math.max(...ends) - monotonicMs()));
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        unsubscribe();
        resolve();
      };
      const cancel = setTimer(done, leftMs);
      const unsubscribe = table.subscribe(({ type }) => type === "released" && done());
    });
  }
}

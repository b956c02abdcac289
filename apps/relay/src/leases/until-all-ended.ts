import type { LeaseTable } from "@portcullis/feed-server";
import type { Clock, SetTimer } from "@portcullis/protocol";

interface UntilAllEndedOptions {
  readonly table: LeaseTable;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
}

/** Resolves when every lease has been given back or has run out; none may be given meanwhile. */
export async function untilAllEnded({ table, clock, setTimer }: UntilAllEndedOptions): Promise<void> {
  for (;;) {
    const ends = table.laggardsOf(Number.POSITIVE_INFINITY).map(({ until }) => until);
    if (ends.length === 0) return;
    const leftMs = Math.max(1, Math.ceil(Math.max(...ends) - clock.monotonicMs()));
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

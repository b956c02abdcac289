import type { Clock, Log } from "@portcullis/protocol";
import { storageError } from "../errors.ts";
import type { Room, SpaceState } from "../space/room.ts";
import type { OnBehalfOf } from "../write-transaction.ts";

/** `disk_full`. */
const DISK_FULL = "53100";
/** Strangers are refused for so long after the database last said that its disk is full. */
const REFUSE_MS = 30_000;

/**
 * The disk is the database's, and cannot be looked at from here: what it says is all that is known. No reserve can be
 * kept there either, so what ends something is tried each time, and has the space that others leave.
 */
export class DatabaseRoom implements Room {
  readonly #operatorLog: Log;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #fullUntil = Number.NEGATIVE_INFINITY;
  #wasFull = false;

  constructor(options: { readonly operatorLog: Log; readonly clock: Pick<Clock, "monotonicMs"> }) {
    this.#operatorLog = options.operatorLog;
    this.#clock = options.clock;
  }

  get state(): SpaceState {
    const isFull = this.#clock.monotonicMs() < this.#fullUntil;
    if (this.#wasFull && !isFull) this.#operatorLog.info({ event: "storage_takes_all_again" });
    this.#wasFull = isFull;
    return isFull ? "low" : "ample";
  }

  admit(onBehalfOf: OnBehalfOf | undefined): void {
    if (onBehalfOf === "stranger" && this.state !== "ample") throw storageError("storage_full");
  }

  makeRoom(failure: unknown): boolean {
    if ((failure as { code?: unknown } | null)?.code !== DISK_FULL) return false;
    if (this.state === "ample") this.#operatorLog.error({ event: "storage_refuses_strangers" });
    this.#wasFull = true;
    this.#fullUntil = this.#clock.monotonicMs() + REFUSE_MS;
    return false;
  }

  close(): void {}
}

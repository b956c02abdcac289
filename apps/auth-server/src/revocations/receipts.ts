import type { Receipt } from "@portcullis/protocol";

export interface Receipts {
  /**
   * Which verifiers enforce the log up to `seq`. Answers as soon as all do, or must, and at the latest after
   * `waitMs` or when the signal aborts, with `pending` then.
   */
  wait(seq: number, waitMs: number, signal?: AbortSignal): Promise<Receipt>;
}

import type { Receipt } from "@portcullis/protocol";
import { ReceiptWait, type ReceiptWaitOptions, type Required } from "./receipt-wait.ts";

export interface ReceiptsOptions extends ReceiptWaitOptions {
  readonly head: () => number;
}

export interface Receipts {
  /**
   * Which verifiers enforce the log up to `seq`. Answers as soon as all do, or must, and at the latest after
   * `waitMs` or when the signal aborts, with `pending` then. A verifier is counted out only by its
   * acknowledgement, by giving its lease back, or by the end of its lease: never by silence. With `quorum` it answers
   * as soon as more than half of them have acknowledged, too.
   */
  wait(seq: number, waitMs: number, signal?: AbortSignal, require?: Required): Promise<Receipt>;
}

/** Receipts that wait; `close` answers all of them at once with what is known. */
export interface ClosableReceipts extends Receipts {
  close(): void;
}

export function createReceipts(options: ReceiptsOptions): ClosableReceipts {
  const closing = new AbortController();
  return {
    wait(seq, waitMs, signal, require = "all") {
      if (seq > options.head()) {
        throw new RangeError(`seq ${seq} is not committed: the head is ${options.head()}`);
      }
      const until = AbortSignal.any(signal === undefined ? [closing.signal] : [closing.signal, signal]);
      return new ReceiptWait(options, { seq, waitMs, require }).finish(until);
    },
    close: () => closing.abort(),
  };
}

import type { Receipt } from "@portcullis/protocol";
import { revocationsError } from "../errors.ts";
import { ReceiptWait, type ReceiptWaitOptions, type Required } from "./receipt-wait.ts";

export interface ReceiptsOptions extends ReceiptWaitOptions {
  readonly head: () => number;
  /** Reads what other servers have committed, and gives the head then. */
  readonly refresh: () => Promise<number>;
}

export interface Receipts {
  /**
   * Which verifiers enforce the log up to `seq`. Answers as soon as all do, or must, and at the latest after
   * `waitMs` or when the signal aborts, with `pending` then. A verifier is counted out only by its
   * acknowledgement, by giving its lease back, or by the end of its lease: never by silence. With `quorum` it answers
   * as soon as more than half of them have acknowledged, too. Another server may have committed `seq`: then it is read
   * first. Rejects with `revocation_not_found` when nobody has.
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
    async wait(seq, waitMs, signal, require = "all") {
      if (seq > options.head() && seq > (await options.refresh())) throw notCommitted(seq, options.head());
      const until = AbortSignal.any(signal === undefined ? [closing.signal] : [closing.signal, signal]);
      return new ReceiptWait(options, { seq, waitMs, require }).finish(until);
    },
    close: () => closing.abort(),
  };
}

function notCommitted(seq: number, head: number) {
  const text = `There is no revocation ${seq}: the newest is ${head}.`;
  return revocationsError("revocation_not_found", { text });
}

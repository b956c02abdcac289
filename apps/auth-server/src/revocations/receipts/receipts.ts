import type { Receipt, RecipientLine } from "@portcullis/protocol";
import { revocationsError } from "../errors.ts";
import { ReceiptWait, type ReceiptWaitOptions, type Required } from "./receipt-wait.ts";

export interface ReceiptsOptions extends ReceiptWaitOptions {
  readonly head: () => number;
  /** Reads what other servers have committed, and gives the head then. */
  readonly refresh: () => Promise<number>;
  /** Who is told of it besides, once each was tried or so long has passed. Default: nobody. */
  readonly recipientsOf?: RecipientsOf | undefined;
}

export type RecipientsOf = (
  seq: number,
  waitMs: number,
  signal: AbortSignal,
) => Promise<readonly RecipientLine[]>;

export interface Receipts {
  /**
   * Which verifiers enforce the log up to `seq`. Answers as soon as all do, or must, and at the latest after
   * `waitMs` or when the signal aborts, with `pending` then. A verifier is counted out only by its
   * acknowledgement, by giving its lease back, or by the end of its lease: never by silence. With `quorum` it answers
   * as soon as more than half of them have acknowledged, too. Another server may have committed `seq`: then it is read
   * first. Rejects with `revocation_not_found` when nobody has.
   */
  wait(seq: number, waitMs: number, signal?: AbortSignal, require?: Required): Promise<Receipt>;
  /**
   * As `wait`, with the apps that are told of it. What is left of the time then is theirs, until each was tried once; `state` is about
   * verifiers alone.
   */
  waitForRecipients(seq: number, waitMs: number, signal?: AbortSignal, require?: Required): Promise<Receipt>;
}

/** Receipts that wait; `close` answers all of them at once with what is known. */
export interface ClosableReceipts extends Receipts {
  close(): void;
}

export function createReceipts(options: ReceiptsOptions): ClosableReceipts {
  const { clock, recipientsOf } = options;
  const closing = new AbortController();
  const untilGone = (signal: AbortSignal | undefined) =>
    AbortSignal.any(signal === undefined ? [closing.signal] : [closing.signal, signal]);
  const wait: Receipts["wait"] = async (seq, waitMs, signal, require = "all") => {
    if (seq > options.head() && seq > (await options.refresh())) throw notCommitted(seq, options.head());
    return new ReceiptWait(options, { seq, waitMs, require }).finish(untilGone(signal));
  };
  return {
    wait,
    async waitForRecipients(seq, waitMs, signal, require) {
      const until = clock.monotonicMs() + waitMs;
      const receipt = await wait(seq, waitMs, signal, require);
      const leftMs = Math.max(0, until - clock.monotonicMs());
      const recipients = await recipientsOf?.(seq, leftMs, untilGone(signal));
      return recipients === undefined || recipients.length === 0
        ? receipt
        : { ...receipt, recipients: [...recipients] };
    },
    close: () => closing.abort(),
  };
}

function notCommitted(seq: number, head: number) {
  const text = `There is no revocation ${seq}: the newest is ${head}.`;
  return revocationsError("revocation_not_found", { text });
}

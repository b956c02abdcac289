import { FeedHub, HeadSigner } from "@portcullis/feed-server";
import { type Clock, type SetTimer, silentLog } from "@portcullis/protocol";
import type { AppliedChange, CheckedSnapshot } from "@portcullis/revocation";
import { relayError } from "../errors.ts";
import { PassedSnapshot } from "./passed-snapshot.ts";
import { RelayLog } from "./relay-log.ts";

interface ServedCopyOptions {
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  /** From above, checked. */
  readonly fetchSnapshot: (signal: AbortSignal) => Promise<CheckedSnapshot>;
  /** What was served so far is not what is served now: in the turn in which that is so. */
  readonly onReplaced: () => void;
}

interface Copy {
  readonly log: RelayLog;
  readonly hub: FeedHub;
  readonly snapshots: PassedSnapshot;
}

/**
 * The copy of the log that is served. With every snapshot that the replica takes it begins anew, and all streams are
 * cut: their verifiers come back with their cursors, and the new copy says whether they can go on from there.
 */
export class ServedCopy {
  readonly #options: ServedCopyOptions;
  #current: Copy | undefined;

  constructor(options: ServedCopyOptions) {
    this.#options = options;
  }

  /** Undefined before the first snapshot. */
  get current(): Copy | undefined {
    return this.#current;
  }

  /** The replica's `onApplied`: what is served was checked and is in our own index. */
  readonly apply = (change: AppliedChange): void => {
    if (change.type === "batch") {
      this.#current!.log.append(change.batch);
      this.#current!.snapshots.adoptNext();
      return;
    }
    this.close();
    this.#current = this.#beginWith(change);
    this.#options.onReplaced();
  };

  close(): void {
    this.#current?.hub.close();
    this.#current?.snapshots.close();
  }

  #beginWith(change: Extract<AppliedChange, { type: "snapshot" }>): Copy {
    const { clock, setTimer, fetchSnapshot } = this.#options;
    const log = new RelayLog(change.header, change.signedHead);
    let before = change.header.head;
    const snapshots = new PassedSnapshot(change, {
      fetchSnapshot,
      grownSince: (head) => log.head() - head,
      head: () => log.head(),
      onRenewed: (head) => {
        // Not all of it: somebody may be on the way with the snapshot before.
        log.forgetUpTo(before);
        before = head;
      },
    });
    const signer = issuersWordIn(log, clock);
    return { log, hub: new FeedHub({ log, clock, setTimer, signer }), snapshots };
  }
}

/** A relay has no key: it passes on what the issuer signed. Without that, verifiers that ask for it refuse the batch. */
function issuersWordIn(log: RelayLog, clock: Clock): HeadSigner {
  const signHead = async ({ seq }: { readonly seq: number }): Promise<string> => {
    const word = log.signedHeadAt(seq);
    if (word === undefined) throw relayError("head_unsigned", { detail: `seq ${seq}` });
    return word;
  };
  // The replica above reports the same where it matters, once and not for each batch.
  return new HeadSigner({ signHead, clock, operatorLog: silentLog });
}

import type { SignedHeadClaims } from "@portcullis/protocol";
import { revocationError } from "../errors.ts";

type Head = Pick<SignedHeadClaims, "incarnation" | "epoch" | "seq">;

/**
 * The highest head that the issuer was seen to sign, by whatever way it came: `(epoch, seq)` only grows. So whoever carries the
 * feed cannot lead this verifier back to a log that was given up, or to a time before what it knows of.
 *
 * In memory only. A process that starts anew knows nothing, and may allow nothing before the issuer has signed a head for it
 * within the last seconds (recent-head.ts).
 */
export class SeenHeads {
  #highest: Head | undefined;

  /** Throws `malformed_feed` for the word on an incarnation that is over. */
  take({ incarnation, epoch, seq }: Head): void {
    const highest = this.#highest;
    if (highest !== undefined && isOver({ incarnation, epoch }, highest)) {
      throw revocationError("malformed_feed", {
        detail: `a head of ${incarnation} (epoch ${epoch}), which ${highest.incarnation} (epoch ${highest.epoch}) has replaced`,
      });
    }
    if (highest === undefined || epoch > highest.epoch || seq > highest.seq)
      this.#highest = { incarnation, epoch, seq };
  }

  /** Returns the highest seq that was signed in an incarnation; 0 when none is known. */
  seqIn(incarnation: string): number {
    return this.#highest?.incarnation === incarnation ? this.#highest.seq : 0;
  }
}

/** Two of one epoch: the issuer has given it to the first. */
const isOver = (head: Pick<Head, "incarnation" | "epoch">, highest: Head): boolean =>
  head.epoch < highest.epoch || (head.epoch === highest.epoch && head.incarnation !== highest.incarnation);

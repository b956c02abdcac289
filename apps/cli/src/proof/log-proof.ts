/** Makes the chain and the digests again from the records themselves, and holds them against what others say. */
import { hash } from "node:crypto";
import {
  decodeBase64url,
  encodeBase64url,
  extendChain,
  LiveDigester,
  type LogPage,
  RECORD_BYTES,
  type VerifierStatus,
} from "@portcullis/protocol";
import { cliError } from "../errors.ts";
import { VerifierMarks } from "./verifier-marks.ts";

/** What was found where a verifier could be compared. */
interface Comparison {
  /** The chain at what it has applied; undefined when that place was not reached, or has no known value. */
  chain?: string;
  reached?: boolean;
  /** Sum of the live records, where as many were counted as it reported. */
  sum?: string;
}

export class LogProof {
  readonly #marks: VerifierMarks;
  readonly #digester = new LiveDigester();
  readonly #comparisons = new Map<VerifierStatus, Comparison>();
  #began: LogPage | undefined;
  #seq = 0;
  #chain: Uint8Array | undefined;
  #gap: string | undefined;
  /** The first page whose records do not give the value that is stored at its end. */
  #broken: LogPage | undefined;

  constructor(verifiers: readonly VerifierStatus[]) {
    this.#marks = new VerifierMarks(verifiers);
  }

  /** False when what would come next was pruned meanwhile: the proof must begin anew. */
  continues(page: LogPage): boolean {
    return this.#began === undefined || page.after <= this.#seq || page.oldestKept <= this.#seq + 1;
  }

  take(page: LogPage): void {
    if (this.#began === undefined) this.#begin(page);
    this.#checkPlace(page);
    const records = decodeBase64url(page.records) ?? unreadable();
    if (records.length % RECORD_BYTES !== 0) unreadable();
    this.#walk(records);
    this.#seq = page.to;
    if (page.chain === undefined || this.#chain === undefined) this.#chain ??= decoded(page.chain);
    else if (encodeBase64url(this.#chain) !== page.chain) this.#broken ??= page;
  }

  get firstSeq(): number {
    return this.#began!.after + 1;
  }

  get lastSeq(): number {
    return this.#seq;
  }

  /** Undefined when nothing is known of where it began. */
  get chain(): string | undefined {
    return this.#chain === undefined ? undefined : encodeBase64url(this.#chain);
  }

  get gap(): string | undefined {
    return this.#gap;
  }

  get broken(): LogPage | undefined {
    return this.#broken;
  }

  comparisonOf(verifier: VerifierStatus): Comparison {
    const found = this.#comparisons.get(verifier) ?? {};
    this.#comparisons.set(verifier, found);
    return found;
  }

  #begin(page: LogPage): void {
    this.#began = page;
    this.#seq = page.after;
    this.#chain = decoded(page.chainBefore);
    if (page.oldestKept <= page.after) this.#gap = `seq ${page.oldestKept} to ${page.after} are missing`;
    for (const verifier of this.#marks.emptyLive()) this.comparisonOf(verifier).sum = "0".repeat(16);
    this.#compareChains();
  }

  #checkPlace(page: LogPage): void {
    if (page.incarnation !== this.#began!.incarnation) {
      throw cliError("refused", {
        text: "The log began a new incarnation while it was read. Run the command again.",
      });
    }
    if (page.after !== this.#seq) this.#gap ??= `seq ${this.#seq + 1} to ${page.after} are missing`;
    // Two pages meet in one row: its value must not have changed between them.
    if (this.#chain !== undefined && this.#broken === undefined && page.chainBefore !== undefined) {
      if (page.chainBefore !== encodeBase64url(this.#chain)) this.#broken = page;
    }
    this.#seq = page.after;
  }

  /** In stretches that end where somebody can be compared. */
  #walk(records: Uint8Array): void {
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    let from = 0;
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const seq = Number(view.getBigUint64(at));
      if (seq !== this.#seq + 1) this.#gap ??= `seq ${seq} follows seq ${this.#seq}`;
      this.#seq = seq;
      const live = this.#marks.liveAfter(view, at);
      if (live.length === 0 && this.#marks.appliedAt(seq).length === 0) continue;
      const end = at + RECORD_BYTES;
      this.#add(records.subarray(from, end));
      from = end;
      this.#compareChains();
      for (const verifier of live) this.#compareLive(verifier);
    }
    this.#add(records.subarray(from));
  }

  #add(records: Uint8Array): void {
    if (this.#chain !== undefined) this.#chain = extendChain(this.#chain, records, sha256);
    this.#digester.add(records);
  }

  #compareChains(): void {
    for (const verifier of this.#marks.appliedAt(this.#seq)) {
      const comparison = this.comparisonOf(verifier);
      comparison.reached = true;
      if (this.#chain !== undefined) comparison.chain = encodeBase64url(this.#chain);
    }
  }

  #compareLive(verifier: VerifierStatus): void {
    if (this.#seq > verifier.applied) return;
    this.comparisonOf(verifier).sum = this.#digester.digest(verifier.live!.from).sum;
  }
}

const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");
const decoded = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : (decodeBase64url(text) ?? unreadable());

function unreadable(): never {
  throw cliError("unreadable_answer", { text: "The server sent records that cannot be read." });
}

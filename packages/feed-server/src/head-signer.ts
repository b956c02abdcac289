import type { Clock, Log } from "@portcullis/protocol";
import type { LogPosition } from "./served-log.ts";

/**
 * The issuer's word on a head, as a JWS (protocol/signed-head.ts). Of the incarnation that the log has at the call. With the digest of a
 * snapshot (32 bytes), it is the word on that too.
 */
export type SignHead = (position: LogPosition, snapshotDigest?: Uint8Array) => Promise<string>;

interface HeadSignerOptions {
  /** Absent where nobody can sign: heads then go out unsigned. */
  readonly signHead?: SignHead | undefined;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly operatorLog: Pick<Log, "warn">;
}

interface Signed {
  readonly jws: Promise<string | undefined>;
  /** Monotonic; before it was signed. */
  readonly at: number;
}

/** Readers that come back together ask for the same few heads. */
const KEPT = 64;
/** A head of which a verifier wants to know that it is the newest: one signature a second, whoever asks. */
const RECENT_MS = 1000;

/**
 * Signs a head once for all who are sent it. A failure holds nothing up: the batch goes out unsigned, and only those
 * verifiers refuse it, and come again, that ask for signatures.
 */
export class HeadSigner {
  readonly #options: HeadSignerOptions;
  /** By the chain, which names everything before it. */
  readonly #signed = new Map<string, Signed>();

  constructor(options: HeadSignerOptions) {
    this.#options = options;
  }

  /** Of any time: what is said of a seq stays true. */
  sign(incarnation: string, position: LogPosition): Promise<string | undefined> {
    return this.#sign(incarnation, position, Number.POSITIVE_INFINITY);
  }

  /** Signed within the last second, for whoever is told that this is the newest. */
  signRecently(incarnation: string, position: LogPosition): Promise<string | undefined> {
    return this.#sign(incarnation, position, RECENT_MS);
  }

  /** Once for each snapshot, at the end of its making. */
  async signSnapshot(position: LogPosition, digest: Uint8Array): Promise<string | undefined> {
    const { signHead } = this.#options;
    return signHead && this.#guarded(position, () => signHead(position, digest));
  }

  /** What was signed before is signed anew: its key may be dead by now. */
  forget(): void {
    this.#signed.clear();
  }

  #sign(incarnation: string, position: LogPosition, maxAgeMs: number): Promise<string | undefined> {
    const { signHead, clock } = this.#options;
    if (signHead === undefined) return NOTHING;
    const key = `${incarnation} ${position.seq} ${Buffer.from(position.chain).toString("base64url")}`;
    const at = clock.monotonicMs();
    const known = this.#signed.get(key);
    if (known !== undefined && at - known.at < maxAgeMs) return known.jws;
    const jws = this.#guarded(position, () => signHead(position), key);
    this.#signed.delete(key);
    this.#signed.set(key, { jws, at });
    if (this.#signed.size > KEPT) this.#signed.delete(this.#signed.keys().next().value!);
    return jws;
  }

  async #guarded(
    { seq }: LogPosition,
    sign: () => Promise<string>,
    key?: string,
  ): Promise<string | undefined> {
    try {
      return await sign();
    } catch (error) {
      if (key !== undefined) this.#signed.delete(key);
      this.#options.operatorLog.warn({ event: "head_not_signed", seq, error });
      return undefined;
    }
  }
}

const NOTHING = Promise.resolve(undefined);

import type { Log } from "@portcullis/protocol";
import type { LogPosition } from "./served-log.ts";

/** The issuer's word on a head, as a JWS (protocol/signed-head.ts). Of the incarnation that the log has at the call. */
export type SignHead = (position: LogPosition) => Promise<string>;

interface HeadSignerOptions {
  /** Absent where nobody can sign: heads then go out unsigned. */
  readonly signHead?: SignHead | undefined;
  readonly operatorLog: Pick<Log, "warn">;
}

/** Readers that come back together ask for the same few heads. */
const KEPT = 64;

/**
 * Signs a head once for all who are sent it. A failure holds nothing up: the batch goes out unsigned, and only those
 * verifiers refuse it, and come again, that ask for signatures.
 */
export class HeadSigner {
  readonly #options: HeadSignerOptions;
  /** By the chain, which names everything before it. */
  readonly #signed = new Map<string, Promise<string | undefined>>();

  constructor(options: HeadSignerOptions) {
    this.#options = options;
  }

  sign(incarnation: string, position: LogPosition): Promise<string | undefined> {
    const { signHead } = this.#options;
    if (signHead === undefined) return NOTHING;
    const key = `${incarnation} ${position.seq} ${Buffer.from(position.chain).toString("base64url")}`;
    const known = this.#signed.get(key);
    if (known !== undefined) return known;
    const signed = this.#guarded(key, signHead, position);
    this.#signed.set(key, signed);
    if (this.#signed.size > KEPT) this.#signed.delete(this.#signed.keys().next().value!);
    return signed;
  }

  /** What was signed before is signed anew: its key may be dead by now. */
  forget(): void {
    this.#signed.clear();
  }

  async #guarded(key: string, signHead: SignHead, position: LogPosition): Promise<string | undefined> {
    try {
      return await signHead(position);
    } catch (error) {
      this.#signed.delete(key);
      this.#options.operatorLog.warn({ event: "head_not_signed", seq: position.seq, error });
      return undefined;
    }
  }
}

const NOTHING = Promise.resolve(undefined);

/** What comes before a row that wants its tokens signed with an algorithm. */
import { DEFAULT_SIGNING_ALGORITHM, type KeyWarning, type SigningAlgorithm } from "@portcullis/protocol";
import type { OfferAlgorithm } from "../keys/key-ring.ts";
import { rehearse } from "../revocations/index.ts";
import type { Storage } from "../storage/storage.ts";

export interface SignedWith {
  /** Null and undefined are for the one that is always there, of which nobody needs a warning. */
  readonly algorithm: SigningAlgorithm | null | undefined;
  readonly offer: OfferAlgorithm;
  readonly storage: Storage;
}

/**
 * Makes and publishes keys of the algorithm, if there are none, and then runs the act: no server ever finds a row whose tokens it
 * cannot sign. Returns what the act does, and what whoever asked for the algorithm must know of its keys.
 *
 * Published keys are for good, so the act is rehearsed first: one that is refused publishes nothing.
 */
export async function withKeysOf<Done extends object>(
  { algorithm, offer, storage }: SignedWith,
  act: (storage: Storage) => Promise<Done>,
): Promise<Done & { readonly warning?: KeyWarning }> {
  if (!algorithm || algorithm === DEFAULT_SIGNING_ALGORITHM) return act(storage);
  await rehearse(storage, act);
  const { warning } = await offer(algorithm);
  return { ...(await act(storage)), ...(warning && { warning }) };
}

/** What comes before a row that wants its tokens signed with an algorithm. */
import { DEFAULT_SIGNING_ALGORITHM, type KeyWarning, type SigningAlgorithm } from "@portcullis/protocol";
import type { OfferAlgorithm } from "../keys/key-ring.ts";

/**
 * Makes and publishes keys of the algorithm, if there are none. Returns what whoever asked for it must know of them. Keys stay
 * when the row is refused after all: nothing is signed with them, and they are there for the next one.
 *
 * Null and undefined are for the one that is always there, of which nobody needs a warning.
 */
export async function offerAsked(
  offer: OfferAlgorithm,
  algorithm: SigningAlgorithm | null | undefined,
): Promise<{ readonly warning?: KeyWarning }> {
  if (!algorithm || algorithm === DEFAULT_SIGNING_ALGORITHM) return {};
  const { warning } = await offer(algorithm);
  return warning === undefined ? {} : { warning };
}

/**
 * The issuer's word on its log: a JWS in compact form, signed with one of the keys of its JWKS, over a seq and the
 * value of the chain there (chain.ts). Who can write to a feed that others carry (Redis, a relay) but has no key can
 * then neither invent a record nor leave one out without being noticed.
 *
 * `(epoch, seq)` only grows: whoever has seen one such word believes none that goes below it.
 */
import { z } from "zod";

/** JOSE header `typ`: keeps it apart from every token that the same keys sign. */
export const SIGNED_HEAD_TYPE = "portcullis-head+jwt";

export const signedHeadClaimsSchema = z.object({
  iss: z.string().min(1),
  incarnation: z.string().min(1),
  /** Grows with each incarnation, so that a log that was given up is never taken for the one that followed it. */
  epoch: z.int().nonnegative(),
  seq: z.int().nonnegative(),
  /** Base64url of 32 bytes. */
  chain: z.string().length(43),
  /** Digest of the snapshot at this head (snapshot.ts), where this came with one; base64url of 32 bytes. */
  snapshot: z.string().length(43).optional(),
  /** Seconds; when it was signed. */
  iat: z.int().nonnegative(),
});
export type SignedHeadClaims = z.infer<typeof signedHeadClaimsSchema>;

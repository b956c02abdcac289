import {
  decodeBase64url,
  encodeBase64url,
  type LeaseRequest,
  type SignedHeadClaims,
  signedHeadClaimsSchema,
} from "@portcullis/protocol";
import type { ServedLog } from "./served-log.ts";

type Compared = Pick<ServedLog, "incarnation" | "position">;

/** Whether the caller holds what this log never held: more of its incarnation, or other records. */
export function isElsewhere(request: LeaseRequest, log: Compared): boolean {
  if (request.incarnation !== log.incarnation) return false;
  const { seq, chain } = log.position();
  const { applied } = request;
  if (applied !== seq) return applied > seq;
  return request.chain !== undefined && request.chain !== encodeBase64url(chain);
}

/**
 * Whether the signed head that the caller shows is worth the check of a signature: it is not simply the word on what
 * the caller has applied, or it may say more than this log holds. Whatever its incarnation: tokens may be about with a
 * horizon that no cutoff of ours reaches.
 */
export function showsMore(request: LeaseRequest, log: Compared): boolean {
  const said = unverifiedHead(request.signedHead);
  if (said === undefined) return false;
  const { seq, chain } = log.position();
  if (said.seq > seq) return true;
  // Of the log before: this one may have grown past it.
  if (said.incarnation !== log.incarnation) return true;
  if (said.seq === seq) return said.chain !== encodeBase64url(chain);
  return said.seq !== request.applied || said.chain !== request.chain;
}

/** Only decides whether to look closer. */
function unverifiedHead(jws: string | undefined): SignedHeadClaims | undefined {
  const payload = decodeBase64url(jws?.split(".")[1] ?? "");
  if (payload === undefined || payload.length === 0) return undefined;
  try {
    return signedHeadClaimsSchema.safeParse(JSON.parse(new TextDecoder().decode(payload))).data;
  } catch {
    return undefined;
  }
}

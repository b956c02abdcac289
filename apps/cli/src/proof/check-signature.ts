import {
  type LogPage,
  SIGNED_HEAD_TYPE,
  type SignedHeadClaims,
  signedHeadClaimsSchema,
} from "@portcullis/protocol";
import { compactVerify, createLocalJWKSet, errors, type JSONWebKeySet } from "jose";
import type { Check } from "./check.ts";

const ALGORITHMS = ["ES256", "ES384", "ES512", "PS256", "RS256", "EdDSA", "Ed25519"];
const ADVICE =
  "The server that answered does not have the issuer's keys, or signs another log. Check that --issuer leads to the issuer itself, and who could change the traffic on the way.";

/** The issuer's word on the end of the log (protocol/signed-head.ts). */
export async function checkSignature(
  { signedHead, incarnation, to, chain }: LogPage,
  { issuer, jwks }: { readonly issuer: string; readonly jwks: JSONWebKeySet },
): Promise<Check> {
  const check = "signature" as const;
  if (signedHead === undefined) return { check, ok: null, message: "the server does not sign its log" };
  const bad = (message: string): Check => ({ check, ok: false, message, advice: ADVICE });
  let claims: SignedHeadClaims;
  let kid: string | undefined;
  try {
    const { payload, protectedHeader } = await compactVerify(signedHead, createLocalJWKSet(jwks), {
      algorithms: ALGORITHMS,
    });
    if (protectedHeader.typ !== SIGNED_HEAD_TYPE)
      return bad(`signed as a ${protectedHeader.typ}, not as a head`);
    kid = protectedHeader.kid;
    claims = signedHeadClaimsSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch (error) {
    const why = error instanceof errors.JOSEError ? error.code : "it cannot be read";
    return bad(`the signature over seq ${to} does not hold (${why})`);
  }
  const wrong = [
    [claims.iss === issuer, `of the issuer ${claims.iss}`],
    [claims.incarnation === incarnation, `of the incarnation ${claims.incarnation}`],
    [claims.seq === to, `over seq ${claims.seq} and not ${to}`],
    [claims.chain === chain, "over another value of the chain"],
  ].find(([holds]) => !holds);
  if (wrong !== undefined) return bad(`the signature is ${wrong[1]}`);
  return { check, ok: true, message: `the issuer signed it at seq ${to} (key ${kid})` };
}

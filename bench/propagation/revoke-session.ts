import { randomBytes } from "node:crypto";
import type { Receipt } from "@portcullis/protocol";

export interface RevokeSessionOptions {
  readonly issuer: string;
  readonly authorization: string;
  /** All of them must enforce it. */
  readonly verifiers: number;
}

/** Milliseconds from the revoke call to its receipt "enforced". Throws for any other receipt. */
export async function revokeSession({
  issuer,
  authorization,
  verifiers,
}: RevokeSessionOptions): Promise<number> {
  const begin = performance.now();
  const response = await fetch(`${issuer}/revocations`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json", prefer: "wait=5" },
    body: JSON.stringify({
      scope: "session",
      key: randomBytes(16).toString("base64url"),
      reason: "kicked",
      foreign: true,
    }),
  });
  const receipt = (await response.json()) as Receipt;
  const took = performance.now() - begin;
  if (receipt.state !== "enforced" || receipt.acked !== verifiers) {
    throw new Error(`not enforced by all ${verifiers}: ${JSON.stringify(receipt)}`);
  }
  return took;
}

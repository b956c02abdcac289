import type { Agent } from "node:http";
import { claimsOf, exchange, json } from "@portcullis/testing/end-to-end";
import type { Token } from "../checker/words.ts";

export interface Registration {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly resource: string;
}

export interface TokenEndpointOptions {
  readonly issuer: string;
  readonly agent: Agent;
}

/** A server whose clock is off makes tokens that others take for old, or for not yet valid. */
const CLOCK_TOLERANCE_SECONDS = 4;
const CALL_MS = 8000;

/** Client credentials, over the load balancer. Undefined: none was given, or one from a server with a wrong clock. */
export async function mintToken(
  { issuer, agent }: TokenEndpointOptions,
  { clientId, clientSecret, scope, resource }: Registration,
): Promise<Token | undefined> {
  const answer = await exchange(`${issuer}/token`, {
    agent,
    timeoutMs: CALL_MS,
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", scope, resource }),
  }).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  return asToken(json<{ access_token: string }>(answer).access_token);
}

export function asToken(text: string): Token | undefined {
  const claims = claimsOf(text) as {
    jti: string;
    sub: string;
    client_id: string;
    sid?: string;
    gid?: string;
    iat: number;
    exp: number;
  };
  if (Math.abs(claims.iat - Date.now() / 1000) > CLOCK_TOLERANCE_SECONDS) return undefined;
  return {
    text,
    id: claims.jti,
    subject: claims.sub,
    clientId: claims.client_id,
    sessionId: claims.sid,
    grantId: claims.gid,
    mintedAt: performance.now(),
    expiresAt: performance.now() + (claims.exp - Date.now() / 1000) * 1000,
    coveredBy: [],
    deniedAt: new Map(),
  };
}

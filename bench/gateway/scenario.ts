/** The issuer with its tokens and its feed of a million revocations. */
import { createHash, createPublicKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  encodeBase64url,
  encodeRecords,
  encodeSnapshot,
  type RevocationRecord,
  SNAPSHOT_MEDIA_TYPE,
  signSnapshot,
} from "@portcullis/protocol";
import { FakeIssuer, generateSigningKey, newIdentifier, sendJson, signJwt } from "@portcullis/testing";

export const TOKENS = 1000;
export const LIVE_REVOCATIONS = 1_000_000;
const TOKEN_LIFETIME_SECONDS = 3600;
const SKEW_SECONDS = 30;
/** No batch follows on it, so that any chain will do. */
const END = { epoch: 1, seq: LIVE_REVOCATIONS, chain: randomBytes(32).toString("base64url") };

export interface Scenario {
  readonly issuer: FakeIssuer;
  readonly es256: TokenSet;
  readonly rs256: TokenSet;
  /** Its session is one of those in the feed. */
  readonly revoked: string;
  close(): Promise<void>;
}

export interface TokenSet {
  readonly tokens: readonly string[];
  /** Signed with a key that nobody published. */
  readonly forged: string;
  readonly publicKeyPem: string;
}

export async function startScenario(): Promise<Scenario> {
  const issuer = await FakeIssuer.start();
  const revokedSession = randomBytes(16);
  serveFeed(issuer, snapshotWith(issuer, revokedSession));
  return {
    issuer,
    es256: tokenSet(issuer, "ES256"),
    rs256: tokenSet(issuer, "RS256"),
    revoked: issuer.mint({ sid: revokedSession.toString("base64url") }),
    close: () => issuer.stop(),
  };
}

function tokenSet(issuer: FakeIssuer, alg: "ES256" | "RS256"): TokenSet {
  const key = alg === "ES256" ? issuer.key : generateSigningKey(alg, "key-rs256");
  const header = { alg, kid: key.kid, typ: "at+jwt" };
  const mint = (signer: typeof key, at: number) =>
    signJwt(signer, header, {
      ...issuer.claims(),
      sub: `user-${at}`,
      exp: Math.floor(Date.now() / 1000) + 3600,
    });
  const publicKey = createPublicKey({ key: key.jwk, format: "jwk" });
  return {
    tokens: Array.from({ length: TOKENS }, (_, at) => mint(key, at)),
    forged: mint(generateSigningKey(alg, key.kid), 0),
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

function snapshotWith(issuer: FakeIssuer, revokedSession: Uint8Array): Uint8Array {
  const revokedAt = Math.floor(Date.now() / 1000);
  const expiresAt = revokedAt + TOKEN_LIFETIME_SECONDS + SKEW_SECONDS;
  const record = (seq: number): RevocationRecord => {
    const key = seq === 1 ? revokedSession : randomBytes(16);
    return { seq, scope: "session", mode: "kill", reason: "kicked", key, revokedAt, expiresAt };
  };
  const records = encodeRecords(Array.from({ length: LIVE_REVOCATIONS }, (_, at) => record(at + 1)));
  const incarnation = newIdentifier();
  const header = {
    incarnation,
    head: LIVE_REVOCATIONS,
    count: LIVE_REVOCATIONS,
    hashKey: randomBytes(32).toString("base64url"),
    chain: END.chain,
    tokenLifetimeSeconds: TOKEN_LIFETIME_SECONDS,
    clockSkewSeconds: SKEW_SECONDS,
  };
  const bytes = encodeSnapshot(header, records, (part) => createHash("sha256").update(part).digest());
  const snapshot = encodeBase64url(bytes.subarray(-32));
  return signSnapshot(bytes, issuer.signHead({ incarnation, ...END, snapshot }));
}

function serveFeed(issuer: FakeIssuer, snapshot: Uint8Array): void {
  issuer.metadata.token_endpoint = `${issuer.issuer}/token`;
  issuer.metadata.portcullis_revocations_endpoint = `${issuer.issuer}/revocations`;
  issuer.metadata.portcullis_api_resource = `${issuer.issuer}/api`;
  const endpoints: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown> = {
    "/token": (_, response) =>
      sendJson(response, { access_token: issuer.mint(), token_type: "Bearer", expires_in: 3600 }),
    "/revocations/snapshot": (_, response) =>
      response.writeHead(200, { "content-type": SNAPSHOT_MEDIA_TYPE }).end(snapshot),
    "/revocations/stream": keepStreamOpen,
    "/revocations/lease": (request, response) => grantLease(issuer, request, response),
  };
  issuer.routes.push((request, response) => {
    const answer = endpoints[request.url!];
    answer?.(request, response);
    return answer !== undefined;
  });
}

function keepStreamOpen(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const heartbeat = setInterval(() => response.write(": heartbeat\n\n"), 2000);
  response.on("close", () => clearInterval(heartbeat));
}

async function grantLease(
  issuer: FakeIssuer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let text = "";
  request.on("data", (chunk) => {
    text += chunk;
  });
  await once(request, "end");
  const { incarnation, leaseMs } = JSON.parse(text);
  const signedHead = issuer.signHead({ incarnation, ...END });
  sendJson(response, { incarnation, head: LIVE_REVOCATIONS, leaseMs, signedHead });
}

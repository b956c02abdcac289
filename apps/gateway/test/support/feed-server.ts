import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  API_SCOPES,
  CHAIN_START,
  encodeBase64url,
  encodeRecords,
  encodeSnapshot,
  extendChain,
  formatCursor,
  type Mode,
  type Reason,
  type RevocationRecord,
  type Scope,
  signSnapshot,
} from "@portcullis/protocol";

import { createKeySpace, type RevocationKey } from "@portcullis/revocation";

import { type FakeIssuer, newIdentifier, sendJson } from "@portcullis/testing";

const TOKEN_LIFETIME_SECONDS = 3600;
const DIGEST_BYTES = 32;
const CLOCK_SKEW_SECONDS = 10;

export interface Revocation {
  readonly scope: Scope;
  readonly key: RevocationKey;
  readonly mode?: Mode;
  readonly reason?: Reason;
}

/** The authorization server's feed as the protocol describes it, over real HTTP, with the log in an array. */
export class FeedServer {
  readonly clientId = "gateway";
  readonly clientSecret = "a-verifier's-secret";
  readonly incarnation = newIdentifier();
  readonly records: RevocationRecord[] = [];
  /** Applied by each replica, as its leases acknowledge it. */
  readonly acknowledged = new Map<string, number>();
  readonly givenBack = new Set<string>();
  /** Cut off: every call of the feed fails. */
  isCutOff = false;
  readonly #hashKey = randomBytes(32);
  readonly #keySpace = createKeySpace(this.#hashKey);
  readonly #streams = new Set<ServerResponse>();
  readonly #issuer: FakeIssuer;
  readonly #waiting: { seq: number; resolve: () => void }[] = [];

  constructor(issuer: FakeIssuer) {
    this.#issuer = issuer;
    issuer.metadata.token_endpoint = `${issuer.issuer}/token`;
    issuer.metadata.portcullis_revocations_endpoint = `${issuer.issuer}/revocations`;
    issuer.metadata.portcullis_api_resource = `${issuer.issuer}/api`;
    issuer.routes.push((request, response) => this.#answer(request, response, issuer));
  }

  get head(): number {
    return this.records.length;
  }

  /** Appends to the log and resolves when a replica has acknowledged it. */
  async revoke(revocation: Revocation): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ seq: this.head + 1, resolve });
    this.append(revocation);
    await promise;
  }

  append({ scope, key, mode = "kill", reason = "logged_out" }: Revocation): void {
    const now = Math.floor(Date.now() / 1000);
    const record: RevocationRecord = {
      seq: this.head + 1,
      scope,
      mode,
      reason,
      key: this.#keySpace.keyOf(scope, key),
      revokedAt: now,
      expiresAt: now + TOKEN_LIFETIME_SECONDS + CLOCK_SKEW_SECONDS,
    };
    this.records.push(record);
    for (const stream of this.#streams) this.#sendBatch(stream, record);
  }

  cutOff(): void {
    this.isCutOff = true;
    for (const stream of this.#streams) stream.destroy();
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    issuer: FakeIssuer,
  ): boolean | Promise<boolean> {
    const path = request.url!;
    if (!path.startsWith("/revocations/") && path !== "/token") return false;
    if (this.isCutOff) {
      response.destroy();
      return true;
    }
    if (path === "/token") return sendToken(response, issuer);
    if (path === "/revocations/snapshot") return this.#sendSnapshot(response);
    if (path === "/revocations/stream") return this.#openStream(request, response);
    return this.#lease(request, response);
  }

  #sendSnapshot(response: ServerResponse): true {
    const header = {
      incarnation: this.incarnation,
      head: this.head,
      count: this.head,
      hashKey: this.#hashKey.toString("base64url"),
      chain: this.#proofOf(this.head).chain,
      tokenLifetimeSeconds: TOKEN_LIFETIME_SECONDS,
      clockSkewSeconds: CLOCK_SKEW_SECONDS,
    };
    response.writeHead(200, { "content-type": "application/vnd.portcullis.snapshot" });
    const bytes = encodeSnapshot(header, encodeRecords(this.records), sha256);
    const snapshot = encodeBase64url(bytes.subarray(-DIGEST_BYTES));
    response.end(signSnapshot(bytes, this.#proofOf(this.head, { snapshot }).signedHead));
    return true;
  }

  #openStream(request: IncomingMessage, response: ServerResponse): true {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": open\n\n");
    const after = Number(String(request.headers["last-event-id"]).split(":")[1]);
    for (const record of this.records.slice(after)) this.#sendBatch(response, record);
    this.#streams.add(response);
    response.on("close", () => this.#streams.delete(response));
    return true;
  }

  #sendBatch(stream: ServerResponse, record: RevocationRecord): void {
    const { seq } = record;
    const records = Buffer.from(encodeRecords([record])).toString("base64url");
    const place = { incarnation: this.incarnation, prev: seq - 1, from: seq, to: seq };
    const batch = { ...place, records, ...this.#proofOf(seq) };
    const id = formatCursor(this.incarnation, seq);
    stream.write(`event: batch\nid: ${id}\ndata: ${JSON.stringify(batch)}\n\n`);
  }

  #proofOf(seq: number, more: { readonly snapshot?: string } = {}) {
    const records = encodeRecords(this.records.slice(0, seq));
    const chain = encodeBase64url(extendChain(CHAIN_START, records, sha256));
    return {
      chain,
      signedHead: this.#issuer.signHead({ incarnation: this.incarnation, epoch: 1, seq, chain, ...more }),
    };
  }

  async #lease(request: IncomingMessage, response: ServerResponse): Promise<true> {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    await once(request, "end");
    const { replica, applied, leaseMs } = JSON.parse(text);
    if (leaseMs === 0) this.givenBack.add(replica);
    this.acknowledged.set(replica, applied);
    for (const waiting of this.#waiting.filter(({ seq }) => applied >= seq)) waiting.resolve();
    const { signedHead } = this.#proofOf(this.head);
    sendJson(response, { incarnation: this.incarnation, head: this.head, leaseMs, signedHead });
    return true;
  }
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

function sendToken(response: ServerResponse, issuer: FakeIssuer): true {
  const scope = API_SCOPES.readRevocations;
  const access_token = issuer.mint({ aud: `${issuer.issuer}/api`, client_id: "gateway", scope });
  sendJson(response, { access_token, token_type: "Bearer", expires_in: 300, scope });
  return true;
}

/**
 * The rest of an issuer that a verifier needs: tokens by client credentials, and the feed of revocations with
 * snapshot, stream and lease, in the wire forms of `@portcullis/protocol`. The log is a list in memory.
 */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  API_SCOPES,
  CHAIN_START,
  encodeBase64url,
  encodeRecords,
  encodeSnapshot,
  extendChain,
  formatCursor,
  leaseRequestSchema,
  type Mode,
  parseCursor,
  type Reason,
  type RevocationRecord,
  type Scope,
  SNAPSHOT_MEDIA_TYPE,
  signSnapshot,
} from "@portcullis/protocol";
import { type FakeIssuer, newIdentifier, sendJson } from "./fake-issuer.ts";

type RevocationKey = string | { readonly subject: string; readonly client: string } | undefined;

/** `createKeySpace` of `@portcullis/revocation`, passed in since this package may not import it. */
type KeySpaceOf = (hashKey: Uint8Array) => { keyOf(scope: Scope, key: RevocationKey): Uint8Array };

export interface FakeRevocation {
  readonly scope: Scope;
  readonly key: RevocationKey;
  readonly reason: Reason;
  readonly mode?: Mode;
}

export const VERIFIER = { clientId: "orders", clientSecret: "verifier:secret/%&+" };
const TOKEN_LIFETIME_SECONDS = 3600;
const CLOCK_SKEW_SECONDS = 30;
const HEARTBEAT_MS = 500;
const DIGEST_BYTES = 32;

export class FakeFeed {
  readonly issuer: FakeIssuer;
  readonly incarnation = newIdentifier();
  /** How often each endpoint was asked, refused requests included. */
  readonly requests = { token: 0, snapshot: 0, stream: 0, lease: 0 };
  /** What each replica has last acknowledged, and the lease it asked for. */
  readonly leases = new Map<string, { readonly applied: number; readonly leaseMs: number }>();
  /** `expires_in` of the tokens that are given out. */
  expiresIn = 300;
  readonly #hashKey = randomBytes(32);
  readonly #keys: ReturnType<KeySpaceOf>;
  readonly #records: RevocationRecord[] = [];
  readonly #streams = new Set<ServerResponse>();
  #goodTokens = new Set<string>();

  constructor(issuer: FakeIssuer, keySpaceOf: KeySpaceOf) {
    this.issuer = issuer;
    this.#keys = keySpaceOf(this.#hashKey);
    Object.assign(issuer.metadata, {
      token_endpoint: `${issuer.issuer}/token`,
      portcullis_revocations_endpoint: `${issuer.issuer}/revocations`,
      portcullis_api_resource: `${issuer.issuer}/api`,
    });
    issuer.routes.push((request, response) => this.#route(request, response));
  }

  /** Tokens given out so far are refused from now on; a verifier must get itself a new one. */
  forgetTokens(): void {
    this.#goodTokens = new Set();
  }

  /** Appends a record, and sends it to every stream. */
  revoke({ scope, key, reason, mode = "kill" }: FakeRevocation): number {
    const seq = this.#records.length + 1;
    const revokedAt = Math.floor(Date.now() / 1000);
    const expiresAt = revokedAt + TOKEN_LIFETIME_SECONDS + CLOCK_SKEW_SECONDS;
    this.#records.push({ seq, scope, mode, reason, key: this.#keys.keyOf(scope, key), revokedAt, expiresAt });
    for (const stream of this.#streams) this.#sendBatch(stream, seq - 1);
    return seq;
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = new URL(request.url ?? "/", this.issuer.issuer).href.slice(this.issuer.issuer.length);
    const name = `${request.method} ${path}`;
    if (name === "POST /token") await this.#token(request, response);
    else if (name === "GET /revocations/snapshot")
      this.#ifAllowed("snapshot", request, response, () => this.#snapshot(response));
    else if (name === "GET /revocations/stream")
      this.#ifAllowed("stream", request, response, () => this.#stream(request, response));
    else if (name === "POST /revocations/lease")
      await this.#ifAllowed("lease", request, response, () => this.#lease(request, response));
    else return false;
    return true;
  }

  async #token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.token++;
    const form = new URLSearchParams(await bodyOf(request));
    // RFC 6749, section 2.3.1: both halves are form-encoded before they are joined.
    const [id, secret] = [VERIFIER.clientId, VERIFIER.clientSecret].map((part) =>
      new URLSearchParams({ "": part }).toString().slice(1),
    );
    const expected = `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
    if (request.headers.authorization !== expected)
      return sendJson(response, { error: "invalid_client" }, 401);
    const asked = [form.get("grant_type"), form.get("resource"), form.get("scope")];
    const wanted = ["client_credentials", `${this.issuer.issuer}/api`, API_SCOPES.readRevocations];
    if (asked.join() !== wanted.join()) return sendJson(response, { error: "invalid_request" }, 400);
    const token = newIdentifier();
    this.#goodTokens.add(token);
    sendJson(response, { access_token: token, token_type: "Bearer", expires_in: this.expiresIn });
  }

  #ifAllowed(
    name: "snapshot" | "stream" | "lease",
    request: IncomingMessage,
    response: ServerResponse,
    work: () => unknown,
  ): unknown {
    this.requests[name]++;
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    if (this.#goodTokens.has(token)) return work();
    response.setHeader("www-authenticate", 'Bearer error="invalid_token"');
    return sendJson(response, { error: "invalid_token" }, 401);
  }

  #snapshot(response: ServerResponse): void {
    const header = {
      incarnation: this.incarnation,
      head: this.#records.length,
      count: this.#records.length,
      hashKey: encodeBase64url(this.#hashKey),
      chain: this.#proof().chain,
      tokenLifetimeSeconds: TOKEN_LIFETIME_SECONDS,
      clockSkewSeconds: CLOCK_SKEW_SECONDS,
    };
    const bytes = encodeSnapshot(header, encodeRecords(this.#records), sha256);
    const { signedHead } = this.#proof({ snapshot: encodeBase64url(bytes.subarray(-DIGEST_BYTES)) });
    response.writeHead(200, { "content-type": SNAPSHOT_MEDIA_TYPE }).end(signSnapshot(bytes, signedHead));
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    const cursor = parseCursor(String(request.headers["last-event-id"]));
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": hello\n\n");
    if (cursor !== undefined && cursor.seq < this.#records.length) this.#sendBatch(response, cursor.seq);
    this.#streams.add(response);
    const heartbeat = setInterval(() => response.write(": heartbeat\n\n"), HEARTBEAT_MS);
    response.on("close", () => {
      clearInterval(heartbeat);
      this.#streams.delete(response);
    });
  }

  #sendBatch(stream: ServerResponse, prev: number): void {
    const to = this.#records.length;
    const records = encodeBase64url(encodeRecords(this.#records.slice(prev)));
    const batch = { incarnation: this.incarnation, prev, from: prev + 1, to, records, ...this.#proof() };
    stream.write(
      `event: batch\nid: ${formatCursor(this.incarnation, to)}\ndata: ${JSON.stringify(batch)}\n\n`,
    );
  }

  /** Chain and signed head at the end of the log. */
  #proof(more: { readonly snapshot?: string } = {}) {
    const seq = this.#records.length;
    const chain = encodeBase64url(extendChain(CHAIN_START, encodeRecords(this.#records), sha256));
    return {
      chain,
      signedHead: this.issuer.signHead({ incarnation: this.incarnation, epoch: 1, seq, chain, ...more }),
    };
  }

  async #lease(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { replica, applied, leaseMs } = leaseRequestSchema.parse(JSON.parse(await bodyOf(request)));
    if (leaseMs === 0) this.leases.delete(replica);
    else this.leases.set(replica, { applied, leaseMs });
    // While it has no key it signs nothing.
    const { signedHead } = this.issuer.keys.length === 0 ? {} : this.#proof();
    sendJson(response, { incarnation: this.incarnation, head: this.#records.length, leaseMs, signedHead });
  }
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

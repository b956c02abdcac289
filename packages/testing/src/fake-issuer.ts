/**
 * An issuer over real HTTP on a free loopback port: discovery, JWKS, and tokens. It can be stopped, started
 * again on the same port, made to misbehave, and says how often it was asked.
 */
import { randomBytes } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Clock,
  SIGNED_HEAD_TYPE,
  type SignedHeadClaims,
  systemClock,
  wallSecondsOf,
} from "@portcullis/protocol";
import { generateSigningKey, type SigningAlgorithm, type SigningKey, signJwt } from "./fake-issuer-keys.ts";
import { freePort } from "./ports.ts";

export interface FakeIssuerOptions {
  readonly alg?: SigningAlgorithm;
  readonly clock?: Clock;
  /** Appended to the origin to make the issuer, for example `/tenant`. */
  readonly path?: string;
}

export interface MintOptions {
  readonly header?: Readonly<Record<string, unknown>>;
  /** Sign with this key, whatever the header says. */
  readonly key?: SigningKey;
}

/** Answers a request itself, or gives false to leave it to the next. */
export type Route = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

export const AUDIENCE = "https://orders.example";
export const newIdentifier = (): string => randomBytes(16).toString("base64url");

export class FakeIssuer {
  readonly issuer: string;
  /** How often each document was asked for. */
  readonly fetches = { discovery: 0, jwks: 0 };
  /** Tried in turn, before discovery and JWKS: for misbehaving, and for more endpoints. */
  readonly routes: Route[] = [];
  /** Members put into, or over, the discovery document. */
  readonly metadata: Record<string, unknown> = {};
  /** The published set. */
  keys: SigningKey[];
  readonly #server: Server;
  readonly #port: number;
  readonly #clock: Clock;

  static async start(options: FakeIssuerOptions = {}): Promise<FakeIssuer> {
    const server = createServer();
    // Not of the ephemeral range: while it is stopped, an outgoing connection of any process could take its port.
    const port = await listen(server, await freePort());
    return new FakeIssuer(server, port, options);
  }

  private constructor(server: Server, port: number, options: FakeIssuerOptions) {
    this.#server = server;
    this.#port = port;
    this.#clock = options.clock ?? systemClock;
    this.issuer = `http://127.0.0.1:${port}${options.path ?? ""}`;
    this.keys = [generateSigningKey(options.alg ?? "ES256", "key-1")];
    server.on("request", this.#answer);
  }

  get key(): SigningKey {
    return this.keys.at(-1)!;
  }

  /** A token that verifies, unless `claims` or `options` spoil it. An undefined claim is left out. */
  mint(claims: Readonly<Record<string, unknown>> = {}, options: MintOptions = {}): string {
    const key = options.key ?? this.key;
    const header = { alg: key.alg, kid: key.kid, typ: "at+jwt", ...options.header };
    return signJwt(key, header, { ...this.claims(), ...claims });
  }

  /** Its word on the head of its log (protocol/signed-head.ts), unless `claims` or `key` spoil it. */
  signHead(claims: Omit<SignedHeadClaims, "iss" | "iat">, key = this.key) {
    const header = { alg: key.alg, kid: key.kid, typ: SIGNED_HEAD_TYPE };
    return signJwt(key, header, { iss: this.issuer, iat: Math.floor(wallSecondsOf(this.#clock)), ...claims });
  }

  /** What `mint` starts from. */
  claims(): Record<string, unknown> {
    const now = Math.floor(wallSecondsOf(this.#clock));
    return {
      iss: this.issuer,
      aud: AUDIENCE,
      sub: "user-1",
      client_id: "web",
      scope: "orders.read",
      iat: now,
      exp: now + 300,
      jti: newIdentifier(),
      sid: newIdentifier(),
      gid: newIdentifier(),
      rv: 0,
    };
  }

  /** A new key signs from now on. The old ones stay published unless `withdraw`. */
  rotate({
    alg = this.key.alg,
    withdraw = false,
  }: {
    alg?: SigningAlgorithm;
    withdraw?: boolean;
  } = {}): SigningKey {
    const key = generateSigningKey(alg, `key-${newIdentifier()}`);
    this.keys = withdraw ? [key] : [...this.keys, key];
    return key;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /** On the same port as before. */
  async startAgain(): Promise<void> {
    await listen(this.#server, this.#port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
  }

  readonly #answer: RequestListener = async (request, response) => {
    for (const route of this.routes) if (await route(request, response)) return;
    const path = new URL(request.url ?? "/", this.issuer).pathname;
    const base = new URL(this.issuer).pathname.replace(/\/$/, "");
    if (path === `${base}/.well-known/openid-configuration`) return this.#sendDiscovery(response);
    if (path === `${base}/jwks`) return this.#sendKeys(response);
    response.writeHead(404).end();
  };

  #sendDiscovery(response: ServerResponse): void {
    this.fetches.discovery++;
    sendJson(response, { issuer: this.issuer, jwks_uri: `${this.issuer}/jwks`, ...this.metadata });
  }

  #sendKeys(response: ServerResponse): void {
    this.fetches.jwks++;
    sendJson(response, { keys: this.keys.map((key) => key.jwk) });
  }
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

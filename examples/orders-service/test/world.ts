import { remoteKeySource } from "@portcullis/access-token";
import { createGuard } from "@portcullis/guard";
import { keySetOf } from "@portcullis/issuer";
import type { Reason, Scope } from "@portcullis/protocol";
import { createKeySpace, RevocationIndex, type RevocationView } from "@portcullis/revocation";
import { AUDIENCE, FakeIssuer, sendJson } from "@portcullis/testing";
import type { FastifyInstance } from "fastify";
import { createOrdersService } from "../src/index.ts";

const TRUST_DOMAIN = "portcullis.example";

/** The service behind a real guard: an issuer and a gateway over HTTP, and a revocation index filled by hand. */
export class World {
  readonly app: FastifyInstance;
  readonly issuer: FakeIssuer;
  readonly gateway: FakeIssuer;
  readonly revocations: IndexView;

  static async open(options: { withGateway?: boolean } = {}): Promise<World> {
    const [issuer, gateway] = await Promise.all([FakeIssuer.start(), FakeIssuer.start()]);
    gateway.routes.push(({ url }, response) => {
      if (url !== "/.well-known/jwks.json") return false;
      sendJson(response, { keys: gateway.keys.map(({ jwk }) => jwk) });
      return true;
    });
    const revocations = new IndexView();
    const guard = createGuard({
      issuer: issuer.issuer,
      audience: AUDIENCE,
      keys: remoteKeySource({ fetchKeySet: keySetOf({ issuer: issuer.issuer }) }),
      revocations,
    });
    const app = await createOrdersService({
      guard,
      isReady: () => revocations.freshness().ready,
      gateway: options.withGateway === false ? undefined : { issuer: gateway.issuer, audience: TRUST_DOMAIN },
    });
    return new World(app, issuer, gateway, revocations);
  }

  private constructor(app: FastifyInstance, issuer: FakeIssuer, gateway: FakeIssuer, revocations: IndexView) {
    this.app = app;
    this.issuer = issuer;
    this.gateway = gateway;
    this.revocations = revocations;
  }

  async close(): Promise<void> {
    await this.app.close();
    await Promise.all([this.issuer, this.gateway].map((server) => server[Symbol.asyncDispose]()));
  }

  /** What the gateway would send along for this subject. */
  transactionToken(claims: Record<string, unknown> = {}): string {
    return this.gateway.mint(
      { aud: TRUST_DOMAIN, txn: "txn-1", sub: "user-1", ...claims },
      { header: { typ: "txntoken+jwt" } },
    );
  }

  async call(
    path: string,
    options: { token?: string; transactionToken?: string; body?: Record<string, unknown> } = {},
  ) {
    const answer = await this.app.inject({
      url: path,
      method: options.body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${options.token ?? this.issuer.mint()}`,
        ...(options.transactionToken !== undefined && { "txn-token": options.transactionToken }),
      },
      ...(options.body !== undefined && { payload: options.body }),
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: answer.json<Record<string, unknown>>(),
    };
  }
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const LIFETIME = { tokenLifetimeSeconds: 600, clockSkewSeconds: 5 };

export class IndexView implements RevocationView {
  readonly leaseMs = 5_000;
  /** Since the last confirmation. */
  ageMs = 0;
  ready = true;
  readonly #keys = createKeySpace(new Uint8Array(32));
  readonly #index = new RevocationIndex(LIFETIME);
  #seq = 0;

  coordinatesOf: RevocationView["coordinatesOf"] = (claims, header) =>
    this.#keys.coordinatesOf(claims, header);
  verdict: RevocationView["verdict"] = (at) => this.#index.verdict(at);
  freshness = () => ({ ready: this.ready, ageMs: this.ageMs });

  kill(scope: Scope, key: string, reason: Reason): void {
    const revokedAt = nowSeconds();
    this.#index.apply({
      seq: ++this.#seq,
      scope,
      mode: "kill",
      reason,
      key: this.#keys.keyOf(scope, key),
      revokedAt,
      expiresAt: revokedAt + 605,
    });
  }
}

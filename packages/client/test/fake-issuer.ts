import { createHash, randomUUID } from "node:crypto";
import type { Reason } from "@portcullis/protocol";

export const ISSUER = "https://issuer.test";
export const API = "https://api.test";

interface Family {
  readonly id: string;
  refreshToken: string;
  alive: boolean;
}

/** An authorization server and an API behind one `fetch`, with real PKCE, rotation and revocation. */
export class FakeIssuer {
  readonly requests: Request[] = [];
  readonly codes = new Map<string, { challenge: string; nonce: string }>();
  readonly dead = new Map<string, { mode: "kill" | "stale"; reason: Reason | string }>();
  /** Awaited before a token request is answered: lets a test act in the middle of one. */
  beforeToken: () => unknown = () => {};
  /** Why a dead refresh token is refused, if the server says so. */
  refusalReason: Reason | undefined;
  /** What it says besides. */
  refusalDetails: object = {};
  refusal: "invalid_grant" | "access_denied" = "invalid_grant";
  /** Answers instead of the server, to play an outage. */
  outage: (() => Response) | undefined;
  revocationStatus = 200;
  metadata: Record<string, unknown> = {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/auth`,
    token_endpoint: `${ISSUER}/token`,
    end_session_endpoint: `${ISSUER}/session/end`,
    revocation_endpoint: `${ISSUER}/token/revocation`,
    authorization_challenge_endpoint: `${ISSUER}/authorize-challenge`,
    authorization_response_iss_parameter_supported: true,
    id_token_signing_alg_values_supported: ["ES256"],
  };
  idTokenClaims: Record<string, unknown> = {};
  /** False: a cross-origin page cannot read the header. */
  exposesChallenge = true;
  /** The API answers with this, whatever the token. */
  apiStatus: number | undefined;
  /** Awaited before the API answers: a call that is under way for as long as the test wants. */
  beforeApi: () => Promise<void> | void = () => {};
  /** Answers at the endpoint for session events. */
  sessionEvents: (request: Request) => Response = () => new Response(null, { status: 404 });
  /** Answers a step of a sign-in with a form of the app's own. */
  challenge: (fields: URLSearchParams) => Response = (fields) =>
    Response.json({ authorization_code: this.codeFor(fields), device: "device-1" });
  #families: Family[] = [];
  #nonces = new Map<string, string>();

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    this.requests.push(request.clone());
    const { origin, pathname } = new URL(request.url);
    if (origin === API) return this.#api(request);
    if (this.outage !== undefined) return this.outage();
    if (pathname.endsWith("openid-configuration")) return Response.json(this.metadata);
    if (pathname === "/session/events") return this.sessionEvents(request);
    if (pathname === "/authorize-challenge") return this.challenge(new URLSearchParams(await request.text()));
    if (pathname === "/token/revocation") return new Response(null, { status: this.revocationStatus });
    await this.beforeToken();
    return this.#token(new URLSearchParams(await request.text()));
  };

  codeFor(asked: URLSearchParams): string {
    const code = randomUUID();
    this.codes.set(code, { challenge: asked.get("code_challenge")!, nonce: asked.get("nonce")! });
    return code;
  }

  /** What the pages would do: the address that the browser comes back to. */
  authorize(signInUrl: string, changes: Record<string, string | undefined> = {}): string {
    const asked = new URL(signInUrl).searchParams;
    const code = this.codeFor(asked);
    const back = new URL(asked.get("redirect_uri")!);
    const parameters = { code, state: asked.get("state")!, iss: ISSUER, ...changes };
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) back.searchParams.set(name, value);
    }
    return back.href;
  }

  /** Ends every session; access tokens of them are refused by the API. */
  endSessions(reason: Reason | string = "kicked", mode: "kill" | "stale" = "kill"): void {
    for (const family of this.#families) {
      family.alive = false;
      this.dead.set(family.id, { mode, reason });
    }
  }

  /** The claims changed: tokens given out until now are stale, their sessions live on. */
  changeClaims(): void {
    for (const token of this.given) this.dead.set(token, { mode: "stale", reason: "claims_changed" });
  }

  /** Access tokens that were given out. */
  readonly given: string[] = [];

  refreshTokens(): string[] {
    return this.#families.map(({ refreshToken }) => refreshToken);
  }

  requestsTo(path: string): Request[] {
    return this.requests.filter((request) => new URL(request.url).pathname === path);
  }

  async #api(request: Request): Promise<Response> {
    await this.beforeApi();
    if (this.apiStatus !== undefined) return new Response(null, { status: this.apiStatus });
    const token = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
    const verdict = this.dead.get(token) ?? this.dead.get(token.split(".")[0]!);
    if (verdict === undefined) return Response.json({ token, method: request.method });
    const { mode, reason } = verdict;
    const challenge = `Bearer realm="api", error="invalid_token", reason="${reason}", mode="${mode}"`;
    return Response.json(
      { error: "invalid_token", reason, mode },
      { status: 401, headers: this.exposesChallenge ? { "www-authenticate": challenge } : {} },
    );
  }

  #token(body: URLSearchParams): Response {
    const family = body.get("grant_type") === "refresh_token" ? this.#refreshed(body) : this.#redeemed(body);
    if (family === undefined) {
      const reason = this.refusalReason;
      return Response.json(
        { error: this.refusal, ...(reason && { reason }), ...this.refusalDetails },
        { status: 400 },
      );
    }
    family.refreshToken = randomUUID();
    const accessToken = `${family.id}.${randomUUID()}`;
    this.given.push(accessToken);
    return Response.json({
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: 60,
      refresh_token: family.refreshToken,
      id_token: this.#idToken(family.id),
    });
  }

  #redeemed(body: URLSearchParams): Family | undefined {
    const code = body.get("code") ?? "";
    const known = this.codes.get(code);
    this.codes.delete(code);
    const challenge = createHash("sha256")
      .update(body.get("code_verifier") ?? "")
      .digest("base64url");
    if (known?.challenge !== challenge) return undefined;
    const family = { id: randomUUID(), refreshToken: "", alive: true };
    this.#families.push(family);
    this.#nonces.set(family.id, known.nonce);
    return family;
  }

  #refreshed(body: URLSearchParams): Family | undefined {
    return this.#families.find(
      ({ alive, refreshToken }) => alive && refreshToken === body.get("refresh_token"),
    );
  }

  #idToken(familyId: string): string {
    const seconds = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, sub: "alice", aud: "web", iat: seconds, exp: seconds + 300 };
    const nonce = this.#nonces.get(familyId);
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    return `${encode({ alg: "ES256" })}.${encode({ ...claims, nonce, ...this.idTokenClaims })}.c2ln`;
  }
}

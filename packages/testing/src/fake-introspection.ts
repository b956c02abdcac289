/** The introspection endpoint (RFC 7662) of an issuer for tests: what it says of each token is a map, and it can be made to misbehave. */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  encodeOpaqueToken,
  INTROSPECTS_HEADER,
  type JsonObject,
  type OpaqueTokenKind,
  PERSONAL_TOKEN_CLIENT,
  type Reason,
} from "@portcullis/protocol";
import { AUDIENCE, type FakeIssuer, newIdentifier, sendJson } from "./fake-issuer.ts";

export class FakeIntrospection {
  /** Every token that was asked about, in order. */
  readonly asked: string[] = [];
  /** Members of the answer by token; a token that is not here was never issued. */
  readonly tokens = new Map<string, JsonObject>();
  /** What the client may ask about; undefined: the issuer does not say. */
  introspects: string | undefined = "any";
  /** Answers in the issuer's place; undefined: by the map. */
  misbehave: ((response: ServerResponse) => unknown) | undefined;
  readonly #issuer: FakeIssuer;
  #held: (() => void)[] | undefined;

  constructor(issuer: FakeIssuer) {
    this.#issuer = issuer;
    issuer.metadata.introspection_endpoint = `${issuer.issuer}/introspect`;
    issuer.routes.unshift((request, response) => this.#route(request, response));
  }

  /** Issues an opaque token that lives for an hour; `members` go over those of its answer. */
  issue(members: JsonObject = {}, kind: OpaqueTokenKind = "personal"): string {
    const token = encodeOpaqueToken(kind, randomBytes(32));
    const now = Math.floor(Date.now() / 1000);
    this.tokens.set(token, {
      ...{ active: true, token_type: "Bearer", iss: this.#issuer.issuer, sub: "user-1", aud: [AUDIENCE] },
      ...{ client_id: PERSONAL_TOKEN_CLIENT, scope: "orders.read", jti: newIdentifier(), rv: 0 },
      ...{ iat: now, exp: now + 3600, ...members },
    });
    return token;
  }

  /** Returns what a record of scope token names. */
  idOf = (token: string): string => String(this.tokens.get(token)!.jti);

  end(token: string, reason?: Reason): void {
    this.tokens.set(token, reason === undefined ? { active: false } : { active: false, reason });
  }

  /** Answers nobody until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (!request.url?.endsWith("/introspect")) return false;
    let text = "";
    for await (const chunk of request) text += chunk;
    const token = new URLSearchParams(text).get("token") ?? "";
    this.asked.push(token);
    const answer = (): void => {
      if (this.misbehave !== undefined) return void this.misbehave(response);
      if (this.introspects !== undefined) response.setHeader(INTROSPECTS_HEADER, this.introspects);
      sendJson(response, this.tokens.get(token) ?? { active: false });
    };
    if (this.#held === undefined) answer();
    else this.#held.push(answer);
    return true;
  }
}

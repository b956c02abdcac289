/** An app's back-channel logout endpoint: a real server, which verifies what it is sent as the specification says, with jose. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { until } from "@portcullis/testing/end-to-end";
import { createRemoteJWKSet, decodeProtectedHeader, type JWTPayload, jwtVerify } from "jose";

export interface LogoutToken extends JWTPayload {
  readonly sid: string;
  readonly events: Readonly<Record<string, unknown>>;
}

/** What came in at one path, in order. */
export interface Received {
  readonly path: string;
  readonly token: LogoutToken;
}

/** Answers a request whose token is good. Default: 200. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export interface RelyingParty {
  readonly origin: string;
  readonly received: readonly Received[];
  /** What was sent and was no good logout token. */
  readonly refused: readonly string[];
  /** Of the signatures of what was good, in order. */
  readonly algorithms: readonly string[];
  /** How those at this path are answered from now on. */
  answer(path: string, answer: Answer): void;
  /** Those for this session at this path, once there are so many. */
  tokens(path: string, sid: string, count?: number): Promise<readonly LogoutToken[]>;
  stop(): Promise<void>;
}

export interface RelyingPartyOptions {
  /** Known once the server has started. */
  readonly issuer: () => string;
  /** `client_id` of the app at this path. */
  readonly clientOf: (path: string) => string;
  readonly nowMs?: () => number;
}

const EVENT = "http://schemas.openid.net/event/backchannel-logout";

export async function startRelyingParty(options: RelyingPartyOptions): Promise<RelyingParty> {
  const received: Received[] = [];
  const refused: string[] = [];
  const algorithms: string[] = [];
  const answers = new Map<string, Answer>();
  const server = createServer(async (request, response) => {
    const path = request.url!;
    try {
      const sent = await readForm(request);
      const token = await verified(sent, path, options);
      algorithms.push(decodeProtectedHeader(sent).alg!);
      received.push({ path, token });
      const answer = answers.get(path) ?? ((to: ServerResponse) => to.writeHead(200).end());
      answer(response, request);
    } catch (error) {
      refused.push(`${path}: ${error}`);
      response.writeHead(400).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    refused,
    algorithms,
    answer: (path, answer) => void answers.set(path, answer),
    tokens: (path, sid, count = 1) =>
      until(
        () => {
          const found = received.filter((one) => one.path === path && one.token.sid === sid);
          return found.length >= count ? found.map(({ token }) => token) : undefined;
        },
        { what: `${count} logout tokens at ${path}`, everyMs: 20 },
      ),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readForm(request: IncomingMessage): Promise<string> {
  assert.equal(request.method, "POST");
  assert.match(request.headers["content-type"] ?? "", /^application\/x-www-form-urlencoded/);
  const fields = new URLSearchParams(await text(request));
  assert.deepEqual([...fields.keys()], ["logout_token"]);
  return fields.get("logout_token")!;
}

/** OpenID Connect Back-Channel Logout 1.0, section 2.6. */
async function verified(
  token: string,
  path: string,
  { issuer, clientOf, nowMs = Date.now }: RelyingPartyOptions,
): Promise<LogoutToken> {
  const keys = createRemoteJWKSet(new URL(`${issuer()}/jwks`));
  const { payload } = await jwtVerify(token, keys, {
    issuer: issuer(),
    audience: clientOf(path),
    typ: "logout+jwt",
    requiredClaims: ["iat", "exp", "jti", "sub", "sid", "events"],
    currentDate: new Date(nowMs()),
  });
  const { events, nonce, iat, exp } = payload as LogoutToken;
  assert.deepEqual(events, { [EVENT]: {} });
  assert.equal(nonce, undefined, "a logout token is no ID token");
  assert.equal(exp! - iat!, 120);
  return payload as LogoutToken;
}

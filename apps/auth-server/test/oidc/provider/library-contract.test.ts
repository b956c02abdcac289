/**
 * What we rely on in oidc-provider, tried on the library alone, without our parts. An upgrade that changes one of
 * these fails here, and says which of our parts stood on it (docs/decisions/0002-oidc-provider.md).
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { exportJWK, generateKeyPair } from "jose";
import { type Configuration, errors, Provider } from "oidc-provider";

const RESOURCE = "urn:example:api";
const VERIFIER = "v".repeat(43);
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");
const REDIRECT_URI = "https://app.example/callback";

/** Calls of the adapter in order, as `Model.method`. */
const calls: string[] = [];
const rows = new Map<string, Record<string, unknown>>();
const events: string[] = [];
let consumeFails = false;

function adapter(model: string) {
  const note = (method: string) => void calls.push(`${model}.${method}`);
  return {
    upsert: async (id: string, payload: object) => {
      note("upsert");
      rows.set(`${model} ${id}`, { ...payload });
    },
    find: async (id: string) => {
      note("find");
      return rows.get(`${model} ${id}`);
    },
    findByUid: async (uid: string) => [...rows.values()].find((row) => row.kind === model && row.uid === uid),
    findByUserCode: async () => undefined,
    consume: async (id: string) => {
      note("consume");
      if (consumeFails) throw new errors.InvalidGrant({ cause: new Error("lost the race") });
      rows.get(`${model} ${id}`)!.consumed = 1;
    },
    destroy: async (id: string) => {
      note("destroy");
      rows.delete(`${model} ${id}`);
    },
    revokeByGrantId: async () => note("revokeByGrantId"),
  };
}

let provider: Provider;
let http: Server;
let issuer: string;
const registered: string[] = [];

class Recording extends Provider {
  override registerGrantType(name: string, ...rest: unknown[]): void {
    registered.push(name);
    super.registerGrantType(name, ...(rest as [never]));
  }
}

async function configuration(): Promise<Configuration> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const client = { redirect_uris: [REDIRECT_URI], id_token_signed_response_alg: "ES256" } as const;
  return {
    adapter: adapter as never,
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: "ES256", use: "sig", kid: "one" }] } as never,
    clients: [
      {
        ...client,
        client_id: "app",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
      },
      {
        ...client,
        client_id: "machine",
        client_secret: "stored",
        redirect_uris: [],
        response_types: [],
        grant_types: ["client_credentials"],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    cookies: { keys: ["key"] },
    claims: { openid: ["sub"] },
    scopes: ["openid"],
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    expiresWithSession: () => true,
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: async (_ctx, token) => {
      await Promise.resolve();
      events.push(`extraTokenClaims ${token.kind}`);
      return { rv: 7 };
    },
    features: {
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        defaultResource: (_ctx, _client, oneOf) => oneOf as never,
        getResourceServerInfo: () => ({
          scope: "read",
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  };
}

before(async () => {
  http = createServer((request, response) => void provider.callback()(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  provider = new Recording(issuer, await configuration());
  provider.on("revocation.error", (ctx, error) => {
    events.push(`revocation.error ${error.message} ${ctx.oidc.client?.clientId} ${ctx.headerSent}`);
  });
});
after(() => {
  http.closeAllConnections();
  http.close();
});

const isEnd = (url: URL) => url.href.startsWith(REDIRECT_URI);

/** Through the library's own development pages, which take any name. */
async function authorize(browser = new PlainBrowser()): Promise<{ browser: PlainBrowser; code: string }> {
  const url = new URL("/auth", issuer);
  const parameters = {
    client_id: "app",
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope: "openid read",
    resource: RESOURCE,
    code_challenge: CHALLENGE,
    code_challenge_method: "S256",
  };
  url.search = new URLSearchParams(parameters).toString();
  let page = await browser.open(url, isEnd);
  for (let pages = 0; !isEnd(page.url) && pages < 4; pages++) {
    page = await browser.submit(page, page.forms[0]!, { fill: { login: "alice", password: "any" }, isEnd });
  }
  return { browser, code: page.url.searchParams.get("code")! };
}

const post = (path: string, fields: Record<string, string>, headers = {}) =>
  exchange(`${issuer}${path}`, { body: new URLSearchParams(fields), headers });
const redeem = (code: string) =>
  post("/token", {
    grant_type: "authorization_code",
    client_id: "app",
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: VERIFIER,
  });
const basic = (secret: string) => ({
  authorization: `Basic ${Buffer.from(`machine:${secret}`).toString("base64")}`,
});

describe("oidc-provider", () => {
  it("is the version that these were found in", () => {
    const { version } = createRequire(import.meta.url)("oidc-provider/package.json") as { version: string };
    assert.equal(version, "9.13.3");
  });

  it("registers its own grant handlers through registerGrantType, while it is constructed", () => {
    assert.deepEqual(registered.sort(), ["authorization_code", "client_credentials", "refresh_token"]);
  });

  it("awaits extraTokenClaims for every access token, and puts what it gives into a JWT", async () => {
    events.length = 0;
    const { code } = await authorize();
    const { access_token } = json<{ access_token: string }>(await redeem(code));
    const machine = await post(
      "/token",
      { grant_type: "client_credentials", resource: RESOURCE, scope: "read" },
      basic("stored"),
    );
    assert.equal(machine.status, 200, machine.body);
    assert.deepEqual(events, ["extraTokenClaims AccessToken", "extraTokenClaims ClientCredentials"]);
    assert.equal(JSON.parse(Buffer.from(access_token.split(".")[1]!, "base64url").toString()).rv, 7);
  });

  it("refuses a JWT at revocation only after it has authenticated the client, with an event before the answer", async () => {
    const { code } = await authorize();
    const { access_token } = json<{ access_token: string }>(await redeem(code));
    events.length = 0;
    const unauthenticated = await post("/token/revocation", { token: access_token }, basic("wrong"));
    assert.equal(json(unauthenticated).error, "invalid_client");
    const refused = await post("/token/revocation", { token: access_token }, basic("stored"));
    assert.equal(json(refused).error, "unsupported_token_type");
    assert.equal(events.at(-1), "revocation.error unsupported_token_type machine false");
  });

  it("rotates a session's id by destroy and then upsert, and keeps its uid", async () => {
    const { browser } = await authorize();
    const uids = () => [...rows].filter(([key]) => key.startsWith("Session ")).map(([, row]) => row.uid);
    const [before] = uids().slice(-1);
    calls.length = 0;
    const url = new URL("/auth", issuer);
    url.search = new URLSearchParams({
      client_id: "app",
      response_type: "code",
      redirect_uri: REDIRECT_URI,
      scope: "openid read",
      resource: RESOURCE,
      code_challenge: CHALLENGE,
      code_challenge_method: "S256",
      prompt: "login",
    }).toString();
    let page = await browser.open(url, isEnd);
    page = await browser.submit(page, page.forms[0]!, { fill: { login: "alice", password: "any" }, isEnd });
    assert.ok(isEnd(page.url));
    const session = calls.filter((call) => call === "Session.destroy" || call === "Session.upsert");
    assert.deepEqual(session.slice(-2), ["Session.destroy", "Session.upsert"]);
    assert.ok(uids().includes(before));
  });

  it("ends a grant through the adapter's destroy of Grant, and nothing but it, on a replay", async () => {
    const { code } = await authorize();
    await redeem(code);
    calls.length = 0;
    assert.equal(json(await redeem(code)).error, "invalid_grant");
    assert.ok(calls.includes("Grant.destroy"));
    assert.ok(!calls.includes("Session.destroy"));
  });

  it("passes on what the adapter's consume throws, and issues nothing", async () => {
    const { code } = await authorize();
    consumeFails = true;
    const answer = await redeem(code).finally(() => {
      consumeFails = false;
    });
    assert.equal(json(answer).error, "invalid_grant");
    assert.equal(json(answer).access_token, undefined);
  });

  it("spends the old refresh token, then saves the new one, then makes the access token", async () => {
    const { code } = await authorize();
    const { refresh_token } = json<{ refresh_token: string }>(await redeem(code));
    calls.length = 0;
    const answer = await post("/token", { grant_type: "refresh_token", client_id: "app", refresh_token });
    assert.equal(answer.status, 200, answer.body);
    const writes = calls.filter((call) => call.startsWith("RefreshToken.") && !call.endsWith("find"));
    assert.deepEqual(writes, ["RefreshToken.consume", "RefreshToken.upsert"]);
  });

  it("asks Client.includeSid and Session.sidFor for the sid of an ID token, and validates hints by IdToken.validate", () => {
    const { Client, Session, IdToken } = provider as unknown as Record<string, { prototype: object }>;
    assert.equal(typeof Reflect.get(Client!.prototype, "includeSid"), "function");
    assert.equal(typeof Reflect.get(Session!.prototype, "sidFor"), "function");
    assert.equal(typeof Reflect.get(IdToken!, "validate"), "function");
  });

  it("keeps one secret a session for its page that asks whether to log out, which is why that page is ours", async () => {
    const { browser } = await authorize();
    const [first] = [
      await browser.open(`${issuer}/session/end`),
      await browser.open(`${issuer}/session/end`),
    ];
    const answer = await browser.submit(first, first.forms[0]!, { fill: { logout: "yes" } });
    assert.match(answer.body, /xsrf token invalid/);
  });

  it("logs out by ending each grant and then the session through Session.prototype.destroy", async () => {
    const { browser } = await authorize();
    const page = await browser.open(`${issuer}/session/end`);
    calls.length = 0;
    await browser.submit(page, page.forms[0]!, { fill: { logout: "yes" } });
    const ended = calls.filter((call) => call.endsWith(".destroy"));
    assert.deepEqual(ended, ["Grant.destroy", "Session.destroy"]);
  });

  it("makes sessions through Session.instantiate, and takes the uid that it finds there", () => {
    const Session = provider.Session as unknown as { instantiate(payload?: object): { uid: string } };
    assert.equal(Session.instantiate({ uid: "given" }).uid, "given");
    assert.notEqual(Session.instantiate({}).uid, undefined);
  });

  it("believes the Host header, which is why ours is pinned", async () => {
    const answer = await exchange(`${issuer}/.well-known/openid-configuration`, {
      headers: { host: "evil.test" },
    });
    assert.equal(json(answer).token_endpoint, "http://evil.test/token");
  });

  it("adds the hash of its one inline script to a script-src that is there", async () => {
    provider.use(async (ctx, next) => {
      ctx.set("content-security-policy", "script-src 'none'");
      await next();
    });
    const answer = await exchange(`${issuer}/session/end`, { headers: { accept: "text/html" } });
    assert.match(
      answer.headers["content-security-policy"] as string,
      /^script-src 'none' 'sha256-[\w+/=]+'$/,
    );
  });
});

/** Each app chooses the algorithm of its ID tokens, each API that of its access tokens. Each algorithm has keys of its own. */
import assert from "node:assert/strict";
import { createHash, createPublicKey } from "node:crypto";
import { afterEach, describe, it } from "node:test";
import { connect } from "@portcullis/guard";
import {
  createdAppSchema,
  KEY_KNOWN_AFTER_SECONDS,
  keyListSchema,
  keyRetirementAnswerSchema,
  type RotatedKey,
  rotatedKeySchema,
  type SigningAlgorithm,
} from "@portcullis/protocol";
import { type Exchange, exchange, json, PlainBrowser, RelyingParty } from "@portcullis/testing/end-to-end";
import {
  calculateJwkThumbprint,
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  type JWK,
  jwtVerify,
  SignJWT,
} from "jose";
import { publicPartOf } from "../../src/keys/signing-key.ts";
import { ask, startAdministered } from "../api/administrator.ts";
import { introspect, isEnd, machineToken, ok, passPages, refresh, revokeToken, signIn } from "../oidc/app.ts";
import { REDIRECT_URI, RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { apiToken, forge, kidOf, stealKey, useApi } from "./stolen-key.ts";

let server: ServerUnderTest;
afterEach(() => server.stop());

const OTHERS = ["EdDSA", "RS256"] as const;

interface Algorithms {
  /** Of access tokens for the orders API. */
  readonly api?: SigningAlgorithm;
  /** Of ID tokens for the app `web`. */
  readonly app?: SigningAlgorithm;
}

async function start({ api = "ES256", app = "ES256" }: Algorithms, hooks = {}): Promise<void> {
  server = await startServer({
    change({ resources, clients }) {
      resources[0]!.algorithm = api;
      Object.assign(clients[0]!, { idTokenAlgorithm: app });
    },
    ...hooks,
  });
}

const serviceToken = () => machineToken(server.issuer, "service", RESOURCE, "orders.read");
const headerOf = (jwt: string) => decodeProtectedHeader(jwt);

async function jwks(): Promise<(JWK & { kid: string; alg: string })[]> {
  return json<{ keys: (JWK & { kid: string; alg: string })[] }>(await exchange(`${server.issuer}/jwks`)).keys;
}

const published = async (algorithm: string) =>
  (await jwks()).filter(({ alg }) => alg === algorithm).map(({ kid }) => kid);

async function discovery(): Promise<Record<string, unknown>> {
  return json(await exchange(`${server.issuer}/.well-known/openid-configuration`));
}

async function callKeys(path: string, body?: object): Promise<Exchange> {
  const accessToken = await machineToken(
    server.issuer,
    "admin",
    `${server.issuer}/api`,
    "keys.read keys.write",
  );
  const common = { authorization: `Bearer ${accessToken}` };
  return exchange(`${server.issuer}/api/v1/keys${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? common : { ...common, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function rotate(algorithm: SigningAlgorithm): Promise<RotatedKey> {
  const answer = await callKeys("/rotate", { algorithm });
  assert.equal(answer.status, 200, answer.body);
  return rotatedKeySchema.parse(json(answer));
}

async function retire(kid: string) {
  const answer = await callKeys(`/${kid}/retire`, {});
  assert.equal(answer.status, 200, answer.body);
  return keyRetirementAnswerSchema.parse(json(answer));
}

const statusesOf = async (algorithm: SigningAlgorithm) => {
  const { items } = keyListSchema.parse(json(await callKeys("")));
  return items.filter((key) => key.algorithm === algorithm).map(({ status }) => status);
};

/** As OpenID Connect Core 1.0, section 3.1.3.6, has it. */
function atHashOf(accessToken: string, algorithm: SigningAlgorithm): string {
  const hash = createHash(algorithm === "EdDSA" ? "sha512" : "sha256")
    .update(accessToken)
    .digest();
  return hash.subarray(0, hash.length / 2).toString("base64url");
}

/** Somebody else's library, told of one algorithm alone. */
async function verifies(jwt: string, algorithm: SigningAlgorithm): Promise<void> {
  const keySet = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
  await jwtVerify(jwt, keySet, { issuer: server.issuer, algorithms: [algorithm] });
}

describe("an issuer that nobody has asked for another algorithm", () => {
  it("offers ES256 alone, and refuses to say that it signs with another", async () => {
    await start({});
    assert.deepEqual(
      (await jwks()).map(({ alg }) => alg),
      ["ES256", "ES256"],
    );
    assert.deepEqual((await discovery()).id_token_signing_alg_values_supported, ["ES256"]);
    const answer = await callKeys("/rotate", { algorithm: "HS256" });
    assert.equal(answer.status, 400, answer.body);
  });
});

for (const algorithm of OTHERS) {
  describe(`an app and an API with ${algorithm}`, () => {
    it("get tokens that jose verifies, beside others that have ES256", async () => {
      await start({ api: algorithm, app: algorithm });
      const device = await signIn(server);
      const again = ok(await refresh(server.issuer, device.refresh_token));
      for (const jwt of [device.access_token, device.id_token, again.access_token, again.id_token]) {
        assert.equal(headerOf(jwt).alg, algorithm);
        await verifies(jwt, algorithm);
      }
      const other = await signIn(server, { parameters: { client_id: "other" } });
      assert.deepEqual(
        [headerOf(other.access_token).alg, headerOf(other.id_token).alg],
        [algorithm, "ES256"],
      );
      await verifies(other.id_token, "ES256");
      assert.equal(
        (await useApi(server.issuer, await apiToken(server.issuer, `${server.issuer}/api`))).status,
        200,
      );
    });

    it("are told of by discovery and the JWKS, in which keys that sign come first and ES256 before all", async () => {
      await start({ app: algorithm });
      assert.deepEqual((await discovery()).id_token_signing_alg_values_supported, ["ES256", algorithm]);
      const keys = await jwks();
      assert.deepEqual(
        keys.map(({ alg }) => alg),
        ["ES256", algorithm, "ES256", algorithm],
      );
      for (const key of keys) {
        assert.ok(!("d" in key), "no private part");
        assert.equal(key.kid, await calculateJwkThumbprint(key));
      }
      const device = await signIn(server);
      assert.deepEqual([kidOf(device.access_token), kidOf(device.id_token)], [keys[0]!.kid, keys[1]!.kid]);
    });

    it("are introspected, revoked, and passed and refused by a guard, as with ES256", async () => {
      await start({ api: algorithm, app: algorithm });
      const guard = connect({
        issuer: server.issuer,
        audience: RESOURCE,
        clientId: "orders",
        clientSecret: "orders-secret-0123456789abcdef",
        name: "orders-1",
      });
      try {
        await guard.whenReady();
        const device = await signIn(server);
        const outcomes = async () => {
          const decision = await guard.authenticate(`Bearer ${device.access_token}`);
          const { active } = await introspect(server.issuer, "orders", device.access_token);
          return [decision.outcome, active];
        };
        assert.deepEqual(await outcomes(), ["allow", true]);
        const revoked = await revokeToken(server.issuer, device.access_token, { prefer: "wait=5" });
        assert.equal(revoked.status, 200, revoked.body);
        await applied(guard.replica, server.server.storage.log.head());
        const [outcome, active] = await outcomes();
        assert.notEqual(outcome, "allow");
        assert.equal(active, false);
      } finally {
        await guard.close();
      }
    });

    it("sign in with openid-client, which takes no other algorithm and checks the signature", async () => {
      await start({ app: algorithm });
      const info = { issuer: server.issuer, resource: RESOURCE, clients: { web: {} as never } };
      const registration = { clientId: "web", redirectUri: REDIRECT_URI, idTokenAlgorithm: algorithm };
      const app = await RelyingParty.discover(info, registration);
      const attempt = await app.begin({ scope: "openid orders.read" });
      const tokens = await attempt.finish(await passPages(new PlainBrowser(), attempt.url));
      assert.equal(headerOf(tokens.idToken).alg, algorithm);
      await app.refresh(tokens.refreshToken!);
      const wrong = await RelyingParty.discover(info, { ...registration, idTokenAlgorithm: "ES256" });
      await assert.rejects(wrong.refresh(tokens.refreshToken!), { code: "OAUTH_INVALID_RESPONSE" });
    });

    it("keep their keys when the server is started again", async () => {
      await start({ api: algorithm });
      const before = await jwks();
      await server.restart();
      assert.deepEqual(await jwks(), before);
      await verifies(await serviceToken(), algorithm);
    });
  });

  describe(`keys of ${algorithm}`, () => {
    it("rotate by themselves: each algorithm has one that signs and one that is next", async () => {
      await start({ api: algorithm });
      const verifier = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
      await verifier.reload();
      const [ofOthers, [active, next]] = [await published("ES256"), await published(algorithm)];
      const before = await serviceToken();
      const rotated = await rotate(algorithm);
      assert.deepEqual([rotated.kid, rotated.algorithm], [next, algorithm]);
      const after = await serviceToken();
      assert.deepEqual([kidOf(before), kidOf(after)], [active, next]);
      assert.deepEqual(await published(algorithm), [next, rotated.next, active]);
      assert.deepEqual(await published("ES256"), ofOthers);
      for (const jwt of [before, after]) await jwtVerify(jwt, verifier);
      const es256 = await rotate("ES256");
      assert.deepEqual([es256.kid, es256.algorithm], [ofOthers[1], "ES256"]);
      assert.deepEqual((await published(algorithm)).slice(0, 2), [next, rotated.next]);
    });

    it("have successors of the same algorithm when they are retired, and the others live on", async () => {
      await start({ api: algorithm });
      const [ofOthers, [active, next]] = [await published("ES256"), await published(algorithm)];
      const dead = await serviceToken();
      const stolen = await stealKey(server, "active", algorithm);
      const { signing } = await retire(active!);
      assert.deepEqual([signing.kid, signing.algorithm, signing.changed], [next, algorithm, true]);
      assert.equal(kidOf(await serviceToken()), next);
      const [signs, successor, ...none] = await published(algorithm);
      assert.deepEqual([signs, none], [next, []]);
      assert.notEqual(successor, active);
      assert.deepEqual(await published("ES256"), ofOthers);
      assert.equal((await introspect(server.issuer, "orders", dead)).active, false);
      const forgery = { issuer: server.issuer, audience: RESOURCE, nowSeconds: Date.now() / 1000 };
      const forged = await forge(stolen, forgery);
      assert.equal((await introspect(server.issuer, "orders", forged)).active, false);
      const row = await server.server.storage.read
        .selectFrom("oidc_signing_keys")
        .select("jwk")
        .where("kid", "=", active!)
        .executeTakeFirstOrThrow();
      assert.deepEqual(JSON.parse(row.jwk), publicPartOf(stolen), "its private part is gone");
    });

    it("are one that signs and one that is next, whatever is done at once", async () => {
      await start({ api: algorithm });
      const [active, next] = await published(algorithm);
      const { ring, revocations } = server.server;
      const kill = (key: string) =>
        revocations.revoker.revoke({ scope: "key", key, mode: "kill", reason: "key_retired" });
      await Promise.all([
        ring.rotate({ algorithm }),
        kill(active!),
        ring.offer(algorithm),
        kill(next!),
        ring.rotate({ algorithm }),
        ring.rotate(),
      ]);
      for (const name of ["ES256", algorithm] as const)
        assert.deepEqual((await statusesOf(name)).slice(0, 2), ["active", "next"]);
      await verifies(await serviceToken(), algorithm);
    });

    it("are made anew when only a record says that they are dead, as an older version writes it", async () => {
      await start({ api: algorithm });
      const [active] = await published(algorithm);
      await server.server.storage.write(({ append }) =>
        append([{ scope: "key", key: active!, mode: "kill", reason: "revoked" }]),
      );
      assert.notEqual(kidOf(await serviceToken()), active);
      assert.deepEqual((await statusesOf(algorithm)).toSorted(), ["active", "next", "retired"]);
    });

    it("can be published before anything uses them, so that nobody's verifier is surprised", async () => {
      await start({});
      const made = await rotate(algorithm);
      assert.equal(made.warning?.code, "recently_published");
      assert.deepEqual(await published(algorithm), [made.kid, made.next]);
      assert.deepEqual(await statusesOf(algorithm), ["active", "next"]);
      server.advance(KEY_KNOWN_AFTER_SECONDS * 1000);
      assert.equal("warning" in (await server.server.ring.offer(algorithm)), false);
      assert.deepEqual(await published(algorithm), [made.kid, made.next]);
    });

    it("that are offered when they are asked for come with a warning: verifiers may not know them yet", async () => {
      await start({});
      const offered = await server.server.ring.offer(algorithm);
      assert.deepEqual([offered.algorithm, offered.warning?.code], [algorithm, "recently_published"]);
      assert.deepEqual((await published(algorithm))[0], offered.kid);
      const [made] = server.logged("signing_key_made").filter((line) => line.algorithm === algorithm);
      assert.equal(made?.key, offered.kid.slice(0, 8));
    });
  });
}

/** Resolves when the replica has applied the record. */
function applied(
  replica: { readonly applied: number; subscribe(listener: () => void): () => void },
  seq: number,
): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (replica.applied < seq) return;
      stop();
      resolve();
    };
    const stop = replica.subscribe(check);
    check();
  });
}

describe("a token whose header names another algorithm than its key has", () => {
  const forgery = () => ({
    issuer: server.issuer,
    audience: `${server.issuer}/api`,
    nowSeconds: Date.now() / 1000,
  });

  it("is refused: the public RSA key is no shared secret", async () => {
    await start({ api: "RS256" });
    const [, key] = await jwks();
    assert.equal(key!.alg, "RS256");
    const pem = createPublicKey({ key: key as never, format: "jwk" }).export({ type: "spki", format: "pem" });
    const forged = await new SignJWT({ client_id: "admin", scope: "revocations.read", rv: 1 })
      .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: key!.kid })
      .setIssuer(server.issuer)
      .setAudience(`${server.issuer}/api`)
      .setSubject("admin")
      .setJti("abc")
      .setIssuedAt()
      .setExpirationTime("5m")
      .sign(Buffer.from(pem as string));
    assert.equal((await useApi(server.issuer, forged)).status, 401);
    assert.equal((await introspect(server.issuer, "auditor", forged)).active, false);
  });

  it("is refused: an RSA key verifies RS256 alone", async () => {
    await start({ api: "RS256" });
    const stolen = await stealKey(server, "active", "RS256");
    for (const [alg, status] of [
      ["RS256", 200],
      ["PS256", 401],
      ["RS512", 401],
    ] as const) {
      const { alg: _, ...key } = stolen;
      const forged = await forge(key as typeof stolen, { ...forgery(), alg });
      assert.equal((await useApi(server.issuer, forged)).status, status, alg);
      assert.equal((await introspect(server.issuer, "auditor", forged)).active, status === 200, alg);
    }
  });

  it("is refused: what is signed with an algorithm that the issuer does not offer", async () => {
    await start({});
    for (const alg of OTHERS) {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      const jwk = { ...(await exportJWK(privateKey)), alg };
      for (const kid of [await calculateJwkThumbprint(jwk), (await jwks())[0]!.kid]) {
        const forged = await forge({ ...jwk, kid }, forgery());
        assert.equal((await useApi(server.issuer, forged)).status, 401, alg);
        assert.equal((await introspect(server.issuer, "auditor", forged)).active, false, alg);
      }
    }
  });
});

describe("a repeated refresh within the grace, of tokens with two algorithms", () => {
  it("gets the ID token under the key of today when only its key was retired", async () => {
    await start({ api: "RS256", app: "EdDSA" });
    const device = await signIn(server);
    const first = ok(await refresh(server.issuer, device.refresh_token));
    await retire(kidOf(first.id_token));
    const again = ok(await refresh(server.issuer, device.refresh_token));
    assert.equal(again.access_token, first.access_token);
    assert.equal(kidOf(again.id_token), (await published("EdDSA"))[0]);
    assert.deepEqual(decodeJwt(again.id_token), decodeJwt(first.id_token));
    await verifies(again.id_token, "EdDSA");
  });

  it("gets an ID token that fits the access token when only that one's key was retired", async () => {
    await start({ api: "RS256", app: "EdDSA" });
    const device = await signIn(server);
    const first = ok(await refresh(server.issuer, device.refresh_token));
    await retire(kidOf(first.access_token));
    const again = ok(await refresh(server.issuer, device.refresh_token));
    assert.equal(kidOf(again.access_token), (await published("RS256"))[0]);
    await verifies(again.access_token, "RS256");
    await verifies(again.id_token, "EdDSA");
    assert.equal(decodeJwt(again.id_token).at_hash, atHashOf(again.access_token, "EdDSA"));
  });
});

describe("a key that is retired while it signs an ID token", () => {
  it("answers nothing: 503, and the same refresh token brings one the next time", async () => {
    let armed: (() => Promise<unknown>) | undefined;
    const failpoint = async (done: string) => {
      const work = done === "verdict_allows" ? armed : undefined;
      if (work === undefined) return;
      armed = undefined;
      await work();
    };
    await start({ app: "EdDSA" }, { testHooks: { failpoint } });
    const device = await signIn(server);
    const kid = kidOf(device.id_token);
    const { revoker } = server.server.revocations;
    armed = () => revoker.revoke({ scope: "key", key: kid, mode: "kill", reason: "key_retired" });
    const refused = await refresh(server.issuer, device.refresh_token);
    assert.equal(refused.status, 503, refused.body);
    const next = ok(await refresh(server.issuer, device.refresh_token));
    assert.notEqual(kidOf(next.id_token), kid);
    await verifies(next.id_token, "EdDSA");
  });
});

describe("an algorithm that is asked for by the API", () => {
  const app = {
    type: "spa",
    name: "Mail",
    redirectUris: [REDIRECT_URI],
    apis: { [RESOURCE]: ["orders.read"] },
  };
  const parameters = { client_id: "mail", scope: "openid orders.read" };

  it("signs the ID tokens of an app that is made with it, and the answer warns while its key is young", async () => {
    server = await startAdministered();
    const body = { ...app, clientId: "mail", idTokenAlgorithm: "RS256" };
    const made = await ask(server, ["POST", "apps"], { body });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(createdAppSchema.parse(made.body).warning?.code, "recently_published");
    const device = await signIn(server, { parameters });
    assert.deepEqual([headerOf(device.id_token).alg, headerOf(device.access_token).alg], ["RS256", "ES256"]);
    await verifies(device.id_token, "RS256");
    server.advance(KEY_KNOWN_AFTER_SECONDS * 1000);
    const other = await ask(server, ["POST", "apps"], { body: { ...body, clientId: "later" } });
    assert.equal("warning" in other.body, false);
  });

  it("signs what an app and an API get after they were changed, and ends nothing", async () => {
    server = await startAdministered();
    const before = await signIn(server);
    const api = encodeURIComponent(RESOURCE);
    const changedApi = await ask(server, ["PATCH", `apis/${api}`], { body: { algorithm: "EdDSA" } });
    const changedApp = await ask(server, ["PATCH", "apps/web"], { body: { idTokenAlgorithm: "RS256" } });
    for (const { status, body } of [changedApi, changedApp]) {
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(
        [(body as { warning?: { code: string } }).warning?.code, "receipt" in body],
        ["recently_published", false],
      );
    }
    assert.equal((await introspect(server.issuer, "orders", before.access_token)).active, true);
    const after = ok(await refresh(server.issuer, before.refresh_token));
    assert.deepEqual([headerOf(after.access_token).alg, headerOf(after.id_token).alg], ["EdDSA", "RS256"]);
    await verifies(after.access_token, "EdDSA");
    await verifies(after.id_token, "RS256");
    const back = await ask(server, ["PATCH", "apps/web"], { body: { idTokenAlgorithm: null } });
    assert.deepEqual([back.status, "warning" in back.body], [200, false]);
    assert.equal(headerOf((await signIn(server)).id_token).alg, "ES256");
  });

  it("is not made for an app or an API that is refused, nor for a dry run", async () => {
    server = await startAdministered();
    const apiPath = (identifier: string) => `apis/${encodeURIComponent(identifier)}`;
    const own = `${server.issuer}/api`;
    const newApi = { name: "Maps", permissions: { "maps.read": "See maps" }, algorithm: "EdDSA" };
    const asked = { idTokenAlgorithm: "RS256" };
    const stale = { "if-match": '"7"' };
    const calls = [
      [404, ["PATCH", "apps/nobody"], { body: asked }],
      [404, ["PATCH", apiPath("https://nowhere.example")], { body: { algorithm: "EdDSA" } }],
      [409, ["POST", "apps"], { body: { ...app, ...asked, clientId: "web" } }],
      [400, ["POST", "apps"], { body: { ...app, ...asked, apis: { "https://nowhere.example": ["x"] } } }],
      [412, ["PATCH", "apps/web"], { body: asked, headers: stale }],
      [400, ["PATCH", "apps/web"], { body: { ...asked, defaultApi: "https://nowhere.example" } }],
      [409, ["POST", "apis"], { body: { ...newApi, identifier: RESOURCE } }],
      [409, ["POST", "apis"], { body: { ...newApi, identifier: own } }],
      [412, ["PATCH", apiPath(RESOURCE)], { body: { algorithm: "EdDSA" }, headers: stale }],
      [409, ["PATCH", apiPath(own)], { body: { algorithm: "EdDSA" } }],
      [200, ["PATCH", "apps/web?dryRun=true"], { body: asked }],
      [200, ["PATCH", `${apiPath(RESOURCE)}?dryRun=true`], { body: { algorithm: "EdDSA" } }],
    ] as const;
    for (const [status, call, asking] of calls) {
      const answer = await ask(server, call, asking);
      assert.equal(answer.status, status, JSON.stringify([call, answer.body]));
      assert.deepEqual(new Set((await jwks()).map(({ alg }) => alg)), new Set(["ES256"]), call.join(" "));
    }
  });
});

describe("an app that gets another algorithm", () => {
  /** As the API does it: keys first. */
  async function change(algorithm: SigningAlgorithm): Promise<void> {
    const { ring, oidc, storage } = server.server;
    await ring.offer(algorithm);
    await storage.write(async (transaction) => {
      const app = await oidc.clients.lock(transaction, "web");
      await oidc.clients.update(transaction, "web", { ...app, idTokenAlgorithm: algorithm });
    });
  }

  it("gets the next ID token with it, while its pages and its older tokens go on", async () => {
    await start({});
    const device = await signIn(server);
    await change("RS256");
    const next = ok(await refresh(server.issuer, device.refresh_token));
    assert.deepEqual([headerOf(next.access_token).alg, headerOf(next.id_token).alg], ["ES256", "RS256"]);
    await verifies(next.id_token, "RS256");
    assert.equal((await introspect(server.issuer, "orders", device.access_token)).active, true);
    const elsewhere = await signIn(server);
    assert.equal(headerOf(elsewhere.id_token).alg, "RS256");
  });

  it("can still name its user by an ID token of before: at the authorization endpoint, and to sign out", async () => {
    await start({});
    const device = await signIn(server);
    await change("EdDSA");
    const silently = new URL("/authorize", server.issuer);
    const parameters = {
      client_id: "web",
      response_type: "code",
      redirect_uri: REDIRECT_URI,
      scope: "openid",
      prompt: "none",
      id_token_hint: device.id_token,
      code_challenge: "a".repeat(43),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(parameters)) silently.searchParams.set(name, value);
    const { url } = await device.browser.open(silently, isEnd);
    assert.ok(url.searchParams.has("code"), url.href);
    const signOut = new URL("/logout", server.issuer);
    signOut.searchParams.set("id_token_hint", device.id_token);
    const page = await device.browser.open(signOut, isEnd);
    assert.equal(page.status, 200);
    const { id_token } = device;
    const forged = `${id_token.slice(0, id_token.lastIndexOf("."))}.${"A".repeat(86)}`;
    silently.searchParams.set("id_token_hint", forged);
    const refused = await new PlainBrowser().open(silently, isEnd);
    assert.equal(refused.url.searchParams.get("error"), "invalid_request");
  });
});

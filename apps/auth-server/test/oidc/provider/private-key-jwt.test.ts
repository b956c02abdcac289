/** Apps that prove who they are by what they sign (`private_key_jwt`, RFC 7523; OpenID Connect Core, section 9). */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { begin, claimsOf, form, introspect, machineToken, ok, token, verdictOf } from "../app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";

interface KeyPair {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

async function keyPair(alg: string, kid: string): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid } };
}

const KEYS = {
  es256: await keyPair("ES256", "es256"),
  rs256: await keyPair("RS256", "rs256"),
  eddsa: await keyPair("EdDSA", "eddsa"),
  other: await keyPair("ES256", "other"),
  next: await keyPair("ES256", "next"),
};

/** What the app publishes itself, and what becomes of who asks for it. */
const published = {
  keys: [KEYS.es256.jwk] as unknown,
  status: 200,
  asked: 0,
  headers: {} as Record<string, string>,
};
const keyServer = createServer((_request, response) => {
  published.asked++;
  response.writeHead(published.status, published.headers).end(JSON.stringify({ keys: published.keys }));
});

let server: ServerUnderTest;
before(async () => {
  await new Promise<void>((resolve) => keyServer.listen(0, "127.0.0.1", resolve));
  const { port } = keyServer.address() as AddressInfo;
  server = await startServer({
    change(document) {
      const [web, , { clientSecret: _, ...service }] = document.clients as never as [
        object,
        object,
        { clientSecret: string },
      ];
      Object.assign(document, { outgoing: { privateTargets: [`127.0.0.1:${port}`] } });
      const jwks = { keys: [KEYS.es256, KEYS.rs256, KEYS.eddsa].map(({ jwk }) => jwk) };
      const more = [
        { ...service, clientId: "signer", jwks },
        // Its name goes on where that of the other ends.
        { ...service, clientId: "signer-2", jwks },
        { ...service, clientId: "publisher", jwksUri: `http://127.0.0.1:${port}/jwks` },
        { ...web, clientId: "signing-web", jwks },
      ];
      (document.clients as object[]).push(...more);
    },
  });
});
after(async () => {
  await server.stop();
  keyServer.closeAllConnections();
  keyServer.close();
});

interface Assertion {
  readonly key?: KeyPair;
  readonly alg?: string;
  readonly kid?: string;
  readonly clientId?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
}

let names = 0;
const nowSeconds = (): number => Math.floor(server.nowMs() / 1000);

function assertion({
  key = KEYS.es256,
  clientId = "signer",
  claims = {},
  ...header
}: Assertion = {}): Promise<string> {
  const iat = nowSeconds();
  const all = {
    iss: clientId,
    sub: clientId,
    aud: server.issuer,
    iat,
    exp: iat + 60,
    jti: `jti-${++names}`,
    ...claims,
  };
  const said = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const { alg = key.alg, kid = key.kid } = header;
  return new SignJWT(said).setProtectedHeader({ alg, ...(kid === "" ? {} : { kid }) }).sign(key.privateKey);
}

const TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const CREDENTIALS = { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" };

async function authenticate(
  about: Assertion = {},
  fields: Record<string, string> = CREDENTIALS,
): Promise<Exchange> {
  return token(server.issuer, {
    ...fields,
    client_assertion_type: TYPE,
    client_assertion: await assertion(about),
  });
}

function assertNotAccepted(answer: Exchange, what?: string): void {
  assert.deepEqual([answer.status, json(answer).error], [401, "invalid_client"], what ?? answer.body);
}

describe("an app that signs with a key of its own", () => {
  it("gets tokens, with a key of any kind that it has", async () => {
    for (const key of [KEYS.es256, KEYS.rs256, KEYS.eddsa]) {
      const { access_token } = ok(await authenticate({ key }));
      assert.equal(claimsOf(access_token).client_id, "signer");
    }
    ok(await authenticate({ key: KEYS.rs256, alg: "RS256", kid: "" }));
  });

  it("names the issuer or the token endpoint as who it speaks to, and nobody else beside them", async () => {
    const { issuer } = server;
    for (const aud of [issuer, `${issuer}/token`, [issuer], [issuer, `${issuer}/token`]]) {
      ok(await authenticate({ claims: { aud } }));
    }
    for (const aud of [
      `${issuer}/`,
      "https://other.example",
      `${issuer}.evil.example`,
      [],
      undefined,
      [issuer, "https://other.example"],
    ]) {
      assertNotAccepted(await authenticate({ claims: { aud } }), String(aud));
    }
  });

  it("is not believed when anything about the assertion is wrong", async () => {
    const now = nowSeconds();
    const wrong: Readonly<Record<string, Assertion>> = {
      "the key of another": { key: KEYS.other },
      "the key of another, under its name": { key: KEYS.other, kid: "es256" },
      "no expiry": { claims: { exp: undefined } },
      expired: { claims: { iat: now - 120, exp: now - 60 } },
      "good for more than ten minutes": { claims: { exp: now + 700 } },
      "good for ever": { claims: { exp: 4_000_000_000 } },
      "not good yet": { claims: { nbf: now + 600 } },
      "no name": { claims: { jti: undefined } },
      "a name that is no text": { claims: { jti: 7 } },
      "a name without end": { claims: { jti: "x".repeat(1000) } },
      "said by another app": { claims: { iss: "publisher" } },
      "no issuer": { claims: { iss: undefined } },
    };
    for (const [what, about] of Object.entries(wrong)) assertNotAccepted(await authenticate(about), what);
  });

  it("is not believed unsigned, signed with a secret, or with the algorithm of another kind of key", async () => {
    const { issuer } = server;
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = encode({
      iss: "signer",
      sub: "signer",
      aud: issuer,
      exp: nowSeconds() + 60,
      jti: `jti-${++names}`,
    });
    const publicKey = new TextEncoder().encode(JSON.stringify(KEYS.es256.jwk));
    const hmac = await new SignJWT({
      iss: "signer",
      sub: "signer",
      aud: issuer,
      exp: nowSeconds() + 60,
      jti: `jti-${++names}`,
    })
      .setProtectedHeader({ alg: "HS256", kid: "es256" })
      .sign(publicKey);
    const [, payload, signature] = (await assertion()).split(".");
    const mislabelled = `${encode({ alg: "RS256", kid: "es256" })}.${payload}.${signature}`;
    for (const client_assertion of [`${encode({ alg: "none" })}.${claims}.`, hmac, mislabelled]) {
      const answer = await token(issuer, { ...CREDENTIALS, client_assertion_type: TYPE, client_assertion });
      assertNotAccepted(answer, client_assertion.slice(0, 20));
    }
  });

  it("does not get in by its name alone, nor by a secret, and an app with a secret not by an assertion", async () => {
    assertNotAccepted(await token(server.issuer, { ...CREDENTIALS, client_id: "signer" }));
    assertNotAccepted(
      await token(server.issuer, { ...CREDENTIALS, client_id: "signer", client_secret: "x".repeat(30) }),
    );
    assertNotAccepted(await authenticate({ clientId: "service" }));
    const both = { ...CREDENTIALS, client_secret: "x".repeat(30) };
    assert.equal((await authenticate({}, both)).status, 400);
    assert.equal((await authenticate({}, { ...CREDENTIALS, client_id: "service" })).status, 400);
  });

  it("is believed once for each assertion: of 50 requests with one, one is", async () => {
    const client_assertion = await assertion();
    const fields = { ...CREDENTIALS, client_assertion_type: TYPE, client_assertion };
    const answers = await Promise.all(Array.from({ length: 50 }, () => token(server.issuer, fields)));
    const [accepted, refused] = [200, 401].map((status) =>
      answers.filter((answer) => answer.status === status),
    );
    assert.deepEqual([accepted!.length, refused!.length], [1, 49]);
    for (const answer of refused!) assertNotAccepted(answer);
    assertNotAccepted(await token(server.issuer, fields));
  });

  it("is not held up by an app whose name begins like its own, whatever the two call their assertions", async () => {
    ok(await authenticate({ clientId: "signer-2", claims: { jti: "first" } }));
    ok(await authenticate({ clientId: "signer", claims: { jti: "-2first" } }));
    for (const [clientId, jti] of [
      ["signer-2", "first"],
      ["signer", "-2first"],
    ] as const) {
      assertNotAccepted(await authenticate({ clientId, claims: { jti } }), `${clientId}: ${jti}`);
    }
  });

  it("may say to a part of a second when its assertion ends, and is believed once all the same", async () => {
    const claims = { jti: `jti-${++names}`, exp: nowSeconds() + 60.5 };
    ok(await authenticate({ claims }));
    assertNotAccepted(await authenticate({ claims }));
  });

  it("introspects, revokes, and sends requests ahead", async () => {
    const { issuer } = server;
    const own = async (fields: Record<string, string>, clientId = "signer") =>
      form({ ...fields, client_assertion_type: TYPE, client_assertion: await assertion({ clientId }) });
    const { access_token } = ok(await authenticate());
    const introspection = await exchange(`${issuer}/introspect`, {
      body: await own({ token: access_token }),
    });
    assert.equal(json(introspection).active, true);
    assert.equal(
      (await exchange(`${issuer}/revoke`, { body: await own({ token: access_token }) })).status,
      200,
    );
    assert.equal(verdictOf(server, access_token), "revoked");
    const request = Object.fromEntries(begin(issuer, { client_id: "signing-web" }).url.searchParams);
    const claims = { aud: `${issuer}/par` };
    const ahead = form({
      ...request,
      client_assertion_type: TYPE,
      client_assertion: await assertion({ clientId: "signing-web", claims }),
    });
    assert.equal((await exchange(`${issuer}/par`, { body: ahead })).status, 201);
    const ofOther = await machineToken(issuer, "service", RESOURCE, "orders.read");
    assert.equal((await introspect(issuer, "orders", ofOther)).active, true);
  });
});

describe("an app that publishes its keys", () => {
  const enter = (key: KeyPair) => authenticate({ clientId: "publisher", key });

  it("is asked for them once a minute, whatever it says of caching", async () => {
    published.headers = { "cache-control": "max-age=86400", expires: "Wed, 21 Oct 2099 07:28:00 GMT" };
    server.advance(61_000);
    published.asked = 0;
    for (let request = 0; request < 3; request++) ok(await enter(KEYS.es256));
    assert.equal(published.asked, 1);
  });

  it("changes its keys: a new one counts within a minute, and a withdrawn one no longer", async () => {
    published.keys = [KEYS.next.jwk];
    server.advance(61_000);
    ok(await enter(KEYS.next));
    assertNotAccepted(await enter(KEYS.es256));
    published.keys = [KEYS.es256.jwk];
    ok(await enter(KEYS.next));
    server.advance(61_000);
    assertNotAccepted(await enter(KEYS.next));
    ok(await enter(KEYS.es256));
  });

  it("is told to come again while its keys cannot be fetched, and its server is left alone meanwhile", async () => {
    server.advance(61_000);
    Object.assign(published, { status: 500, asked: 0 });
    for (let request = 0; request < 3; request++) {
      const answer = await enter(KEYS.es256);
      assert.deepEqual([answer.status, json(answer).error], [503, "temporarily_unavailable"]);
      assert.match(answer.body, /The app's keys cannot be fetched from its jwksUri/);
    }
    assert.equal(published.asked, 1);
    published.status = 200;
    server.advance(5_001);
    ok(await enter(KEYS.es256));
  });

  it("is told to come again as well when what it publishes is no key set, and the keys of before count no longer", async () => {
    for (const keys of ["none", [KEYS.es256.jwk, { kty: "oct", k: "c2VjcmV0" }]]) {
      server.advance(61_000);
      published.keys = keys;
      for (let request = 0; request < 2; request++) {
        const answer = await enter(KEYS.es256);
        assert.deepEqual([answer.status, json(answer).error], [503, "temporarily_unavailable"], answer.body);
      }
    }
    published.keys = [KEYS.es256.jwk];
    server.advance(5_001);
    ok(await enter(KEYS.es256));
  });

  it("is not asked where no assertion is shown", async () => {
    server.advance(61_000);
    published.asked = 0;
    assertNotAccepted(await token(server.issuer, { ...CREDENTIALS, client_id: "publisher" }));
    assert.equal(published.asked, 0);
  });
});

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FakeIssuer } from "@portcullis/testing";
import {
  apiResourceOf,
  discoverIssuer,
  endpointOf,
  ISSUER_ERRORS,
  revocationsEndpointOf,
} from "../src/index.ts";
import { answerAt, IMPATIENT_MS, json, MISBEHAVIOURS, STALLS } from "./misbehaving-issuer.ts";

const DISCOVERY = "/.well-known/openid-configuration";

let issuer: FakeIssuer;
beforeEach(async () => {
  issuer = await FakeIssuer.start();
});
afterEach(() => issuer[Symbol.asyncDispose]());

const discovered = () => discoverIssuer({ issuer: issuer.issuer });

test("the metadata is what the issuer says, asked for anew each time", async () => {
  assert.equal((await discovered()).jwks_uri, `${issuer.issuer}/jwks`);
  issuer.metadata.jwks_uri = `${issuer.issuer}/moved`;
  assert.equal((await discovered()).jwks_uri, `${issuer.issuer}/moved`);
});

test("metadata is found where RFC 8414 has it, for an issuer with a path", async () => {
  await using tenant = await FakeIssuer.start({ path: "/tenant" });
  const asked: unknown[] = [];
  tenant.routes.push((request, response) => {
    asked.push(request.url);
    if (request.url !== "/.well-known/oauth-authorization-server/tenant") response.writeHead(404).end();
    else json({ issuer: tenant.issuer })(response);
    return true;
  });
  assert.equal((await discoverIssuer({ issuer: tenant.issuer })).issuer, tenant.issuer);
  assert.deepEqual(asked, [
    "/tenant/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server/tenant",
  ]);
});

test("an issuer that publishes no metadata at all is told so", async () => {
  const away = `${issuer.issuer}/nobody`;
  await assert.rejects(discoverIssuer({ issuer: away }), {
    code: "issuer_unreadable",
    message: `${away} publishes no metadata (RFC 8414). Is the issuer's URL right?`,
  });
});

for (const [what, found] of [
  ["of another issuer", "https://evil.example"],
  ["with a slash more", (own: string) => `${own}/`],
  ["in another case", (own: string) => own.replace("http", "HTTP")],
] as const) {
  test(`metadata ${what} is refused, and both names are said`, async () => {
    const other = typeof found === "string" ? found : found(issuer.issuer);
    issuer.metadata.issuer = other;
    await assert.rejects(discovered(), (error: Error & { code: string }) => {
      assert.equal(error.code, "issuer_mismatch");
      assert.ok(error.message.includes(`found ${JSON.stringify(issuer.issuer)}`), error.message);
      assert.ok(error.message.includes(`of ${JSON.stringify(other)}`), error.message);
      return true;
    });
  });
}

test("a name that fills the answer is quoted on one line, as far as it is of use", async () => {
  issuer.metadata.issuer = `https://evil.example/\u2028${"x".repeat(200_000)}`;
  await assert.rejects(discovered(), (error: Error & { code: string }) => {
    assert.equal(error.code, "issuer_mismatch");
    assert.match(error.message, /is of "https:\/\/evil\.example\/\?x{100,}\.\.\.\. They must be equal/);
    assert.ok(error.message.length < 600, `${error.message.length} characters`);
    return true;
  });
});

test("a slash too many in the setting is refused as well: tokens are compared to the letter", async () => {
  await assert.rejects(discoverIssuer({ issuer: `${issuer.issuer}/` }), { code: "issuer_mismatch" });
});

for (const found of [undefined, 7, "", "no URL"]) {
  test(`metadata whose issuer is ${JSON.stringify(found)} cannot be used`, async () => {
    issuer.metadata.issuer = found;
    await assert.rejects(discovered(), { code: "issuer_unreadable", message: /usable member issuer/ });
  });
}

test("a refusal is told with its status", async () => {
  answerAt(issuer, DISCOVERY, json({}, 403));
  await assert.rejects(discovered(), { code: "issuer_unreadable", message: /status 403/ });
});

for (const [what, answer, code, says] of MISBEHAVIOURS) {
  test(`${what} where the metadata is due is ${code}`, async () => {
    answerAt(issuer, DISCOVERY, answer);
    await assert.rejects(discovered(), { code, message: says });
  });
}

for (const [what, answer] of STALLS) {
  test(`${what} is given up after the time limit`, async () => {
    answerAt(issuer, DISCOVERY, answer);
    await assert.rejects(discoverIssuer({ issuer: issuer.issuer, timeoutMs: IMPATIENT_MS }), {
      code: "issuer_timed_out",
      message: `${issuer.issuer}${DISCOVERY} has not answered within 0.1 s.`,
    });
  });
}

test("an issuer that is down is named, with what to look at", async () => {
  await issuer.stop();
  await assert.rejects(discovered(), {
    code: "issuer_unreachable",
    message: `${issuer.issuer} refuses the connection. Is the authorization server running there?`,
  });
});

test("a host that does not speak TLS is told apart from one that is not there", async () => {
  const secure = issuer.issuer.replace("http:", "https:");
  await assert.rejects(discoverIssuer({ issuer: secure }), {
    code: "issuer_unreachable",
    message: /does not speak TLS/,
  });
});

test("who gives up gets their own reason", async () => {
  answerAt(issuer, DISCOVERY, () => {});
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(discoverIssuer({ issuer: issuer.issuer, signal }), /enough/);
});

for (const bad of [
  "",
  "id.example",
  "http://id.example",
  "ftp://id.example",
  "https://id.example/?a=b",
  "https://id.example/#a",
  "https://user@id.example",
]) {
  test(`the issuer ${JSON.stringify(bad)} is invalid_configuration, and nobody is asked`, async () => {
    const never: typeof fetch = () => assert.fail("somebody was asked");
    await assert.rejects(discoverIssuer({ issuer: bad, fetch: never }), { code: "invalid_configuration" });
  });
}

test("plain HTTP to another machine needs to be allowed", async () => {
  const elsewhere = "http://id.internal";
  const answering: typeof fetch = async () => Response.json({ issuer: elsewhere });
  const metadata = await discoverIssuer({ issuer: elsewhere, allowInsecureRequests: true, fetch: answering });
  assert.equal(metadata.issuer, elsewhere);
});

test("endpoints are taken from the issuer's own origin, or over https", async () => {
  issuer.metadata.token_endpoint = "https://tokens.example/token";
  issuer.metadata.portcullis_revocations_endpoint = `${issuer.issuer}/revocations/`;
  issuer.metadata.portcullis_api_resource = "urn:api";
  const metadata = await discovered();
  assert.equal(endpointOf(metadata, "token_endpoint").href, "https://tokens.example/token");
  assert.equal(revocationsEndpointOf(metadata), `${issuer.issuer}/revocations`);
  assert.equal(apiResourceOf(metadata), "urn:api");
});

test("over https an endpoint may be anywhere, on our own machine too: the issuer is trusted, and TLS says who answers", async () => {
  for (const url of ["https://127.0.0.1:8443/token", "https://localhost/token", "https://[::1]/token"]) {
    issuer.metadata.token_endpoint = url;
    assert.equal(endpointOf(await discovered(), "token_endpoint").href, url);
  }
});

test("what is wrong with an endpoint is said shortly, however long it is", async () => {
  issuer.metadata.token_endpoint = `http://10.0.0.1/${"x".repeat(200_000)}`;
  const metadata = await discovered();
  assert.throws(
    () => endpointOf(metadata, "token_endpoint"),
    ({ code, message }: Error & { code: string }) => code === "endpoint_unsafe" && message.length < 600,
  );
});

for (const [unsafe, what] of [
  ["http://10.0.0.1/x", "on another host without TLS"],
  ["http://127.0.0.1:9/x", "on another port of our own machine"],
  ["file:///etc/passwd", "that is a file"],
  ["/x", "that is no URL"],
]) {
  test(`an endpoint ${what} is not asked`, async () => {
    issuer.metadata.token_endpoint = unsafe;
    const metadata = await discovered();
    assert.throws(() => endpointOf(metadata, "token_endpoint"), {
      code: "endpoint_unsafe",
      message: /token_endpoint/,
    });
  });
}

test("an issuer that is none of ours is said to be so", async () => {
  const metadata = await discovered();
  for (const lacking of [revocationsEndpointOf, apiResourceOf]) {
    assert.throws(() => lacking(metadata), {
      code: "endpoint_missing",
      message: /has no portcullis_\w+\. Is it a Portcullis authorization server\?/,
    });
  }
});

test("all but a wrong setting is an outage, and no reason to refuse a token", () => {
  const { invalid_configuration: setting, ...others } = ISSUER_ERRORS;
  assert.equal(setting.status, 500);
  assert.deepEqual(new Set(Object.values(others).map(({ status }) => status)), new Set([503]));
});

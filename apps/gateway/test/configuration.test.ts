import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hasCode } from "@portcullis/protocol";
import { readConfiguration } from "@portcullis/service";
import { gatewayConfiguration, parseConfiguration } from "../src/config/gateway-configuration.ts";

const REFERENCE = new URL("../../../docs/reference/gateway-configuration.md", import.meta.url);
const loadConfiguration = (file: string) =>
  readConfiguration(gatewayConfiguration, { file, environment: {} });

const SHORT = `
issuer: http://127.0.0.1:8400
listen: { port: 8401 }
management: { port: 8404 }
verifier: { clientId: gateway, clientSecret: s3cret-s3cret }
transactionToken: { audience: services.example, keyFile: key.json }
`;
const ORDERS = '{ name: orders, path: /orders, upstream: "http://127.0.0.1:8402", audience: a }';
const withRoutes = (...routes: string[]): string =>
  `${SHORT}routes:\n${routes.map((r) => `  - ${r}\n`).join("")}`;
const parse = (text: string) => parseConfiguration(text, "/etc/portcullis");

function problemsOf(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    assert.ok(hasCode(error, "configuration_invalid"), String(error));
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
  throw new assert.AssertionError({ message: "the configuration was accepted" });
}

/** One problem, at this path. */
function assertProblem(text: string, path: string, message: RegExp): void {
  const problems = problemsOf(text);
  assert.equal(problems.length, 1, problems.join("\n"));
  assert.equal(problems[0]!.split(":")[0], path);
  assert.match(problems[0]!, message);
}

test("a short file is completed with defaults and frozen", () => {
  const configuration = parse(withRoutes(ORDERS));
  assert.deepEqual(configuration.listen, { host: "127.0.0.1", port: 8401 });
  assert.equal(configuration.transactionToken.issuer, "http://127.0.0.1:8401");
  assert.equal(configuration.transactionToken.keyFile, "/etc/portcullis/key.json");
  assert.equal(configuration.transactionToken.lifetimeSeconds, 30);
  assert.equal(configuration.accessLog, "off");
  assert.deepEqual(configuration.routes[0]!.requirements, {
    audience: "a",
    scopes: [],
    freshness: { policy: "closed", maxAgeMs: 5000 },
  });
  assert.equal(configuration.routes[0]!.forwardAuthorization, true);
  assert.ok(Object.isFrozen(configuration) && Object.isFrozen(configuration.limits));
  assert.ok(Object.isFrozen(configuration.routes) && Object.isFrozen(configuration.routes[0]!.requirements));
});

test("operators are listened for on a loopback address, whether a port is named or not", () => {
  assert.deepEqual(parse(withRoutes(ORDERS)).management, { host: "127.0.0.1", port: 8404, isChosen: true });
  const unnamed = parse(withRoutes(ORDERS).replace("management: { port: 8404 }", ""));
  assert.deepEqual(unnamed.management, { host: "127.0.0.1", port: 8411, isChosen: false });
});

test("an error in one route hides nothing of the rules between settings", () => {
  const bare = "{ name: bare, path: /bare, upstream: http://127.0.0.1:8402 }";
  const wrong = ORDERS.replace("http://127.0.0.1:8402", "ftp://x");
  const problems = problemsOf(withRoutes(wrong, bare, bare).replace("8404", "8401"));
  assert.deepEqual(problems.map((problem) => problem.split(":")[0]).sort(), [
    "management.port",
    "routes[0].upstream",
    "routes[1].audience",
    "routes[2].audience",
    "routes[2].name",
    "routes[2].path",
  ]);
});

test("every problem is named at once, with path, what was found and what to do", () => {
  const problems = problemsOf(`
issuer: ftp://login.example
listen: { port: 99999 }
management: { port: 8404, tls: true }
verifier: { clientId: gateway, clientSecret: 12345 }
transactionToken: { audience: services.example, keyFile: key.json }
routes:
  - { name: Orders, path: /orders/, upstream: "http://127.0.0.1:8402/base", freshness: { policy: always } }
`);
  const paths = problems.map((problem) => problem.slice(0, problem.indexOf(":")));
  assert.deepEqual(paths.sort(), [
    "issuer",
    "listen.port",
    "management.tls",
    "routes[0].freshness.policy",
    "routes[0].name",
    "routes[0].path",
    "routes[0].upstream",
    "verifier.clientSecret",
  ]);
  const of = (path: string) => problems.find((problem) => problem.startsWith(`${path}:`))!;
  assert.match(of("issuer"), /found "ftp:\/\/login\.example"; must be an http or https URL/);
  assert.match(of("routes[0].freshness.policy"), /found "always"; .*closed.*online.*open/);
  assert.match(of("verifier.clientSecret"), /found a value that is not shown/);
});

test("a secret of the wrong form is not repeated", () => {
  assert.ok(
    !problemsOf(withRoutes(ORDERS).replace("s3cret-s3cret", "987654321")).join().includes("987654321"),
  );
});

test("maxAge above the longest lease is refused", () => {
  const route = ORDERS.replace("}", ", freshness: { maxAgeSeconds: 61 } }");
  assertProblem(withRoutes(route), "routes[0].freshness.maxAgeSeconds", /found 61; must be at most 60/);
});

test("the lease asked for is the longest maxAge, and at least two seconds", () => {
  const patient = ORDERS.replace("}", ", freshness: { maxAgeSeconds: 20 } }");
  const strict = ORDERS.replaceAll("orders", "strict").replace("}", ", freshness: { maxAgeSeconds: 0.5 } }");
  assert.equal(parse(withRoutes(patient, strict)).leaseMs, 20_000);
  assert.equal(parse(withRoutes(strict)).leaseMs, 2_000);
});

test("a route without an audience must say that it is public", () => {
  const bare = "{ name: bare, path: /bare, upstream: http://127.0.0.1:8402";
  assertProblem(withRoutes(`${bare} }`), "routes[0].audience", /found none; set it, or say public: true/);
  assert.equal(parse(withRoutes(`${bare}, public: true }`)).routes[0]!.requirements, undefined);
  const top = parse(`audience: everything\n${withRoutes(`${bare} }`)}`);
  assert.equal(top.routes[0]!.requirements!.audience, "everything");
});

test("a public route cannot ask for anything", () => {
  const route = ORDERS.replace("}", ", public: true, scopes: [x] }");
  assert.deepEqual(
    problemsOf(withRoutes(route)).map((problem) => problem.split(":")[0]),
    ["routes[0].audience", "routes[0].scopes"],
  );
});

test("two routes with one path or one name are refused, whatever their case", () => {
  const other = ORDERS.replace("name: orders", "name: other").replace("/orders", "/Orders");
  assertProblem(withRoutes(ORDERS, other), "routes[1].path", /routes\[0\] has already/);
  const renamed = ORDERS.replace("/orders", "/other");
  assertProblem(withRoutes(ORDERS, renamed), "routes[1].name", /routes\[0\] has already/);
});

test("route paths that would need decoding or normalizing are refused", () => {
  for (const path of ["orders", "/orders/", "/a//b", "/a/../b", "/.", "/a%2fb", "/a b", "/a;b", "/ä"]) {
    assertProblem(
      withRoutes(ORDERS.replace("/orders", JSON.stringify(path))),
      "routes[0].path",
      /must begin/,
    );
  }
  for (const path of ["/", "/a", "/a/b.json", "/.well-known/x", "/~me/_x-1"]) {
    assert.equal(parse(withRoutes(ORDERS.replace("/orders", path))).routes[0]!.path, path);
  }
});

test("the management listener must have a port of its own", () => {
  assertProblem(withRoutes(ORDERS).replace("8404", "8401"), "management.port", /found 8401/);
});

test("the transaction tokens' issuer must be known, and not the authorization server", () => {
  const everywhere = withRoutes(ORDERS).replace("{ port: 8401 }", "{ host: 0.0.0.0, port: 8401 }");
  assertProblem(everywhere, "transactionToken.issuer", /found none; set it/);
  const same = withRoutes(ORDERS).replace(
    "{ audience: serv",
    '{ issuer: "http://127.0.0.1:8400", audience: serv',
  );
  assertProblem(same, "transactionToken.issuer", /same value as issuer/);
});

test("the secret comes from exactly one place", () => {
  const text = withRoutes(ORDERS);
  assertProblem(
    text.replace(", clientSecret: s3cret-s3cret", ""),
    "verifier.clientSecret",
    /found nothing; set it here, or clientSecretFile beside it/,
  );
  assertProblem(
    text.replace("s3cret-s3cret", "x, clientSecretFile: y"),
    "verifier.clientSecret",
    /found it and verifier\.clientSecretFile; keep one/,
  );
  assertProblem(
    text.replace("clientSecret: s3cret-s3cret", "clientSecretFile: nowhere"),
    "verifier.clientSecretFile",
    /cannot be read/,
  );
});

test("a secret file is read relative to the configuration and trimmed", () => {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-configuration-"));
  const file = join(directory, "gateway.yaml");
  writeFileSync(join(directory, "secret"), "from-a-file\n");
  writeFileSync(file, withRoutes(ORDERS).replace("clientSecret: s3cret-s3cret", "clientSecretFile: secret"));
  assert.equal(loadConfiguration(file).verifier.clientSecret, "from-a-file");
});

test("duplicate keys, bad YAML and a missing file are problems, too", () => {
  assertProblem(`${withRoutes(ORDERS)}issuer: http://other`, "line 9, column 1", /unique/);
  assert.ok(problemsOf("routes: [").length > 0);
  assert.throws(() => loadConfiguration("/nowhere/gateway.yaml"), { code: "configuration_invalid" });
});

test("__proto__ as a key is an unknown setting", () => {
  assertProblem(`${withRoutes(ORDERS)}__proto__: { accessLog: all }`, "__proto__", /is not a setting/);
});

test("the reference page's example is a configuration that works", () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(readFileSync(REFERENCE, "utf8"))![1]!;
  const text = yaml.replace("clientSecretFile: verifier-secret", "clientSecret: x");
  assert.equal(parse(text).routes[0]!.requirements!.audience, "https://orders.example");
});

test("a route may have the issuer asked for each request, with online alone", () => {
  const asking = (freshness: string) =>
    withRoutes(ORDERS.replace("}", `, freshness: { ${freshness}, maxAgeSeconds: 0 } }`));
  const [route] = parse(asking("policy: online")).routes;
  assert.deepEqual(route!.requirements!.freshness, { policy: "online", maxAgeMs: 0 });
  for (const policy of ["closed", "open"])
    assertProblem(asking(`policy: ${policy}`), "routes[0].freshness.maxAgeSeconds", /only online can ask/);
});

import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfiguration, readConfiguration } from "@portcullis/service";
import { settingsOf } from "../../src/configuration/settings.ts";
import { type Document, definition, problems, problemsOfText, read } from "./a-configuration.ts";

test("a short document is completed with defaults, and frozen all through", () => {
  const configuration = read();
  assert.equal(configuration.listen.host, "127.0.0.1");
  assert.equal(configuration.limits.requestBytes, 50);
  assert.ok(Object.isFrozen(configuration) && Object.isFrozen(configuration.clients[0]!.scopes));
});

test("YAML and JSON are read alike", () => {
  const yaml =
    "issuer: https://a.example\nlisten: { port: 1 }\nverifier: { clientId: a, clientSecret: long enough }\n";
  const json =
    '{"issuer":"https://a.example","listen":{"port":1},"verifier":{"clientId":"a","clientSecret":"long enough"}}';
  const [one, other] = [yaml, json].map((text) => parseConfiguration(definition, { text, directory: "/" }));
  assert.deepEqual(one, other);
});

test("all problems are told at once, one a line: path, what was found, what to do", () => {
  const found = problems({
    change(document) {
      document.issuer = "login";
      document.listen.port = 99_999;
      Object.assign(document, { verbose: "yes", origins: "all", audience: 7 });
      delete document.verifier.clientId;
      document.clients.push({ clientId: "", scopes: { "https://a.example": "read", a: [] } });
    },
  });
  assert.deepEqual(found, [
    'issuer: found "login"; must be a URL',
    "listen.port: found 99999; must be at most 65535",
    'verbose: found "yes"; must be true or false',
    "audience: found 7; must be text (in quotes, where YAML would read something else)",
    "verifier.clientId: found nothing; set it here, or PORTCULLIS_VERIFIER_CLIENT_ID in the environment",
    'origins: found "all"; must be a list',
    'clients[1].clientId: found ""; must not be empty',
    'clients[1].scopes["https://a.example"]: found "read"; must be a list',
    'clients[1].scopes.a: found "a"; must be the identifier of an API',
  ]);
});

test("an error of the schema hides no rule between settings that are sound", () => {
  const found = problems({
    change(document) {
      document.listen.port = -1;
      document.clients.push({ clientId: "web", clientSecret: "s3cret-s3cret", scopes: 1 });
      document.audience = document.issuer;
    },
  });
  assert.deepEqual(
    found.map((line) => line.split(": ")[0]),
    ["listen.port", "clients[1].scopes", "clients[1].clientId", "audience", "clients[1].clientSecret"],
  );
});

test("a rule is not asked about what is wrong already", () => {
  assert.deepEqual(
    problems({ change: (document) => void Object.assign(document, { audience: 7 }) }).length,
    1,
  );
});

test("whatever one setting is, what comes of it are problems", () => {
  const places = settingsOf(definition.schema).filter(
    ({ path }) => !path.includes("redis") && !path.includes("*"),
  );
  assert.ok(places.length > 10);
  let refused = 0;
  for (const { path } of places) {
    for (const value of [null, 7, "x", [], [null], { a: 1 }]) {
      const change = (document: Document) => setAt(document, path, value);
      try {
        read({ change });
      } catch (error) {
        refused++;
        assert.equal(
          (error as { code?: string }).code,
          "configuration_invalid",
          `${path.join(".")}: ${error}`,
        );
      }
    }
  }
  assert.ok(refused > 3 * places.length, `${refused} of ${6 * places.length} were refused`);
});

test("an unknown key is named with the nearest that there is, here or elsewhere", () => {
  const found = problems({
    change(document) {
      Object.assign(document, { isuer: "x", port: 1, colour: "blue" });
      Object.assign(document.verifier, { clientsecret: "hidden-value", clientSecretFlie: "x" });
    },
  });
  assert.deepEqual(found, [
    "verifier.clientsecret: is not a setting; did you mean verifier.clientSecret? Otherwise remove it",
    "verifier.clientSecretFlie: is not a setting; did you mean verifier.clientSecretFile? Otherwise remove it",
    "isuer: is not a setting; did you mean issuer? Otherwise remove it",
    "port: is not a setting; did you mean listen.port? Otherwise remove it",
    "colour: is not a setting; remove it",
  ]);
});

test("a misspelt key whose setting must be there is one problem, not two", () => {
  const found = problems({
    change(document) {
      const { issuer, verifier, listen } = document;
      for (const name of ["issuer", "verifier"]) delete (document as Record<string, unknown>)[name];
      Object.assign(document, { isuer: issuer, verifierr: verifier, audiance: "x" });
      Object.assign(listen, { prot: 1 });
      document.clients.push({ clientID: "x" });
    },
  });
  assert.deepEqual(found, [
    "listen.prot: is not a setting; did you mean listen.port? Otherwise remove it",
    "clients[1].clientID: is not a setting; did you mean clients[1].clientId, which must be set?",
    "isuer: is not a setting; did you mean issuer, which must be set?",
    "verifierr: is not a setting; did you mean verifier, which must be set?",
    "audiance: is not a setting; did you mean audience? Otherwise remove it",
  ]);
});

test("a misspelt name of a secret's file says that the secret must be set", () => {
  const change = (document: Document) => {
    document.verifier = { clientId: "gateway", clientSecretFlie: "x" };
  };
  assert.deepEqual(problems({ change }), [
    "verifier.clientSecretFlie: is not a setting; did you mean verifier.clientSecretFile, which must be set?",
  ]);
});

test("no problem shows a secret, at its own place or at one where it does not belong", () => {
  const changes: ((document: Document) => void)[] = [
    (document) => void Object.assign(document.verifier, { clientSecret: "hunter2" }),
    (document) => void Object.assign(document.verifier, { clientSecret: ["hunter2"] }),
    (document) => void Object.assign(document, { verifier: "hunter2" }),
    (document) => void Object.assign(document, { verifier: [{ clientSecret: "hunter2" }] }),
    (document) => void Object.assign(document, { clients: "hunter2" }),
    (document) => void document.clients.push({ clientId: "x", clientSecret: "hunter2" }),
    (document) => void Object.assign(document, { redis: { connection: "redis://:hunter2@host" } }),
    (document) => void Object.assign(document.verifier, { secrt: "hunter2" }),
  ];
  for (const change of changes)
    assert.ok(!problems({ change }).join("\n").includes("hunter2"), String(change));
  for (const text of [
    "verifier: *hunter2",
    "a: !hunter2 x",
    'a: "\\hunter2"',
    "a: [b]: hunter2 }",
    "a: b\n hunter2: [c",
  ]) {
    assert.ok(!problemsOfText(text).join("\n").includes("hunter2"), text);
  }
});

test("text that is no YAML is told with line and column", () => {
  assert.match(problemsOfText("issuer: https://a.example\nlisten: [")[0]!, /^line 2, column \d+: /);
  assert.match(problemsOfText("issuer: a\nissuer: b")[0]!, /^line 2, column 1: .*unique/);
});

test("an empty document, and one that is a list, are problems of the settings", () => {
  assert.match(problemsOfText("")[0]!, /^issuer: found nothing; set it here/);
  assert.equal(problemsOfText("- 1")[0], "(the file): found a list; must be settings below it");
});

test("a member called __proto__ is an unknown setting like any other", () => {
  assert.match(problemsOfText("__proto__: { verbose: true }").join("\n"), /^__proto__: is not a setting/m);
});

test("a file that is not there, and a directory, are told by their path and without a stack", () => {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-configuration-"));
  const environment = {};
  const nowhere = { file: join(directory, "nowhere.yaml"), environment };
  assert.throws(() => readConfiguration(definition, nowhere), {
    code: "configuration_invalid",
    message: `${nowhere.file} cannot be read: there is no such file; name a file that this process may read`,
  });
  assert.throws(() => readConfiguration(definition, { file: directory, environment }), {
    code: "configuration_invalid",
    message: `${directory} cannot be read: it is a directory; name a file that this process may read`,
  });
});

/** In a list: of its first element. */
function setAt(document: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let place: unknown = document;
  const parts = path.map((part) => (part === "[]" ? 0 : part));
  for (const part of parts.slice(0, -1)) place = (place as Record<PropertyKey, unknown> | undefined)?.[part];
  if (typeof place === "object" && place !== null)
    (place as Record<PropertyKey, unknown>)[parts.at(-1)!] = value;
}

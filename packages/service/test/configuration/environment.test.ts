import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { configurationOf, environmentNameOf } from "@portcullis/service";
import { misspelt, overriddenBy, readEnvironment } from "../../src/configuration/environment.ts";
import { hasOnePlace, settingsOf } from "../../src/configuration/settings.ts";
import { type Document, definition, problems, read, valid } from "./a-configuration.ts";

const settings = settingsOf(definition.schema);

test("every setting that has one place has a name, and no two have the same", () => {
  const names = settings.filter(hasOnePlace).map(({ path }) => environmentNameOf(path));
  assert.equal(new Set(names).size, names.length);
  assert.equal(environmentNameOf(["limits", "requestBytes"]), "PORTCULLIS_LIMITS_REQUEST_BYTES");
  assert.equal(environmentNameOf(["diskSpace", "reserveMiB"]), "PORTCULLIS_DISK_SPACE_RESERVE_MIB");
  assert.ok(names.includes("PORTCULLIS_VERIFIER_CLIENT_SECRET_FILE"));
  assert.ok(names.includes("PORTCULLIS_REDIS_CONNECTION_HOST"));
});

test("the environment comes before the file, and an inner setting before an outer one", () => {
  const { listen, limits, verbose, origins } = read({
    environment: {
      PORTCULLIS_LISTEN_PORT: "9000",
      PORTCULLIS_LISTEN: "{ host: ::1, port: 1 }",
      PORTCULLIS_LIMITS_REQUEST_BYTES: "7",
      PORTCULLIS_VERBOSE: "true",
      PORTCULLIS_ORIGINS: "[https://a.example, https://b.example]",
    },
  });
  assert.deepEqual(listen, { host: "::1", port: 9000 });
  assert.equal(limits.requestBytes, 7);
  assert.equal(verbose, true);
  assert.deepEqual(origins, ["https://a.example", "https://b.example"]);
});

test("a list of objects is YAML or JSON", () => {
  for (const text of ["[{ clientId: a }, { clientId: b }]", '[{"clientId":"a"},{"clientId":"b"}]']) {
    const { clients } = read({ environment: { PORTCULLIS_CLIENTS: text } });
    assert.deepEqual(
      clients.map(({ clientId }) => clientId),
      ["a", "b"],
    );
  }
});

test("text stays text, whatever YAML would make of it", () => {
  const { verifier } = read({ environment: { PORTCULLIS_VERIFIER_CLIENT_SECRET: "0123456789" } });
  assert.equal(verifier.clientSecret, "0123456789");
});

test("the environment alone is enough", () => {
  const environment = {
    PORTCULLIS_ISSUER: "https://a.example",
    PORTCULLIS_LISTEN_PORT: "1",
    PORTCULLIS_VERIFIER_CLIENT_ID: "a",
    PORTCULLIS_VERIFIER_CLIENT_SECRET: "long enough",
    PORTCULLIS_REDIS_CONNECTION_KIND: "single",
    PORTCULLIS_REDIS_CONNECTION_HOST: "redis.example",
  };
  const { redis, issuer } = configurationOf(definition, { document: undefined, directory: ".", environment });
  assert.equal(issuer, "https://a.example");
  assert.equal(redis?.connection.kind === "single" && redis.connection.host, "redis.example");
});

test("an empty variable says nothing", () => {
  assert.equal(read({ environment: { PORTCULLIS_LISTEN_PORT: "" } }).listen.port, 8400);
});

test("a problem of a variable names it, and not what a secret is", () => {
  const environment = {
    PORTCULLIS_LISTEN_PORT: "x",
    PORTCULLIS_ORIGINS: "[",
    PORTCULLIS_VERIFIER_CLIENT_SECRET: "short",
  };
  const found = problems({ environment });
  assert.match(found.join("\n"), /^PORTCULLIS_ORIGINS, line 1, column \d+: /m);
  assert.match(found.join("\n"), /^listen\.port \(PORTCULLIS_LISTEN_PORT\): found "x"; must be a number$/m);
  assert.match(
    found.join("\n"),
    /^verifier\.clientSecret \(PORTCULLIS_VERIFIER_CLIENT_SECRET\): found a value that is not shown; must have at least 8/m,
  );
});

test("a missing bracket of a variable is one problem, of the environment and in plain words", () => {
  const textOf = (
    environment: Record<string, string>,
    change = (document: Document): unknown => document,
  ) => {
    const document: Document = valid();
    change(document);
    try {
      configurationOf(definition, { document, directory: "/", environment, name: "/etc/auth-server.json" });
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  assert.equal(
    textOf({ PORTCULLIS_CLIENTS: "[{ clientId: demo" }),
    "The environment has a problem:\n  PORTCULLIS_CLIENTS, line 1, column 18: a closing } is missing before this place; add it",
  );
  assert.match(
    textOf({ PORTCULLIS_CLIENTS: "[" }, (document) => Object.assign(document, { colour: 1 })),
    /^\/etc\/auth-server\.json and the environment have 2 problems:\n/,
  );
});

test("a variable that is nearly one of ours is named with the one that it may be", () => {
  const environment = {
    PORTCULLIS_LISTEN_PROT: "1",
    PORTCULLIS_GATEWAY_SERVICE_PORT_HTTP: "tcp://10.0.0.1:1",
    PATH: "",
  };
  assert.deepEqual(misspelt(environment, settings), [
    "PORTCULLIS_LISTEN_PROT is no setting; did you mean PORTCULLIS_LISTEN_PORT?",
  ]);
});

describe("what the file says in vain", () => {
  const inVain = (environment: Record<string, string>, change: (document: Document) => void = () => {}) => {
    const document: Document = valid();
    change(document);
    return overriddenBy(readEnvironment(environment, settings).given, { document, directory: "/etc" });
  };

  it("is each setting that a variable says otherwise, and none that only one of the two says", () => {
    const environment = {
      PORTCULLIS_ISSUER: "https://other.example",
      PORTCULLIS_LISTEN_PORT: "9000",
      PORTCULLIS_AUDIENCE: "of the environment alone",
      PORTCULLIS_CLIENTS: "[]",
    };
    assert.deepEqual(inVain(environment), [
      { name: "PORTCULLIS_ISSUER", inFile: "issuer" },
      { name: "PORTCULLIS_CLIENTS", inFile: "clients" },
      { name: "PORTCULLIS_LISTEN_PORT", inFile: "listen.port" },
    ]);
  });

  it("is nothing where both say the same", () => {
    const environment = {
      PORTCULLIS_ISSUER: "https://login.example",
      PORTCULLIS_LISTEN: "{ port: 8400 }",
      PORTCULLIS_VERIFIER_CLIENT_SECRET_FILE: "/etc/verifier-secret",
    };
    const inFile = (document: Document) => {
      document.verifier = { clientId: "gateway", clientSecretFile: "verifier-secret" };
    };
    assert.deepEqual(inVain(environment, inFile), []);
  });

  it("is a secret in whichever form the file has it", () => {
    const environment = { PORTCULLIS_VERIFIER_CLIENT_SECRET: "of the environment" };
    const name = "PORTCULLIS_VERIFIER_CLIENT_SECRET";
    assert.deepEqual(inVain(environment), [{ name, inFile: "verifier.clientSecret" }]);
    const byFile = (document: Document) => {
      document.verifier = { clientId: "gateway", clientSecretFile: "x" };
    };
    assert.deepEqual(inVain(environment, byFile), [{ name, inFile: "verifier.clientSecretFile" }]);
    const file = { PORTCULLIS_VERIFIER_CLIENT_SECRET_FILE: "/run/secrets/verifier" };
    assert.deepEqual(inVain(file), [
      { name: "PORTCULLIS_VERIFIER_CLIENT_SECRET_FILE", inFile: "verifier.clientSecret" },
    ]);
  });
});

import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "@portcullis/protocol";
import { parseConfiguration } from "../src/config/relay-configuration.ts";
import { RelayProcess } from "./support/relay-process.ts";

const WRITTEN = {
  issuer: "https://login.example",
  clientId: "relay",
  clientSecret: "a-relays-secret",
  listen: { port: 8405 },
};
const parse = (change: object) => parseConfiguration(JSON.stringify({ ...WRITTEN, ...change }), tmpdir());

test("a short file is resolved, complete and frozen", () => {
  const configuration = parse({});
  assert.deepEqual(configuration, {
    issuer: "https://login.example",
    audience: "https://login.example/api",
    clientId: "relay",
    clientSecret: "a-relays-secret",
    name: "relay",
    leaseMs: 10_000,
    upstream: undefined,
    listen: { host: "127.0.0.1", port: 8405 },
    management: { host: "127.0.0.1", port: 8415, isChosen: false },
    limits: { leasesPerClient: 10_000, streamsPerClient: 10_000 },
  });
  assert.ok(Object.isFrozen(configuration));
});

test("every problem is told at once, with its path and without the secret", () => {
  const change = { issuer: "ftp://login", leaseMs: 1, listen: { port: 70_000 }, limit: {}, clientSecret: 42 };
  assert.throws(
    () => parse(change),
    (error: Error) => {
      for (const path of ["issuer", "leaseMs", "listen.port", "limit", "clientSecret"]) {
        assert.match(error.message, new RegExp(`^  ${path.replace(".", "\\.")}: `, "m"));
      }
      assert.match(error.message, /5 problems/);
      assert.doesNotMatch(error.message, /42/);
      return true;
    },
  );
  assert.throws(
    () => parse({ management: { port: 8405 }, leaseMs: 1 }),
    /2 problems:[\s\S]*management\.port: found 8405/,
  );
  assert.throws(
    () => parse({ clientSecret: undefined }),
    /clientSecret: found nothing; set it here, or clientSecretFile/,
  );
  assert.throws(
    () => parse({ clientSecretFile: "secret" }),
    /clientSecret: found it and clientSecretFile; keep one/,
  );
  assert.throws(
    () => parse({ clientSecret: undefined, clientSecretFile: "none" }),
    /clientSecretFile: .*none cannot be read: there is no such file/,
  );
});

test("asked, it explains itself, says its version, and checks a configuration without serving", async () => {
  await using helped = new RelayProcess({}, "--help");
  assert.equal((await helped.exited).code, 0);
  assert.match(helped.output, /Usage: .*--config/);
  await using version = new RelayProcess({}, "--version");
  assert.equal((await version.exited).code, 0);
  assert.match(version.output, /^relay \d+\.\d+\.\d+\n$/);
  const file = join(mkdtempSync(join(tmpdir(), "portcullis-relay-")), "relay.json");
  writeFileSync(file, JSON.stringify(WRITTEN));
  await using check = new RelayProcess({}, "--check", "--config", file);
  assert.equal((await check.exited).code, 0);
  assert.equal(check.output, "relay: the configuration is valid\n");
});

test("a shell with the variables of the portcullis command does not turn a relay without a word", async () => {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-relay-"));
  const file = join(directory, "relay.json");
  const { clientSecret, ...written } = WRITTEN;
  writeFileSync(file, JSON.stringify({ ...written, clientSecretFile: "secret" }));
  writeFileSync(join(directory, "secret"), clientSecret);
  const environment = {
    PORTCULLIS_ISSUER: "http://127.0.0.1:1",
    PORTCULLIS_CLIENT_ID: "admin",
    PORTCULLIS_CLIENT_SECRET: "an-administrators-secret",
    PORTCULLIS_LISTEN_PORT: "0",
    PORTCULLIS_MANAGEMENT_PORT: "0",
  };
  await using relay = new RelayProcess({ environment }, "--config", file);
  await relay.ready();
  const warned = relay.errors
    .split("\n")
    .filter((line) => line.includes('"setting_overridden"'))
    .map((line) => JSON.parse(line) as { level: string; setting: string; variable: string; file: string });
  assert.deepEqual(
    warned.map(({ level, setting, variable, file: of }) => [level, setting, variable, of]),
    [
      ["warn", "issuer", "PORTCULLIS_ISSUER", file],
      ["warn", "clientId", "PORTCULLIS_CLIENT_ID", file],
      ["warn", "clientSecretFile", "PORTCULLIS_CLIENT_SECRET", file],
      ["warn", "listen.port", "PORTCULLIS_LISTEN_PORT", file],
    ],
  );
  assert.doesNotMatch(relay.errors, /an-administrators-secret|a-relays-secret/);
});

test("without a file, or with an option that it does not know, it says what to do", async () => {
  await using unnamed = new RelayProcess({});
  assert.equal((await unnamed.exited).code, 1);
  assert.match(unnamed.errors, /--config FILE/);
  await using unknown = new RelayProcess({}, "--port", "1");
  assert.equal((await unknown.exited).code, 1);
  assert.match(unknown.errors, /--port/);
});

test("a taken port is told with the setting to change, and no stack", async (t) => {
  const other = createServer();
  t.after(() => other.close());
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  const { startRelay } = await import("../src/index.ts");
  const configuration = parse({ issuer: "http://127.0.0.1:1", listen: { port } });
  await assert.rejects(startRelay({ configuration, log: silentLog }), {
    code: "port_taken",
    message: `port ${port} on 127.0.0.1 is taken; choose another with listen.port`,
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { z } from "zod";
import { parseConfiguration } from "../src/config/load-configuration.ts";
import { configurationSchema } from "../src/config/schema.ts";
import { RelayProcess } from "./support/relay-process.ts";

const REFERENCE = new URL("../../../docs/reference/relay-configuration.md", import.meta.url);
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
  assert.throws(() => parse({ clientSecret: undefined }), /clientSecret: found neither/);
  assert.throws(() => parse({ clientSecretFile: "secret" }), /clientSecret: found both/);
  assert.throws(
    () => parse({ clientSecret: undefined, clientSecretFile: "none" }),
    /clientSecretFile: cannot be read/,
  );
});

test("the reference describes every setting, with the words of the schema", () => {
  const text = readFileSync(REFERENCE, "utf8");
  for (const row of rowsOf(z.toJSONSchema(configurationSchema, { io: "input" }) as Shape, "")) {
    assert.ok(text.includes(row), `missing in the reference: ${row}`);
  }
});

test("asked for help it explains itself; without a file, or with a taken port, it says what to do", async () => {
  await using helped = new RelayProcess({}, "--help");
  assert.equal((await helped.exited).code, 0);
  assert.match(helped.output, /usage: .*--config/);
  await using unnamed = new RelayProcess({});
  assert.equal((await unnamed.exited).code, 1);
  assert.match(unnamed.errors, /usage: .*--config/);
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
  await assert.rejects(startRelay({ configuration, report: () => undefined }), {
    code: "port_taken",
    message: `port ${port} on 127.0.0.1 is taken; choose another with listen.port`,
  });
});

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly description?: string;
}

/** Rows of the table, without the column that says what kind of value it is. */
function rowsOf(shape: Shape, prefix: string): string[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, property]) => [
    `| \`${prefix}${name}\` | ${defaultOf(property, shape.required?.includes(name) ?? false)} | ${property.description} |`,
    ...rowsOf(property, `${prefix}${name}.`),
  ]);
}

function defaultOf(property: Shape, isRequired: boolean): string {
  if (isRequired) return "**required**";
  if (property.default === undefined || property.properties !== undefined) return "";
  return `\`${property.default}\``;
}

/** An option that is there and undefined has its default, as one that is not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeIssuer, type UndefinedOptions } from "@portcullis/testing";
import {
  discoverIssuer,
  type IssuerSettings,
  type KeySetSettings,
  keySetOf,
  MachineToken,
  type MachineTokenOptions,
} from "../src/index.ts";

const ISSUER: UndefinedOptions<IssuerSettings> = {
  allowInsecureRequests: undefined,
  fetch: undefined,
  timeoutMs: undefined,
  signal: undefined,
  mayBeEmpty: undefined,
};
const KEY_SET: UndefinedOptions<KeySetSettings> = { ...ISSUER, jwksUri: undefined };
const TOKEN: UndefinedOptions<MachineTokenOptions> = { ...ISSUER, clock: undefined };

test("an issuer is asked with the system's fetch and clock, and not over a network in the clear", async () => {
  await using issuer = await FakeIssuer.start();
  const metadata = await discoverIssuer({ issuer: issuer.issuer, ...ISSUER });
  assert.deepEqual(await keySetOf({ issuer: issuer.issuer, ...KEY_SET })(), { keys: [issuer.key.jwk] });
  const token = new MachineToken({
    issuer: issuer.issuer,
    clientId: "orders",
    clientSecret: "secret",
    scopes: [],
    discovered: async () => metadata,
    resource: () => "urn:api",
    ...TOKEN,
  });
  await assert.rejects(token.authorization(), { code: "endpoint_missing" });
  await assert.rejects(discoverIssuer({ issuer: "http://id.example", ...ISSUER }), {
    code: "invalid_configuration",
  });
});

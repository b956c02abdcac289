import assert from "node:assert/strict";
import { it } from "node:test";
import {
  type AppSettings,
  readSettings,
  storedApiName,
  writtenSettings,
} from "../../src/apps/app-settings.ts";

it("the settings of an app name this server's own APIs, whatever the issuer is called later", () => {
  const [old, now] = ["https://old.example", "https://now.example"];
  const scopes = ["some.read"];
  const settings = {
    apis: { [`${old}/api`]: scopes, [`${old}/account`]: scopes, "https://orders.example": scopes },
    defaultApi: `${old}/account`,
  } as Partial<AppSettings> as AppSettings;
  const written = writtenSettings(settings, old);
  assert.ok(!written.includes(old), written);
  const read = readSettings(written, now);
  assert.deepEqual(read.apis, {
    [`${now}/api`]: scopes,
    [`${now}/account`]: scopes,
    "https://orders.example": scopes,
  });
  assert.equal(read.defaultApi, `${now}/account`);
  assert.equal(storedApiName(`${now}/account`, now), "/account");
});

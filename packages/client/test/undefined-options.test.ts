/** An option that is there and undefined has its default, as one that is not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@portcullis/protocol";
import type { UndefinedOptions } from "@portcullis/testing";
import { type GivenEnvironment, resolveEnvironment } from "../src/environment.ts";
import { type ClientOptions, createClient, memoryStorage } from "../src/index.ts";
import { resolveSettings } from "../src/options.ts";
import { APP } from "./fake-browser.ts";
import { API, ISSUER } from "./fake-issuer.ts";

const CLIENT: UndefinedOptions<ClientOptions> = {
  postLogoutRedirectUri: undefined,
  scope: undefined,
  resource: undefined,
  refreshBeforeExpiryMs: undefined,
  sessionEvents: undefined,
  environment: undefined,
};
const ENVIRONMENT: UndefinedOptions<GivenEnvironment> = {
  fetch: undefined,
  storage: undefined,
  sharedStorage: undefined,
  locks: undefined,
  openChannel: undefined,
  page: undefined,
  clock: undefined,
  visibility: undefined,
  setTimer: undefined,
  random: undefined,
};
const REQUIRED = { issuer: ISSUER, clientId: "web", redirectUri: APP, resourceServers: [API] };

test("a client asks for openid, renews ten seconds early, and runs where it is", () => {
  const { scope, refreshBeforeExpiryMs, environment } = resolveSettings({ ...REQUIRED, ...CLIENT });
  assert.deepEqual([scope, refreshBeforeExpiryMs, environment.clock], ["openid", 10_000, systemClock]);
  createClient({ ...REQUIRED, ...CLIENT }).close();
});

test("each part of the environment that is undefined is the one of this place", () => {
  const { fetch, storage, sharedStorage, locks, openChannel, clock } = resolveEnvironment(ENVIRONMENT);
  for (const part of [fetch, storage, sharedStorage, locks, openChannel, clock])
    assert.ok(part !== undefined);
});

test("a page that is undefined is the browser's", (t) => {
  const location = { href: "https://app.test/", assign: () => undefined };
  t.after(() => {
    for (const name of ["document", "location"]) Reflect.deleteProperty(globalThis, name);
  });
  Object.assign(globalThis, { document: {}, location });
  const given = { ...ENVIRONMENT, storage: memoryStorage(), sharedStorage: memoryStorage() };
  assert.equal(resolveEnvironment(given).page?.url, location.href);
});

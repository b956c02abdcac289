import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { Client } from "oidc-provider";
import { CLIENT_RESOURCES } from "../../../src/apps/app-settings.ts";
import { checkAccessTokenLifetime } from "../../../src/config/access-token-lifetime.ts";
import { resourceServerOf } from "../../../src/oidc/tokens/resources.ts";
import { revokeByApi, signIn, verdictOf } from "../../oidc/app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../../oidc/server-under-test.ts";

let server: ServerUnderTest | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

type Settings = Parameters<NonNullable<NonNullable<Parameters<typeof startServer>[0]>["change"]>>[0];

/** A server whose settings can be edited between two starts. */
async function startEditable(maxSeconds: number, lifetimeSeconds: number) {
  let settings: Settings | undefined;
  const edit = (most: number, lifetime: number) => {
    settings!.maxAccessTokenLifetimeSeconds = most;
    Object.assign(settings!.resources[0]!, { accessTokenTtlSeconds: lifetime });
  };
  const started = await startServer({
    change: (document) => {
      settings = document;
      edit(maxSeconds, lifetimeSeconds);
    },
  });
  server = started;
  return { started, edit };
}

const kept = ({ server: { storage } }: ServerUnderTest) =>
  storage.read.selectFrom("revocations").select("seq").execute();

describe("a lifetime of access tokens", () => {
  it("can be edited upwards, and brings no dead token back: what was revoked is kept by the setting", async () => {
    const { started, edit } = await startEditable(3600, 300);
    const { access_token, claims } = await signIn(started);
    await revokeByApi(started, { scope: "session", key: claims.sid, mode: "kill" });
    const { incarnation } = started.server.storage.log;
    started.advance(400_000);
    await started.prune();
    assert.equal((await kept(started)).length, 1, "longer than the tokens of its day lived");
    edit(3600, 3600);
    await started.restart();
    assert.equal(verdictOf(started, access_token), "revoked");
    assert.equal(started.server.storage.log.incarnation, incarnation, "no verifier has to begin anew");
  });

  it("counts by the highest setting until the last token of its time has ended", async () => {
    const { started, edit } = await startEditable(3600, 3600);
    edit(300, 300);
    await started.restart();
    assert.equal(started.server.storage.log.tokenLifetimeSeconds, 3600);
    started.advance(3_620_000);
    await started.prune();
    await started.restart();
    assert.equal(started.server.storage.log.tokenLifetimeSeconds, 300);
  });

  it("that was allowed by a higher setting is cut when a token is issued", () => {
    const api = {
      identifier: RESOURCE,
      permissions: {},
      accessTokenTtlSeconds: 3600,
      algorithm: "ES256",
    } as const;
    const client = { [CLIENT_RESOURCES]: { [RESOURCE]: [] } } as unknown as Client;
    const lifetime = (max: number) => resourceServerOf(api, client, max).accessTokenTTL;
    assert.deepEqual([lifetime(300), lifetime(3600), lifetime(86_400)], [300, 3600, 3600]);
  });

  it("above the setting is refused with its field, the value and the setting", () => {
    const check = (seconds: number) =>
      checkAccessTokenLifetime({ field: "lifetimes.accessToken", seconds, maxSeconds: 300 });
    assert.equal(check(300), undefined);
    const problem = check(301);
    assert.equal(problem?.field, "lifetimes.accessToken");
    assert.match(problem!.message, /found 301.*maxAccessTokenLifetimeSeconds is 300/);
  });
});

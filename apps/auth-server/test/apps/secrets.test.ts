/** Secrets of apps: shown once, two at a time, refused as soon as they are gone. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ask, done, refusalOf, startAdministered } from "../api/administrator.ts";
import { assertRefused, ok, token } from "../oidc/app.ts";
import { RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());

async function createService(): Promise<{ clientId: string; clientSecret: string }> {
  const body = { type: "service", name: "Nightly", apis: { [RESOURCE]: ["orders.read"] } };
  return done(server, ["POST", "apps"], { body });
}

const askWith = (clientId: string, secret: string) =>
  token(
    server.issuer,
    { grant_type: "client_credentials", resource: RESOURCE },
    { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}` },
  );

const listed = async (clientId: string) => (await done(server, ["GET", `apps/${clientId}/secrets`])).items;

describe("the secrets of an app", () => {
  it("overlap: the new one is good before the old one goes, and there are never three", async () => {
    const { clientId, clientSecret: old } = await createService();
    const [first] = await listed(clientId);
    const second = await done(server, ["POST", `apps/${clientId}/secrets`]);
    assert.match(second.clientSecret, /^pcl_secret_[\w-]{43}$/);
    for (const secret of [old, second.clientSecret]) ok(await askWith(clientId, secret));
    const third = await ask(server, ["POST", `apps/${clientId}/secrets`]);
    assert.deepEqual(refusalOf(third), [409, "too_many_secrets"]);
    await done(server, ["DELETE", `apps/${clientId}/secrets/${first.id}`]);
    assertRefused(await askWith(clientId, old), "invalid_client", 401);
    ok(await askWith(clientId, second.clientSecret));
    assert.deepEqual(
      (await listed(clientId)).map(({ id }: { id: string }) => id),
      [second.id],
    );
    assert.equal((await done(server, ["GET", `apps/${clientId}`])).revision, 3);
  });

  it("are never more than two, also when many are asked for at once", async () => {
    const { clientId } = await createService();
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => ask(server, ["POST", `apps/${clientId}/secrets`])),
    );
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, ...Array(5).fill(409)]);
  });

  it("end when they were meant to, and make way then", async () => {
    const { clientId } = await createService();
    const inOneHour = new Date(Date.parse((await listed(clientId))[0].createdAt) + 3_600_000).toISOString();
    const brief = await done(server, ["POST", `apps/${clientId}/secrets`], {
      body: { expiresAt: inOneHour },
    });
    assert.equal(brief.expiresAt, inOneHour);
    server.advance(3_590_000);
    ok(await askWith(clientId, brief.clientSecret));
    server.advance(20_000);
    assertRefused(await askWith(clientId, brief.clientSecret), "invalid_client", 401);
    assert.equal((await listed(clientId)).length, 2);
    await done(server, ["POST", `apps/${clientId}/secrets`]);
    assert.ok(!(await listed(clientId)).some(({ id }: { id: string }) => id === brief.id));
    const past = await ask(server, ["POST", `apps/${clientId}/secrets`], { body: { expiresAt: inOneHour } });
    assert.deepEqual(refusalOf(past), [400, "secret_expired"]);
    const words = await ask(server, ["POST", `apps/${clientId}/secrets`], {
      body: { expiresAt: "tomorrow" },
    });
    assert.deepEqual(refusalOf(words), [400, "invalid_request", "expiresAt"]);
  });

  it("say when they were last used, without a write for each request", async () => {
    const { clientId, clientSecret } = await createService();
    assert.equal((await listed(clientId))[0].lastUsedAt, undefined);
    const { counters } = server.server.storage;
    ok(await askWith(clientId, clientSecret));
    const units = counters.units;
    ok(await askWith(clientId, clientSecret));
    const ofARequest = counters.units - units;
    await server.prune();
    const { lastUsedAt, createdAt } = (await listed(clientId))[0];
    assert.ok(lastUsedAt >= createdAt, lastUsedAt);
    assertRefused(await askWith(clientId, "wrong"), "invalid_client", 401);
    assert.ok(ofARequest <= 1, `${ofARequest} units of writing`);
  });

  it("are shown by nothing but their creation, and kept as hashes", async () => {
    const { clientId, clientSecret } = await createService();
    const rows = await server.server.storage.read.selectFrom("client_secrets").selectAll().execute();
    const hash = Buffer.from(rows.find((row) => row.client_id === clientId)!.secret_hash).toString("hex");
    for (const wrong of [hash, "-", `${clientSecret}x`, clientSecret.slice(0, -1)]) {
      assertRefused(await askWith(clientId, wrong), "invalid_client", 401);
    }
    assert.ok(!server.log.join("\n").includes(clientSecret));
  });

  it("are not of an app that cannot keep one, nor of one that is not there", async () => {
    assert.deepEqual(refusalOf(await ask(server, ["POST", "apps/web/secrets"])), [409, "no_secrets"]);
    assert.deepEqual(refusalOf(await ask(server, ["GET", "apps/nobody/secrets"])), [404, "unknown_client"]);
    const { clientId } = await createService();
    const unknown = await ask(server, ["DELETE", `apps/${clientId}/secrets/Vt8Vt7mGQf2bqfYkq0hZ0A`]);
    assert.deepEqual(refusalOf(unknown), [404, "unknown_secret"]);
    const [{ id }] = await listed("service");
    const foreign = await ask(server, ["DELETE", `apps/${clientId}/secrets/${id}`]);
    assert.deepEqual(refusalOf(foreign), [404, "unknown_secret"]);
  });

  it("go to the last one, and then it is let in nowhere; but nobody takes the last one from itself", async () => {
    const { clientId, clientSecret } = await createService();
    const [{ id }] = await listed(clientId);
    await done(server, ["DELETE", `apps/${clientId}/secrets/${id}`]);
    for (const secret of [clientSecret, "-"]) {
      assertRefused(await askWith(clientId, secret), "invalid_client", 401);
    }
    const [own] = await listed("admin");
    assert.deepEqual(refusalOf(await ask(server, ["DELETE", `apps/admin/secrets/${own.id}`])), [
      409,
      "own_app",
    ]);
    assert.equal((await listed("admin")).length, 1);
  });
});

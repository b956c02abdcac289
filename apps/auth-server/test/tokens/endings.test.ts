/** What ends tokens for scripts: each act on their owner, their API or themselves, with its reason, and what does not. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  CLIENT_ADDRESS_HEADER,
  type CreatedScriptToken,
  type IntrospectedToken,
  introspectedTokenSchema,
} from "@portcullis/protocol";
import { exchange } from "@portcullis/testing/end-to-end";
import { ask, done } from "../api/administrator.ts";
import { form, revokeByApi } from "../oidc/app.ts";
import {
  ALICE,
  BOB,
  basicOf,
  OTHER_RESOURCE,
  RESOURCE,
  type ServerUnderTest,
} from "../oidc/server-under-test.ts";
import { asked, askTokens, makeTokenOf, startWithTokens, verdict } from "./tokens-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startWithTokens(({ resources, clients, users }) => {
    const billing = resources.find(({ identifier }) => identifier === OTHER_RESOURCE)!;
    Object.assign(billing, { personalTokenPermissions: ["bills.read"] });
    const [service, orders] = ["service", "orders"].map(
      (id) => clients.find(({ clientId }) => clientId === id)!,
    );
    service!.resources = { [RESOURCE]: ["orders.read"], [OTHER_RESOURCE]: ["bills.read"] };
    orders!.resources = { ...orders!.resources, [OTHER_RESOURCE]: ["bills.read"] };
    for (const clientId of ["doomed", "disabled"]) clients.push({ ...service!, clientId });
    for (const username of VICTIMS)
      users.push({ ...BOB, username, name: username, password: ALICE.password });
  });
});
after(() => server.stop());

const VICTIMS = "disabled deleted banned banned-there reset signed-out subject pair stays".split(" ");

/** At the API of orders and at the other one. */
interface Two {
  readonly here: CreatedScriptToken;
  readonly there: CreatedScriptToken;
  /** What a verifier keeps of the first. */
  readonly claims: IntrospectedToken;
}

async function twoOf(owner: string): Promise<Two> {
  const here = await makeTokenOf(server, owner);
  const there = await makeTokenOf(server, owner, { api: OTHER_RESOURCE, permissions: ["bills.read"] });
  return { here, there, claims: introspectedTokenSchema.parse(await asked(server, here.token)) };
}

const verdicts = async ({ here, there }: Two) => [
  await verdict(server, here.token),
  await verdict(server, there.token),
];

/** What verifiers that have followed the log say of the answer that they keep. */
const kept = ({ claims }: Two): string => {
  const { local } = server.server.revocations;
  const said = local.verdict(local.coordinatesOf(claims, {}));
  return said.outcome === "allow" ? "allow" : `${said.outcome}: ${said.reason}`;
};

const post = (path: string, body?: object, scope?: string) =>
  done(server, ["POST", path], { ...(body && { body }), ...(scope && { scope }) });

async function revoke(body: object): Promise<void> {
  const answer = await revokeByApi(server, { ...body });
  assert.equal(answer.status, 200, answer.body);
}

describe("of a user, each token ends for good", () => {
  const ends = async (two: Two, reason: string) => {
    assert.deepEqual(await verdicts(two), [reason, reason]);
    assert.equal(kept(two), `killed: ${reason}`, "with the same reason where the answer is kept");
  };

  it("who is disabled, and is enabled again", async () => {
    const two = await twoOf("users/disabled");
    await post("users/disabled/disable");
    await ends(two, "user_disabled");
    assert.equal(
      (await askTokens(server, ["POST", "users/disabled/tokens"], { body: bodyOf(two) })).status,
      409,
    );
    await post("users/disabled/enable");
    await ends(two, "user_disabled");
  });

  it("who is deleted, and nothing else is kept of them", async () => {
    const two = await twoOf("users/deleted");
    await exchange(`${server.issuer}/introspect`, {
      body: form({ token: two.here.token }),
      headers: { authorization: basicOf("orders"), [CLIENT_ADDRESS_HEADER]: "203.0.113.9" },
    });
    await done(server, ["DELETE", "users/deleted"]);
    // What was noted of the last use meanwhile is stored now.
    await server.server.prune();
    await ends(two, "account_deleted");
    const rows = server.server.storage.read.selectFrom("script_tokens").selectAll();
    const row = await rows.where("id", "=", two.here.id).executeTakeFirstOrThrow();
    assert.deepEqual([row.name, row.allowed_addresses, row.last_used_address], ["", null, null]);
  });

  it("who is banned from everything, and the ban is lifted", async () => {
    const two = await twoOf("users/banned");
    const { id } = await post("users/banned/bans", { scope: "all", reason: "spam" }, "bans.write");
    await ends(two, "banned");
    await done(server, ["DELETE", `bans/${id}`], { scope: "bans.write" });
    await ends(two, "banned");
  });

  it("whose password an administrator sets", async () => {
    const two = await twoOf("users/reset");
    await post("users/reset/password", { password: "another horse battery staple" });
    await ends(two, "password_changed");
  });

  it("whose every session is ended", async () => {
    const two = await twoOf("users/signed-out");
    await post("users/signed-out/sessions/end", { all: true }, "sessions.write");
    await ends(two, "kicked");
  });

  it("who is revoked as a subject", async () => {
    const two = await twoOf("users/subject");
    await revoke({ scope: "subject", key: "subject", reason: "password_changed" });
    await ends(two, "password_changed");
  });
});

const bodyOf = ({ here: { name, api, permissions, expiresAt } }: Two) => ({
  name,
  api,
  permissions,
  expiresAt,
});

describe("at one API", () => {
  it("a ban ends the tokens for it, for good, and no other", async () => {
    const two = await twoOf("users/banned-there");
    const ban = { scope: { api: RESOURCE }, reason: "spam" };
    const { id } = await post("users/banned-there/bans", ban, "bans.write");
    assert.deepEqual(await verdicts(two), ["banned", "active"]);
    assert.equal(kept(two), "killed: banned");
    const again = await askTokens(server, ["POST", "users/banned-there/tokens"], { body: bodyOf(two) });
    assert.equal(again.body.code, "owner_kept_out");
    await done(server, ["DELETE", `bans/${id}`], { scope: "bans.write" });
    assert.deepEqual(await verdicts(two), ["banned", "active"]);
  });

  it("a user and an API that are revoked as a pair are as a ban", async () => {
    const two = await twoOf("users/pair");
    await revoke({
      scope: "subject-audience",
      key: { subject: "pair", audience: RESOURCE },
      reason: "kicked",
    });
    assert.deepEqual(await verdicts(two), ["kicked", "active"]);
  });

  it("a ban from one permission takes it out for as long as it stands, and verifiers ask anew", async () => {
    const made = await makeTokenOf(server, "users/stays", { permissions: ["orders.read", "orders.write"] });
    const claims = introspectedTokenSchema.parse(await asked(server, made.token));
    assert.equal(claims.scope, "orders.read orders.write");
    const ban = { scope: { api: RESOURCE, permission: "orders.write" }, reason: "spam" };
    const { id } = await post("users/stays/bans", ban, "bans.write");
    assert.equal(kept({ claims } as Two), "stale: claims_changed");
    const now = introspectedTokenSchema.parse(await asked(server, made.token));
    assert.equal(now.scope, "orders.read");
    assert.equal(kept({ claims: now } as Two), "allow");
    await done(server, ["DELETE", `bans/${id}`], { scope: "bans.write" });
    assert.equal((await asked(server, made.token)).scope, "orders.read orders.write");
  });

  it("a permission that is taken from it, or from personal tokens, is gone; one of the same name is another", async () => {
    const made = await makeTokenOf(server, "users/stays", { permissions: ["orders.read", "orders.write"] });
    const { token } = made;
    const claims = introspectedTokenSchema.parse(await asked(server, token));
    const patch = (body: object) =>
      done(server, ["PATCH", `apis/${encodeURIComponent(RESOURCE)}`], { body, scope: "apis.write" });
    const scope = async () => (await asked(server, token)).scope;
    await patch({ personalTokenPermissions: ["orders.read"] });
    assert.equal(kept({ claims } as Two), "stale: claims_changed");
    assert.equal(await scope(), "orders.read");
    await patch({ personalTokenPermissions: ["orders.read", "orders.write"] });
    assert.equal(await scope(), "orders.read orders.write");
    const less = await patch({ permissions: { "orders.write": null } });
    assert.deepEqual(less.personalTokenPermissions, ["orders.read"], "it goes with the permission");
    await patch({
      permissions: { "orders.write": "Change your orders" },
      personalTokenPermissions: ["orders.read", "orders.write"],
    });
    assert.equal(await scope(), "orders.read", "nobody has chosen this one");
  });

  it("a permission that the API has not is in no personal token", async () => {
    const path = `apis/${encodeURIComponent(RESOURCE)}`;
    const body = { personalTokenPermissions: ["orders.read", "orders.fly"] };
    const { status, body: problem } = await ask(server, ["PATCH", path], { body, scope: "apis.write" });
    assert.deepEqual([status, problem.problems?.[0].field], [400, "personalTokenPermissions.1"]);
  });
});

describe("of an app, each key ends for good", () => {
  it("that is disabled, and is enabled again", async () => {
    const two = await twoOf("apps/disabled");
    await post("apps/disabled/disable");
    assert.deepEqual(await verdicts(two), ["client_disabled", "client_disabled"]);
    assert.equal(kept(two), "killed: client_disabled");
    await post("apps/disabled/enable");
    assert.deepEqual(await verdicts(two), ["client_disabled", "client_disabled"]);
  });

  it("that is deleted", async () => {
    const two = await twoOf("apps/doomed");
    await done(server, ["DELETE", "apps/doomed"]);
    assert.deepEqual(await verdicts(two), ["client_disabled", "client_disabled"]);
  });

  it("that is revoked, as a client or as the subject of what it does for itself", async () => {
    for (const scope of ["client", "subject"]) {
      const two = await twoOf("apps/service");
      const stays = await twoOf("users/stays");
      await revoke({ scope, key: "service", reason: "kicked" });
      assert.deepEqual(await verdicts(two), ["kicked", "kicked"], scope);
      assert.deepEqual(await verdicts(stays), ["active", "active"], scope);
    }
  });
});

describe("whatever rows say", () => {
  it("a token whose user, app or API is gone, or is kept out, does not work", async () => {
    const personal = await twoOf("users/stays");
    const key = await twoOf("apps/service");
    const { storage } = server.server;
    const unended = () =>
      storage.write(({ db }) =>
        db.updateTable("script_tokens").set({ ended_at: null, end_reason: null }).execute(),
      );
    await post("users/stays/disable");
    await post("apps/service/disable");
    await unended();
    assert.deepEqual(await verdicts(personal), ["user_disabled", "user_disabled"]);
    assert.deepEqual(await verdicts(key), ["client_disabled", "client_disabled"]);
    await post("users/stays/enable");
    await post("apps/service/enable");
    const { id } = await post("users/stays/bans", { scope: { api: RESOURCE }, reason: "spam" }, "bans.write");
    await unended();
    assert.deepEqual(await verdicts(personal), ["banned", "active"]);
    await done(server, ["DELETE", `bans/${id}`], { scope: "bans.write" });
    assert.deepEqual(await verdicts(personal), ["active", "active"]);
  });

  it("what ends between the sample of the log and the answer is not answered with a horizon behind it", async () => {
    const { token } = await makeTokenOf(server, "users/stays");
    const { apis } = server.server;
    const find = apis.findEnabled;
    apis.findEnabled = async (identifier) => {
      apis.findEnabled = find;
      await post("users/stays/sessions/end", { all: true }, "sessions.write");
      return find.call(apis, identifier);
    };
    assert.equal((await asked(server, token)).active, false);
  });
});

// The last: nothing lives after these.
describe("with an API, and with all there is", () => {
  const endsAll = async (act: () => Promise<unknown>, expected: readonly unknown[]) => {
    const all = [await twoOf("users/stays"), await twoOf("apps/service")];
    await act();
    for (const two of all) assert.deepEqual(await verdicts(two), expected);
    return all;
  };
  const path = `apis/${encodeURIComponent(OTHER_RESOURCE)}`;

  it("that is disabled each token for it ends, for good", async () => {
    const all = await endsAll(() => post(`${path}/disable`, undefined, "apis.write"), ["active", "revoked"]);
    await post(`${path}/enable`, undefined, "apis.write");
    for (const two of all) assert.deepEqual(await verdicts(two), ["active", "revoked"]);
    const read = await done(server, ["GET", `users/stays/tokens/${all[0]!.there.id}`], {
      scope: "tokens.read",
    });
    assert.deepEqual([read.active, read.reason, typeof read.endedAt], [false, "revoked", "string"]);
  });

  it("that is deleted each token for it ends, and one of the same name is another", async () => {
    const api = await done(server, ["GET", path], { scope: "apis.read" });
    const all = await endsAll(
      () => done(server, ["DELETE", path], { scope: "apis.write" }),
      ["active", "revoked"],
    );
    const { identifier, name, permissions, personalTokenPermissions } = api;
    await post("apis", { identifier, name, permissions, personalTokenPermissions });
    const apis = { [identifier]: ["bills.read"] };
    for (const app of ["service", "orders"])
      await done(server, ["PATCH", `apps/${app}`], { body: { apis }, scope: "apps.write" });
    for (const two of all) assert.deepEqual(await verdicts(two), ["active", "revoked"]);
  });

  it("that is revoked as an audience each token for it ends, and is counted beforehand", async () => {
    const revocation = { scope: "audience", key: OTHER_RESOURCE, reason: "kicked" };
    const { there } = await twoOf("users/stays");
    const dry = await ask(server, ["POST", `${path}/disable?dryRun=true`], { scope: "apis.write" });
    assert.equal(dry.body.ends.users, 1, JSON.stringify(dry.body));
    await endsAll(() => revoke(revocation), ["active", "kicked"]);
    assert.equal(await verdict(server, there.token), "kicked");
    const fresh = await twoOf("users/stays");
    assert.deepEqual(await verdicts(fresh), ["active", "active"], "made afterwards");
  });

  it("every token ends when all is revoked, and one that is made afterwards works", async () => {
    await endsAll(
      () => revoke({ scope: "issuer", reason: "possible_loss" }),
      ["possible_loss", "possible_loss"],
    );
    assert.deepEqual(await verdicts(await twoOf("users/stays")), ["active", "active"]);
  });
});

describe("at another server of the database", () => {
  it("a token ends in the same moment", async () => {
    if (server.server.storage.dialect !== "postgres") return;
    const other = await server.startAnother();
    const { token, id } = await makeTokenOf(server, "users/stays");
    assert.equal(await verdict(server, token, other), "active");
    await askTokens(server, ["DELETE", `users/stays/tokens/${id}`]);
    assert.equal(await verdict(server, token, other), "revoked");
  });

  it("a token is rotated once by fifty at once, at both", async () => {
    if (server.server.storage.dialect !== "postgres") return;
    const other = await server.startAnother();
    const { id } = await makeTokenOf(server, "users/stays");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        askTokens(server, ["POST", `users/stays/tokens/${id}/rotate`], {
          body: { overlapSeconds: 60 },
          at: at % 2 === 0 ? server.issuer : other,
        }),
      ),
    );
    assert.equal(answers.filter(({ status }) => status < 300).length, 1);
  });
});

/**
 * Nobody resets, edits, lets in or promotes an account that has more than he has: a client that lacks one scope of an administrator
 * cannot become one. One row for each operation that changes something about a user: a new one fails here until it has its own. Tokens for
 * scripts are in tokens/over-others.test.ts.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { API_SCOPES } from "@portcullis/protocol";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { type OpenApi, operationsOf } from "@portcullis/testing/openapi";
import { machineToken, signIn } from "../oidc/app.ts";
import { ALICE, BOB, OTHER_RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { call, makeAdministrator, problemOf, startAdministered } from "./administration.ts";

const ALL_BUT_ONE = Object.values(API_SCOPES).filter((scope) => scope !== API_SCOPES.writeKeys);

interface Act {
  readonly body?: object;
  /** `administrators`: it takes one to do it to one. `anybody`: whoever it is done to. `nobody`: the scope is enough. */
  readonly isRefusedOver: "nobody" | "administrators" | "anybody";
}

const OVER_ADMINISTRATORS = { isRefusedOver: "administrators" } as const;
/** It only ends something, and gives whoever calls it nothing. */
const ENDS = { isRefusedOver: "nobody" } as const;

/** In an order in which each can be done to somebody. */
const ACTS: Readonly<Record<string, Act>> = {
  setPassword: { ...OVER_ADMINISTRATORS, body: { password: "a password of mallory" } },
  updateUser: { ...OVER_ADMINISTRATORS, body: { name: "Mallory" } },
  unlockUser: OVER_ADMINISTRATORS,
  renameDevice: { ...OVER_ADMINISTRATORS, body: { device: { name: "Work laptop" } } },
  liftBan: OVER_ADMINISTRATORS,
  giveRole: { isRefusedOver: "anybody" },
  takeRole: { isRefusedOver: "anybody" },
  withdrawConsent: ENDS,
  endSession: ENDS,
  endSessionsOfUser: { ...ENDS, body: { all: true } },
  banUser: { ...OVER_ADMINISTRATORS, body: { scope: "all", reason: "spam" } },
  disableUser: OVER_ADMINISTRATORS,
  enableUser: OVER_ADMINISTRATORS,
  deleteUser: OVER_ADMINISTRATORS,
};

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly scope: string;
  readonly hasDryRun: boolean;
}

let server: ServerUnderTest;
let operations: ReadonlyMap<string, Operation>;
before(async () => {
  server = await startAdministered(({ clients, issuer }) => {
    clients.find(({ clientId }) => clientId === "service")!.resources[`${issuer}/api`] = ALL_BUT_ONE;
  });
  await makeAdministrator(server, "alice");
  const document = json<OpenApi>(await exchange(`${server.issuer}/api/openapi.json`));
  operations = new Map(
    operationsOf(document).map((found) => [found.operation.operationId, operationOf(found)]),
  );
});
after(() => server.stop());

type Found = ReturnType<typeof operationsOf>[number];
type Parameters = readonly { readonly name?: string; readonly $ref?: string }[];

function operationOf({ path, method, operation }: Found): Operation {
  const { parameters = [] } = operation as { readonly parameters?: Parameters };
  return {
    path,
    method: method.toUpperCase(),
    scope: operation.security[0]?.token?.[0] ?? "",
    hasDryRun: parameters.some(({ name = "", $ref = "" }) => /dryRun$/i.test(name || $ref)),
  };
}

/** What the path names: the user, a session of the user, a ban of the user. */
interface Named {
  readonly user: string;
  readonly sid: string;
  readonly id: string;
}

async function named(user: string, credentials: typeof ALICE): Promise<Named> {
  const { claims } = await signIn(server, { credentials });
  const token = await machineToken(server.issuer, "admin", `${server.issuer}/api`, "bans.write");
  const body = { scope: { api: OTHER_RESOURCE }, reason: "spam" };
  const ban = await call(server, `users/${user}/bans`, { method: "POST", body, token });
  return { user, sid: claims.sid, id: json<{ id: string }>(ban).id };
}

async function act(id: string, at: Named, query = ""): Promise<Exchange> {
  const { path, method, scope } = operations.get(id)!;
  const values: Readonly<Record<string, string>> = { ...at, role: "administrator", clientId: "web" };
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name]!).replace("/api/v1/", "");
  const token = await machineToken(server.issuer, "service", `${server.issuer}/api`, scope);
  const { body } = ACTS[id]!;
  return call(server, `${filled}${query}`, { method, token, ...(body === undefined ? {} : { body }) });
}

describe("a client that lacks one scope of an administrator", () => {
  it("is asked here about every operation that changes something about a user", () => {
    const touching = [...operations].filter(
      ([, { path, method }]) =>
        method !== "GET" && /\{user\}|\{sid\}|\/bans\/\{id\}/.test(path) && !path.includes("/tokens"),
    );
    assert.deepEqual(touching.map(([id]) => id).toSorted(), Object.keys(ACTS).toSorted());
  });

  it("does none of them to an administrator, tried out or for real, but what only ends something", async () => {
    const alice = await named("alice", ALICE);
    for (const [id, { isRefusedOver }] of Object.entries(ACTS)) {
      // An administrator who is not disabled is not enabled either: it says so, and changes nothing.
      if (id === "enableUser") continue;
      const tried = operations.get(id)!.hasDryRun ? [await act(id, alice, "?dryRun=true")] : [];
      for (const answer of [...tried, await act(id, alice)]) {
        if (isRefusedOver === "nobody") assert.equal(answer.status, 200, `${id}: ${answer.body}`);
        else assert.deepEqual(problemOf(answer), [403, "administrator_needed"], id);
      }
    }
    await signIn(server, { credentials: ALICE });
  });

  it("does not enable an administrator who is disabled", async () => {
    await makeAdministrator(server, "bob");
    const bob = await named("bob", BOB);
    assert.equal((await call(server, "users/bob/disable", { method: "POST" })).status, 200);
    assert.deepEqual(problemOf(await act("enableUser", bob)), [403, "administrator_needed"]);
    assert.equal((await call(server, "users/bob/enable", { method: "POST" })).status, 200);
    assert.equal((await call(server, "users/bob/roles/administrator", { method: "DELETE" })).status, 200);
  });

  it("gets the password hashes of others, and is told that those of administrators are kept from it", async () => {
    const ofAlice = async (client: string) => {
      const lines = await exported(client);
      assert.match(String(lines.find(({ username }) => username === "bob")!.passwordHash), /^\$argon2id/);
      return lines.find(({ username }) => username === "alice")!;
    };
    const { secretsWithheld, ...alice } = await ofAlice("service");
    assert.equal(secretsWithheld, true);
    const { passwordHash, ...others } = await ofAlice("admin");
    assert.match(String(passwordHash), /^\$argon2id/);
    for (const field of ["totp", "upstream", "passkeys"]) delete others[field];
    assert.deepEqual(alice, others);
  });

  it("does all of them to others, but make an administrator", async () => {
    const bob = await named("bob", BOB);
    for (const [id, { isRefusedOver }] of Object.entries(ACTS)) {
      const answer = await act(id, bob);
      if (isRefusedOver === "anybody") assert.deepEqual(problemOf(answer), [403, "administrator_needed"], id);
      else assert.equal(answer.status, 200, `${id}: ${answer.body}`);
    }
  });
});

async function exported(client: string) {
  const token = await machineToken(server.issuer, client, `${server.issuer}/api`, "users.read users.write");
  const { body } = await call(server, "users/export?secrets=true", { token });
  return body
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("the last administrator", () => {
  it("cannot be deleted", async () => {
    assert.deepEqual(problemOf(await call(server, "users/alice", { method: "DELETE" })), [
      409,
      "last_administrator",
    ]);
    await signIn(server, { credentials: ALICE });
  });
});

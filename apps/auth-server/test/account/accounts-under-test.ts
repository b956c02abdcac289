/** A server with the account API and an app of the operator's own, whose people are as they were before each test. */
import assert from "node:assert/strict";
import { exchange } from "@portcullis/testing/end-to-end";
import { type SignedIn, token } from "../oidc/app.ts";
import { basicOf, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { type AccountAnswer, signInToAccount, startWithAccountApi } from "./account-client.ts";

export interface AccountsUnderTest {
  readonly server: ServerUnderTest;
  /** Takes away what tests have left, and signs Alice in. */
  signInAnew(): Promise<SignedIn>;
  setHash(username: string, passwordHash: string | null): Promise<unknown>;
  /** Calls the server's own API as an administrator's client does. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it has asked for
  administer(method: string, path: string, body?: object): Promise<any>;
}

export async function startAccounts(): Promise<AccountsUnderTest> {
  const server = await startWithAccountApi(({ clients, issuer }) => {
    const account = { [`${issuer}/account`]: ["account.read"] };
    Object.assign(clients.find(({ clientId }) => clientId === "admin")!, {
      firstParty: true,
      resources: {
        ...account,
        [`${issuer}/api`]: ["users.write", "bans.write", "apps.write", "revocations.write"],
      },
    });
  });
  const { storage } = server.server;
  const { password_hash: hashOfAlice } = await storage.read
    .selectFrom("users")
    .select("password_hash")
    .where("username_key", "=", "alice")
    .executeTakeFirstOrThrow();
  const setHash = (username: string, password_hash: string | null) =>
    storage.write(({ db }) =>
      db.updateTable("users").set({ password_hash }).where("username_key", "=", username).execute(),
    );
  return {
    server,
    setHash,
    async signInAnew() {
      await storage.write(async ({ db }) => {
        for (const table of LEFT_BY_TESTS) await db.deleteFrom(table).execute();
      });
      await setHash("alice", hashOfAlice);
      return signInToAccount(server);
    },
    administer: (method, path, body) => administer(server, { method, path, body }),
  };
}

const LEFT_BY_TESTS = ["oidc_consents", "oidc_grants", "oidc_sessions", "sign_in_attempts", "bans"] as const;

async function administer(
  server: ServerUnderTest,
  { method, path, body }: { method: string; path: string; body: object | undefined },
) {
  const scope = "users.write bans.write apps.write";
  const asked = { grant_type: "client_credentials", resource: `${server.issuer}/api`, scope };
  const { access_token } = JSON.parse(
    (await token(server.issuer, asked, { authorization: basicOf("admin") })).body,
  );
  const answer = await exchange(`${server.issuer}/api/v1/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${access_token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
  });
  assert.ok(answer.status < 300, answer.body);
  return JSON.parse(answer.body);
}

/** What a refusal says, without its texts. */
export const refusalOf = ({ status, body }: AccountAnswer): unknown[] =>
  [status, body.code, body.reason].filter(Boolean);

/**
 * Every act that ends something, what it ends and for which reason. A route that is declared as ending (`declareEnding`) and has no
 * line here fails the build: whoever adds an act adds its proof.
 */
import assert from "node:assert/strict";
import type { Reason } from "@portcullis/protocol";
import { type Exchange, exchange } from "@portcullis/testing/end-to-end";
import { ROUTES } from "../../apps/auth-server/src/paths.ts";
import { AFTER_LOGOUT } from "../../apps/auth-server/test/oidc/server-under-test.ts";
import type { Asked, Cast, Member, Names, World } from "./world.ts";

export interface Act {
  /** Made before the cast's tokens are proved alive. */
  readonly prepare?: (world: World, names: Names) => Promise<void>;
  readonly does: (cast: Cast, names: Names, world: World) => Promise<Asked> | Asked;
  readonly ends: readonly Member[];
  readonly reason: Reason;
  /** `stale`: the app refreshes, and goes on. Default: `kill`. */
  readonly mode?: "stale";
  /** Whose refresh still brings a token that passes, though its access token is dead. */
  readonly goesOn?: readonly Member[];
}

const api = (method: string, path: string, body?: object): Asked => ({
  method,
  path: `/api/v1/${path}`,
  body,
});
const ofVictim: readonly Member[] = ["phone", "laptop", "other"];
const ofApp: readonly Member[] = ["phone", "laptop", "bystander"];
const encoded = encodeURIComponent;

/** By operation. */
export const ACTS: Readonly<Record<string, Act>> = {
  revoke: {
    does: ({ phone }) => ({
      method: "POST",
      path: "/revocations",
      body: { scope: "session", key: phone.claims.sid, reason: "kicked" },
    }),
    ends: ["phone"],
    reason: "kicked",
  },
  endSession: {
    does: ({ phone }) => api("DELETE", `sessions/${phone.claims.sid}`),
    ends: ["phone"],
    reason: "kicked",
  },
  endSessionsOfUser: {
    does: ({ phone }, { victim }) =>
      api("POST", `users/${victim}/sessions/end`, { others: phone.claims.sid }),
    ends: ["laptop", "other"],
    reason: "kicked",
  },
  /** The sign-in of one device is older than the policy lets it be. */
  changePolicy: {
    async does({ phone }, _names, { server }) {
      await server.server.storage.write(async ({ db }) => {
        const session = db
          .updateTable("oidc_sessions")
          .set((eb) => ({ auth_time: eb("auth_time", "-", 90_000) }));
        await session.where("uid", "=", phone.claims.sid).execute();
      });
      return api("PATCH", "policies/default", { idleSeconds: 80_000, absoluteSeconds: 86_400 });
    },
    ends: ["phone"],
    reason: "revoked",
  },
  disableUser: {
    does: (_cast, { victim }) => api("POST", `users/${victim}/disable`),
    ends: ofVictim,
    reason: "user_disabled",
  },
  deleteUser: {
    does: (_cast, { victim }) => api("DELETE", `users/${victim}`),
    ends: ofVictim,
    reason: "account_deleted",
  },
  setPassword: {
    does: (_cast, { victim }) =>
      api("POST", `users/${victim}/password`, { password: "another horse battery staple" }),
    ends: ofVictim,
    reason: "password_changed",
  },
  banUser: {
    does: (_cast, { victim }) => api("POST", `users/${victim}/bans`, { scope: "all", reason: "spam" }),
    ends: ofVictim,
    reason: "banned",
  },
  withdrawConsent: {
    does: (_cast, { victim, app }) => api("DELETE", `users/${victim}/consents/${app}`),
    ends: ["phone", "laptop"],
    reason: "consent_withdrawn",
  },
  disableApp: {
    does: (_cast, { app }) => api("POST", `apps/${app}/disable`),
    ends: ofApp,
    reason: "client_disabled",
  },
  deleteApp: {
    does: (_cast, { app }) => api("DELETE", `apps/${app}`),
    ends: ofApp,
    reason: "client_disabled",
  },
  changeApp: {
    does: (_cast, { app, orders }) => api("PATCH", `apps/${app}`, { apis: { [orders]: ["things.read"] } }),
    ends: ofApp,
    reason: "claims_changed",
    mode: "stale",
    goesOn: ofApp,
  },
  disableApi: {
    does: (_cast, { orders }) => api("POST", `apis/${encoded(orders)}/disable`),
    ends: ofApp,
    reason: "revoked",
  },
  deleteApi: {
    does: (_cast, { orders }) => api("DELETE", `apis/${encoded(orders)}`),
    ends: ofApp,
    reason: "revoked",
  },
  changeApi: {
    does: (_cast, { orders }) =>
      api("PATCH", `apis/${encoded(orders)}`, { permissions: { "things.write": null } }),
    ends: ofApp,
    reason: "claims_changed",
    mode: "stale",
    goesOn: ofApp,
  },
  /** Its own API is the one that the role opens: see `takeRole` in roles/roles.test.ts for the token itself. */
  takeRole: {
    async prepare(world, { victim, bystander }) {
      for (const user of [victim, bystander]) {
        const given = await world.call(world.actsAt, api("PUT", `users/${user}/roles/administrator`));
        assert.equal(given.status, 200, given.body);
      }
    },
    does: (_cast, { victim }) => api("DELETE", `users/${victim}/roles/administrator`),
    ends: [],
    reason: "claims_changed",
    mode: "stale",
  },
  retireKey: {
    async does(_cast, _names, { server }) {
      const { kid } = await server.server.ring.signingNow();
      return api("POST", `keys/${encoded(kid)}/retire`);
    },
    ends: ["phone", "laptop", "other", "bystander"],
    reason: "key_retired",
    goesOn: ["phone", "laptop", "other", "bystander"],
  },
};

/** Acts of people at the pages, which have no dry run and no receipt of their own. */
export const PAGE_ACTS: Readonly<
  Record<
    string,
    Pick<Act, "ends" | "reason"> & { act(cast: Cast, names: Names, at: string): Promise<Exchange> }
  >
> = {
  signOut: {
    async act({ phone }, { app }, at) {
      const query = new URLSearchParams({
        client_id: app,
        id_token_hint: phone.id_token,
        post_logout_redirect_uri: AFTER_LOGOUT,
      });
      const page = await phone.browser.open(new URL(`${ROUTES.end_session}?${query}`, at), (url) =>
        url.href.startsWith(AFTER_LOGOUT),
      );
      return page as unknown as Exchange;
    },
    ends: ["phone"],
    reason: "logged_out",
  },
  revokeRefreshToken: {
    act: ({ laptop }, { app }, at) =>
      exchange(`${at}${ROUTES.revocation}`, {
        body: new URLSearchParams({ token: laptop.refresh_token, client_id: app }),
      }),
    ends: ["laptop"],
    reason: "revoked",
  },
};

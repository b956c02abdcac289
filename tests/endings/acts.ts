/**
 * Every act that ends something, what it ends and for which reason. A route that is declared as ending (`declareEnding`) and has no
 * line here fails the build: whoever adds an act adds its proof.
 */
import assert from "node:assert/strict";
import type { Reason } from "@portcullis/protocol";
import { ROUTES } from "../../apps/auth-server/src/paths.ts";
import { signIn } from "../../apps/auth-server/test/oidc/app.ts";
import {
  type Asked,
  type Cast,
  credentialsOf,
  type Member,
  type Names,
  scriptTokenOf,
  type World,
} from "./world.ts";

/** Whose tokens for scripts, at the API of orders. */
export type ScriptOwner = "victim" | "app";

/** What is ended, by which reason. */
export interface Ending {
  /** Whose tokens for scripts end with it, for good; of whom it does not name they live on. Undefined: they are not asked about. */
  readonly endsTokensOf?: readonly ScriptOwner[];
  readonly ends: readonly Member[];
  readonly reason: Reason;
  /** Whose refresh still brings a token that passes, though its access token is dead. */
  readonly goesOn?: readonly Member[];
  /** Its record names no API, so that opaque access tokens are claims of before, too: the refresh is due for them as well. */
  readonly endsOpaque?: true;
  /** What the apps hold of the session lives on, for other APIs: they are not told that it is over. */
  readonly keepsGrants?: true;
  /** The claims of the token that a refresh brings to one of those. */
  readonly brings?: (claims: Readonly<Record<string, unknown>>) => void;
}

export interface Act extends Ending {
  /** Of which this is another way. Default: its own name. */
  readonly operation?: string;
  /** Made before the cast's tokens are proved alive. */
  readonly prepare?: (world: World, names: Names) => Promise<void>;
  readonly does: (cast: Cast, names: Names, world: World, more?: OneMore) => Promise<Asked> | Asked;
  /** `stale`: the app refreshes, and goes on. Default: `kill`. */
  readonly mode?: "stale";
  /** One more token that ends with it, which no refresh brings back. */
  readonly alsoEnds?: (cast: Cast, names: Names, world: World) => Promise<OneMore>;
}

export interface OneMore {
  /** A token for scripts of this id. */
  readonly id?: string;
  readonly token: string;
  readonly audience: string;
}

export const api = (method: string, path: string, body?: object): Asked => ({
  method,
  path: `/api/v1/${path}`,
  body,
});
/** Done by the victim, on the phone. */
const byOwner = async (
  world: World,
  { phone }: Cast,
  [method, path, body]: readonly [method: string, path: string, body?: object],
): Promise<Asked> => ({
  method,
  path: `/account/v1${path}`,
  body,
  token: await world.accountToken(phone),
});
export const ofVictim: readonly Member[] = ["phone", "laptop", "other"];
const ofApp: readonly Member[] = ["phone", "laptop", "bystander"];
const encoded = encodeURIComponent;

export async function done(world: World, asked: Asked): Promise<void> {
  const { status, body } = await world.call(world.actsAt, asked);
  assert.equal(status, 200, body);
}

/** Ends the token, or puts another in its place at once. */
function scriptTokenAct(of: "users" | "apps", method: "DELETE" | "POST"): Act {
  const ownerOf = ({ victim, app }: Names) =>
    of === "users" ? (`users/${victim}` as const) : (`apps/${app}` as const);
  return {
    ends: [],
    reason: method === "DELETE" ? "revoked" : "replaced",
    alsoEnds: async (_cast, names, world) => ({
      ...(await scriptTokenOf(world, ownerOf(names), names)),
      audience: names.orders,
    }),
    async does(_cast, names, world, more) {
      const { id } = more ?? (await scriptTokenOf(world, ownerOf(names), names));
      return api(method, `${ownerOf(names)}/tokens/${id}${method === "POST" ? "/rotate" : ""}`);
    },
  };
}

function ownScriptTokenAct(method: "DELETE" | "POST"): Act {
  return {
    ...scriptTokenAct("users", method),
    async does(cast, names, world, more) {
      const { id } = more ?? (await scriptTokenOf(world, `users/${names.victim}`, names));
      return byOwner(world, cast, [method, `/tokens/${id}${method === "POST" ? "/rotate" : ""}`]);
    },
  };
}

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
    endsTokensOf: ["victim"],
    does: (_cast, { victim }) => api("POST", `users/${victim}/disable`),
    ends: ofVictim,
    reason: "user_disabled",
  },
  deleteUser: {
    endsTokensOf: ["victim"],
    does: (_cast, { victim }) => api("DELETE", `users/${victim}`),
    ends: ofVictim,
    reason: "account_deleted",
  },
  setPassword: {
    endsTokensOf: ["victim"],
    does: (_cast, { victim }) =>
      api("POST", `users/${victim}/password`, { password: "another horse battery staple" }),
    ends: ofVictim,
    reason: "password_changed",
  },
  banUser: {
    endsTokensOf: ["victim"],
    does: (_cast, { victim }) => api("POST", `users/${victim}/bans`, { scope: "all", reason: "spam" }),
    ends: ofVictim,
    reason: "banned",
  },
  /** For the other API, the victim's tokens go on. */
  "banUser from one API": {
    endsTokensOf: ["victim"],
    operation: "banUser",
    does: (_cast, { victim, orders }) =>
      api("POST", `users/${victim}/bans`, { scope: { api: orders }, reason: "spam" }),
    ends: ["phone", "laptop"],
    keepsGrants: true,
    reason: "banned",
  },
  "banUser from one permission": {
    endsTokensOf: [],
    operation: "banUser",
    does: (_cast, { victim, orders }) =>
      api("POST", `users/${victim}/bans`, {
        scope: { api: orders, permission: "things.write" },
        reason: "spam",
      }),
    ends: ["phone", "laptop"],
    reason: "claims_changed",
    mode: "stale",
    goesOn: ["phone", "laptop"],
    // With `openid` where the token opens UserInfo as well, as of most of this cast, and of none in the races.
    brings: ({ scope }) => assert.match(scope as string, /^(openid )?things\.read$/),
  },
  updateUser: {
    prepare: (world, { victim }) =>
      done(world, api("PATCH", `users/${victim}`, { attributes: { department: "sales" } })),
    does: (_cast, { victim }) => api("PATCH", `users/${victim}`, { attributes: { department: "support" } }),
    ends: ["phone", "laptop"],
    reason: "claims_changed",
    mode: "stale",
    goesOn: ["phone", "laptop"],
    brings: ({ department }) => assert.equal(department, "support"),
  },
  withdrawConsent: {
    does: (_cast, { victim, app }) => api("DELETE", `users/${victim}/consents/${app}`),
    ends: ["phone", "laptop"],
    reason: "consent_withdrawn",
  },
  disableApp: {
    endsTokensOf: ["app"],
    does: (_cast, { app }) => api("POST", `apps/${app}/disable`),
    ends: ofApp,
    reason: "client_disabled",
  },
  deleteApp: {
    endsTokensOf: ["app"],
    does: (_cast, { app }) => api("DELETE", `apps/${app}`),
    ends: ofApp,
    reason: "client_disabled",
  },
  changeApp: {
    endsTokensOf: [],
    does: (_cast, { app, orders }) => api("PATCH", `apps/${app}`, { apis: { [orders]: ["things.read"] } }),
    ends: ofApp,
    reason: "claims_changed",
    mode: "stale",
    endsOpaque: true,
    goesOn: ofApp,
  },
  "changeApi, a claim of it": {
    operation: "changeApi",
    prepare: (world, { victim }) =>
      done(world, api("PATCH", `users/${victim}`, { attributes: { department: "sales" } })),
    does: (_cast, { orders }) => api("PATCH", `apis/${encoded(orders)}`, { claims: { department: null } }),
    ends: ofApp,
    reason: "claims_changed",
    mode: "stale",
    goesOn: ofApp,
    brings: (claims) => assert.equal("department" in claims, false),
  },
  disableApi: {
    endsTokensOf: ["victim", "app"],
    does: (_cast, { orders }) => api("POST", `apis/${encoded(orders)}/disable`),
    ends: ofApp,
    keepsGrants: true,
    reason: "revoked",
  },
  deleteApi: {
    endsTokensOf: ["victim", "app"],
    does: (_cast, { orders }) => api("DELETE", `apis/${encoded(orders)}`),
    ends: ofApp,
    keepsGrants: true,
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
  updateAccount: {
    does: (cast, _names, world) => byOwner(world, cast, ["PATCH", "", { name: "Another Name" }]),
    ends: ["phone", "laptop"],
    reason: "claims_changed",
    mode: "stale",
    goesOn: ["phone", "laptop"],
    brings: ({ full_name: name }) => assert.equal(name, "Another Name"),
  },
  endOwnSession: {
    does: (cast, _names, world) => byOwner(world, cast, ["DELETE", `/sessions/${cast.laptop.claims.sid}`]),
    ends: ["laptop", "other"],
    reason: "kicked",
  },
  endOwnSessions: {
    endsTokensOf: [],
    does: (cast, _names, world) => byOwner(world, cast, ["POST", "/sessions/end", { others: true }]),
    ends: ["laptop", "other"],
    reason: "kicked",
  },
  /** Of an app of the operator's own, which asks for nothing. */
  withdrawOwnConsent: {
    does: (cast, { app }, world) => byOwner(world, cast, ["DELETE", `/consents/${app}`]),
    ends: ["phone", "laptop"],
    reason: "logged_out",
  },
  changeOwnPassword: {
    endsTokensOf: [],
    does(cast, { victim }, world) {
      const passwords = {
        currentPassword: credentialsOf(victim).password,
        newPassword: "another horse battery staple",
      };
      return byOwner(world, cast, ["POST", "/password", passwords]);
    },
    ends: ["laptop", "other"],
    reason: "password_changed",
  },
  deleteAccount: {
    endsTokensOf: ["victim"],
    does: (cast, _names, world) => byOwner(world, cast, ["DELETE", ""]),
    ends: ofVictim,
    reason: "account_deleted",
  },
  /** It opens this server's own API. */
  takeRole: {
    async prepare(world, { victim, bystander }) {
      for (const user of [victim, bystander])
        await done(world, api("PUT", `users/${user}/roles/administrator`));
    },
    async alsoEnds({ phone }, { victim, app }, { server }) {
      const audience = `${server.issuer}/api`;
      const { access_token: token } = await signIn(server, {
        browser: phone.browser,
        credentials: credentialsOf(victim),
        parameters: { client_id: app, resource: audience, scope: "openid users.read" },
      });
      return { token, audience };
    },
    does: (_cast, { victim }) => api("DELETE", `users/${victim}/roles/administrator`),
    ends: [],
    reason: "claims_changed",
    mode: "stale",
  },
  endUserToken: scriptTokenAct("users", "DELETE"),
  endAppToken: scriptTokenAct("apps", "DELETE"),
  rotateUserToken: scriptTokenAct("users", "POST"),
  rotateAppToken: scriptTokenAct("apps", "POST"),
  endOwnToken: ownScriptTokenAct("DELETE"),
  rotateOwnToken: ownScriptTokenAct("POST"),
  retireKey: {
    endsTokensOf: [],
    async does(_cast, _names, { server }) {
      const { kid } = await server.server.ring.signingNow();
      return api("POST", `keys/${encoded(kid)}/retire`);
    },
    ends: ["phone", "laptop", "other", "bystander"],
    reason: "key_retired",
    goesOn: ["phone", "laptop", "other", "bystander"],
  },
};

/**
 * Routes without a declaration that end nothing, or end what another row has. A route that is new and in neither table fails the
 * build: whoever adds one says which it is.
 */
export const ENDS_NOTHING: readonly string[] = [
  `POST ${ROUTES.authorization}`,
  `POST ${ROUTES.end_session}`,
  `POST ${ROUTES.introspection}`,
  `POST ${ROUTES.pushed_authorization_request}`,
  `POST ${ROUTES.userinfo}`,
  "POST /setup/{token}",
  "POST /account/name-device",
  "POST /account/tokens",
];

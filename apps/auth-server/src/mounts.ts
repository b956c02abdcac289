import { encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import type { FastifyInstance } from "fastify";
import { BrowserSessions, type LiveSession } from "./account/browser-session.ts";
import { OneTimeFormTokens } from "./account/form-tokens.ts";
import type { OwnTokens } from "./account/own-tokens.ts";
import { accountRoutes } from "./account/routes.ts";
import { SignInCookie } from "./account/sign-in-cookie.ts";
import { SIGNED_OUT_PATH } from "./account/visit.ts";
import { tokenChoicesOf, tokenPolicyNow } from "./api/account/own-tokens.ts";
import { endToken, makeToken, userAsOwner } from "./api/tokens/token-acts.ts";
import { healthRoutes } from "./health.ts";
import { leadPostsOn } from "./limits/lead-posts-on.ts";
import { appAccessOf, deleteOwnAccountOf, type Mounted, mountApis, tokenActsOf } from "./mount-apis.ts";
import {
  challengeRoutes,
  createEndSessions as createEndAllOf,
  interactionRoutes,
  libraryRoutes,
  verifyOwnIdTokens,
} from "./oidc/index.ts";
import { mountAssets } from "./pages/assets.ts";
import { type CookiesOf as NoticeCookiesOf, Notices } from "./pages/notices.ts";
import { POSTED_PATHS } from "./paths.ts";
import { createSealed } from "./secrets/seal.ts";
import { sessionEventRoutes } from "./session-events/routes.ts";
import { createEndSessions } from "./sessions/end-sessions.ts";
import { type NamedSession, nameDevice } from "./sessions/name-device.ts";
import { setupRoutes } from "./setup/routes.ts";
import { type CookiesOf, DeviceCookie } from "./sign-in/device-cookie.ts";
import { signInError } from "./sign-in/errors.ts";
import type { StillHas } from "./sign-in/own-password.ts";
import { appsToTell, pathThroughApps } from "./sign-out/front-channel.ts";
import { signOutRoutes } from "./sign-out/routes.ts";
import { MAX_TOKENS_PER_OWNER } from "./tokens/script-tokens.ts";

/** The mount list: every path of this server is below one of these lines. */
export function mountAll(app: FastifyInstance, parts: Mounted): void {
  const { oidc, configuration } = parts;
  const shared = pagePartsOf(parts);
  void app.register(libraryRoutes(oidc.currentHandler));
  void app.register(leadPostsOn({ paths: POSTED_PATHS, maxUrlLength: configuration.limits.requestBytes }));
  void app.register(interactionRoutes(interactionOptions(parts, shared)));
  void app.register(challengeRoutes(challengeOptions(parts)));
  void app.register(accountRoutes(accountOptions(parts, shared)));
  void app.register(signOutRoutes(signOutOptions(parts, shared)));
  void app.register(setupRoutes(setupOptions(parts, shared)));
  void app.register(sessionEventRoutes(sessionEventOptions(parts)));
  void app.register(healthRoutes({ readiness: parts.readiness }));
  void app.register(mountAssets);
  mountApis(app, parts);
}

/** What all pages have in common. */
interface PageParts {
  readonly deviceCookie: DeviceCookie;
  readonly notices: Notices;
  readonly browser: BrowserSessions;
}

function pagePartsOf({ oidc, configuration: { issuer }, clock, clientAddressOf }: Mounted): PageParts {
  const { provider, sessions, forms } = oidc;
  const cookiesOf: CookiesOf & NoticeCookiesOf = ({ request, reply }) =>
    provider.createContext(request.raw, reply.raw).cookies;
  return {
    deviceCookie: new DeviceCookie({ issuer, cookiesOf }),
    notices: new Notices({ issuer, cookiesOf, clock }),
    browser: new BrowserSessions({
      provider,
      sessions,
      clock,
      lifetimes: oidc.lifetimes,
      clientAddressOf,
      uidOf: (text) =>
        encodeIdentifier(Buffer.from(forms.tokenFor(text), "base64url").subarray(0, IDENTIFIER_BYTES)),
    }),
  };
}

function interactionOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, people, configuration, clientAddressOf } = parts;
  return {
    provider: oidc.provider,
    findClient: oidc.findClient,
    configuration,
    signIn: parts.signingIn.signIn,
    choicesFor: parts.signingIn.choicesFor,
    roomForApp: oidc.roomForApp,
    deviceCookie,
    clientAddressOf,
    users: people.users,
    apis: parts.apis,
    grants: oidc.grants,
    consents: oidc.consents,
    clock: parts.clock,
    forms: oidc.forms,
    notices,
    async isSignedIn(exchange: Parameters<BrowserSessions["find"]>[0]) {
      return (await browser.find(exchange)) !== undefined;
    },
  };
}

function challengeOptions({ oidc, signingIn, clientAddressOf, randomBytes }: Mounted) {
  return {
    provider: oidc.provider,
    findClient: oidc.findClient,
    callLibrary: oidc.callLibrary,
    authSessions: oidc.authSessions,
    sessions: oidc.sessions,
    endings: oidc.endings,
    signIn: signingIn.signIn,
    choicesFor: signingIn.choicesFor,
    clientAddressOf,
    randomBytes,
  };
}

function signOutOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, revocations, configuration, storage, ring } = parts;
  return {
    issuer: configuration.issuer,
    provider: oidc.provider,
    findClient: oidc.findClient,
    sessions: oidc.sessions,
    grants: oidc.grants,
    endings: oidc.endings,
    forms: oidc.forms,
    receipts: revocations.receipts,
    notices,
    head: () => storage.log.head(),
    async keys() {
      await ring.refresh();
      return ring.state().publicKeys;
    },
    signIn: parts.signingIn.signIn,
    deviceCookie,
    clientAddressOf: parts.clientAddressOf,
    browser,
  };
}

function sessionEventOptions(parts: Mounted) {
  const { oidc, ring, configuration, clock, clientAddressOf } = parts;
  const { streams, describe, takePlace } = parts.sessionEvents;
  const { issuer } = configuration;
  const keys = () => ring.state().publicKeys;
  return {
    verifyIdToken: verifyOwnIdTokens({ issuer, keys, clock }),
    streams,
    describe,
    findClient: oidc.findClient,
    takePlace,
    clientAddressOf,
  };
}

function setupOptions(parts: Mounted, { notices }: PageParts) {
  const { people, roles, invitations, storage, configuration, operatorLog } = parts;
  const { issuer } = configuration;
  return { users: people.users, roles, invitations, storage, operatorLog, issuer, notices };
}

function accountOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, people, revocations, configuration, storage, clock, randomBytes } = parts;
  const { provider, forms } = oidc;
  return {
    issuer: configuration.issuer,
    browser,
    formTokens: new OneTimeFormTokens({ storage, clock, randomBytes }),
    signInCookie: new SignInCookie({ provider, forms, randomBytes }),
    notices,
    signIn: parts.signingIn.signIn,
    choicesFor: parts.signingIn.choicesFor,
    deviceCookie,
    clientAddressOf: parts.clientAddressOf,
    users: people.users,
    sessions: oidc.sessions,
    appAccess: appAccessOf(parts),
    apis: parts.apis,
    clients: oidc.clients,
    endings: oidc.endings,
    revoker: revocations.revoker,
    receipts: revocations.receipts,
    ownPassword: parts.signingIn.ownPassword,
    ownTokens: ownTokensOf(parts),
    sealed: createSealed(forms.tokenFor("what a page shows once"), randomBytes),
    clock,
    async deleteAccount(sub: string, stillHas: StillHas) {
      return (await deleteOwnAccountOf(parts)(sub, { stillHas })).seq;
    },
    endOthers: ({ uid, accountId }: LiveSession) => endOthersOf(parts, { uid, accountId }),
    async wayOutOf(sid: string) {
      const { apps, untold } = await appsToTell(
        { clientsIn: (uid) => oidc.grants.clientsIn(uid), findClient: oidc.findClient },
        sid,
      );
      return pathThroughApps(forms, { apps, untold, leadTo: SIGNED_OUT_PATH });
    },
    nameDevice: (session: NamedSession, name: string | null) =>
      storage.write((transaction) => nameDevice(transaction, session, name)),
  };
}

/** What the account page does with tokens: the same as the account API. */
function ownTokensOf(parts: Mounted): OwnTokens {
  const { people, revocations, scriptTokens } = parts;
  const acts = tokenActsOf(parts);
  const ownerOf = (sub: string) => ({ kind: "personal", ownerId: sub }) as const;
  return {
    list: (sub) => scriptTokens.list({ ...ownerOf(sub), active: true }, undefined, MAX_TOKENS_PER_OWNER),
    choices: (sub) => tokenChoicesOf(acts, sub),
    policy: () => tokenPolicyNow(acts),
    make: (sub, wanted, stillHas) =>
      makeToken(acts, {
        wanted,
        actor: sub,
        async lockOwner(transaction) {
          const user = await people.users.findRow(transaction, sub);
          if (!(await stillHas(transaction))) throw signInError("wrong_password");
          return userAsOwner(transaction, acts, user);
        },
      }),
    end: (sub, id) => endToken(acts, revocations.revoker, { owner: ownerOf(sub), id, actor: sub }),
  };
}

/** The user's row is locked first, so that no session is opened meanwhile. */
function endOthersOf({ storage, people, clock, endBelow }: Mounted, { uid, accountId }: LiveSession) {
  const endSessions = createEndSessions({ clock, endBelow, endAll: createEndAllOf(clock) });
  return storage.write(async (transaction) => {
    await people.users.findRow(transaction, accountId);
    const by = { reason: "kicked", actor: accountId } as const;
    return endSessions(transaction, { accountId, which: { others: uid }, ...by });
  });
}

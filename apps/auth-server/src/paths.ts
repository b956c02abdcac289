/** Paths of the endpoints. Apps find them by discovery; pages and documentation name some of them. */
export const ROUTES = {
  authorization: "/authorize",
  token: "/token",
  userinfo: "/userinfo",
  jwks: "/jwks",
  revocation: "/revoke",
  introspection: "/introspect",
  end_session: "/logout",
  pushed_authorization_request: "/par",
} as const;

/** An app signs people in with its own form (draft-ietf-oauth-first-party-apps). */
export const AUTHORIZATION_CHALLENGE_PATH = "/authorize-challenge";

const READ = ["GET", "HEAD", "OPTIONS"] as const;
const CALLED = ["POST", "OPTIONS"] as const;
const VISITED = ["GET", "HEAD"] as const;

/** All paths that belong to the library, as Fastify spells them, with the methods that it has there. Signing out is ours, all but the page after it, and so is what is sent by POST (`POSTED_PATHS`). */
export const LIBRARY_PATHS: Readonly<Record<string, readonly ("GET" | "HEAD" | "POST" | "OPTIONS")[]>> = {
  [ROUTES.authorization]: VISITED,
  [`${ROUTES.authorization}/:uid`]: VISITED,
  [ROUTES.token]: CALLED,
  [ROUTES.userinfo]: [...READ, "POST"],
  [ROUTES.jwks]: READ,
  [ROUTES.revocation]: CALLED,
  [ROUTES.introspection]: CALLED,
  [ROUTES.pushed_authorization_request]: CALLED,
  [`${ROUTES.end_session}/success`]: VISITED,
  "/.well-known/openid-configuration": READ,
  "/.well-known/oauth-authorization-server": READ,
};

/** Where apps may send their users by a form, too (limits/lead-posts-on.ts). */
export const POSTED_PATHS: readonly string[] = [ROUTES.authorization, ROUTES.end_session];

/** Of pages to which an app leads people, as Fastify spells them. Browsers may show them in a window that the app has opened. */
export const isAskedForByApps = (path: string): boolean =>
  ASKED_FOR_BY_APPS.some((start) => path === start || path.startsWith(`${start}/`));
const ASKED_FOR_BY_APPS = [ROUTES.authorization, ROUTES.end_session, "/interaction"];

export const REVOCATIONS_PATH = "/revocations";
export const SESSION_EVENTS_PATH = "/session/events";
export const interactionPath = (uid: string): string => `/interaction/${uid}`;

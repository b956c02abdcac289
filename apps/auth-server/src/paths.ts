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

/** All paths that belong to the library, as Fastify spells them. Signing out is ours, all but the page after it. */
export const LIBRARY_PATHS = [
  ...Object.values(ROUTES).filter((path) => path !== ROUTES.end_session),
  `${ROUTES.authorization}/:uid`,
  `${ROUTES.end_session}/success`,
  "/.well-known/openid-configuration",
  "/.well-known/oauth-authorization-server",
];

export const REVOCATIONS_PATH = "/revocations";
export const interactionPath = (uid: string): string => `/interaction/${uid}`;

/** What can be set of an app, how an entry of the configuration file says it, and what the library is told of it. */
import type {
  AppKeySet,
  AppSessionLimit,
  AppType,
  ClientAuthentication,
  GrantType,
  SigningAlgorithm,
} from "@portcullis/protocol";
import type { ClientConfiguration } from "../config/schema.ts";

export interface AppSettings {
  /** How it proves at the token endpoint who it is. */
  readonly clientAuthentication: ClientAuthentication;
  /** One of them, of an app that signs with a key of its own. */
  readonly jwks?: AppKeySet | undefined;
  readonly jwksUri?: string | undefined;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
  readonly grantTypes: readonly GrantType[];
  /** Identifier of an API, and the permissions that it may ask for there. */
  readonly apis: Readonly<Record<string, readonly string[]>>;
  /** What a request without `resource` gets a token for. */
  readonly defaultApi?: string | undefined;
  /** Of OpenID Connect and of its APIs: what its users may decline, and it gets the rest. */
  readonly optionalScopes: readonly string[];
  readonly firstParty: boolean;
  /** Whether it signs people in with a form of its own (authorization challenge endpoint). */
  readonly jsonSignIn: boolean;
  readonly introspectsAnyToken: boolean;
  readonly requirePkce: boolean;
  /** Its tokens for an API name the userinfo endpoint as well, if `openid` was asked for. */
  readonly userinfoWithApiToken: boolean;
  readonly idTokenAlgorithm: SigningAlgorithm;
  /** The API's counts where that is shorter. */
  readonly accessTokenTtlSeconds?: number | undefined;
  readonly refreshTokenIdleSeconds?: number | undefined;
  readonly refreshTokenAbsoluteSeconds?: number | undefined;
  /** The policy's count where they are shorter. */
  readonly sessionIdleSeconds?: number | undefined;
  readonly sessionAbsoluteSeconds?: number | undefined;
  /** The policy's counts where there is none. */
  readonly sessionLimit?: AppSessionLimit | undefined;
  /** Where it is told, server to server, of sessions that are over for it. */
  readonly backchannelLogoutUri?: string | undefined;
  readonly backchannelLogoutSessionRequired: boolean;
  /** What the browser loads when the user signs out here. */
  readonly frontchannelLogoutUri?: string | undefined;
  readonly frontchannelLogoutSessionRequired: boolean;
}

export interface NamedSettings extends AppSettings {
  readonly name: string;
  readonly type: AppType;
}

/** Of an entry of the configuration file. */
export function settingsOfFile(client: ClientConfiguration): NamedSettings {
  return {
    name: client.name,
    type: typeOfFile(client),
    clientAuthentication: authenticationOfFile(client),
    redirectUris: client.redirectUris,
    postLogoutRedirectUris: client.postLogoutRedirectUris,
    grantTypes: client.grantTypes,
    apis: client.resources,
    optionalScopes: client.optionalScopes,
    firstParty: client.firstParty,
    jsonSignIn: client.jsonSignIn,
    introspectsAnyToken: client.introspectsAnyToken,
    requirePkce: client.requirePkce,
    userinfoWithApiToken: client.userinfoWithApiToken,
    idTokenAlgorithm: client.idTokenAlgorithm,
    backchannelLogoutSessionRequired: client.backchannelLogoutSessionRequired,
    frontchannelLogoutSessionRequired: client.frontchannelLogoutSessionRequired,
    ...definedOnly({
      jwks: client.jwks,
      jwksUri: client.jwksUri,
      defaultApi: client.defaultApi,
      accessTokenTtlSeconds: client.accessTokenTtlSeconds,
      refreshTokenIdleSeconds: client.refreshTokenIdleSeconds,
      refreshTokenAbsoluteSeconds: client.refreshTokenAbsoluteSeconds,
      sessionIdleSeconds: client.sessionIdleSeconds,
      sessionAbsoluteSeconds: client.sessionAbsoluteSeconds,
      sessionLimit: client.sessionLimit,
      backchannelLogoutUri: client.backchannelLogoutUri,
      frontchannelLogoutUri: client.frontchannelLogoutUri,
    }),
  };
}

function authenticationOfFile({ clientSecret, jwks, jwksUri }: ClientConfiguration): ClientAuthentication {
  if (jwks !== undefined || jwksUri !== undefined) return "private_key_jwt";
  return clientSecret === undefined ? "none" : "secret";
}

/** Files have called everything `web` that is not `native`. */
function typeOfFile(client: ClientConfiguration): AppType {
  const { type, grantTypes } = client;
  if (type !== "web") return type;
  if (authenticationOfFile(client) === "none") return "spa";
  return grantTypes.includes("authorization_code") ? "web" : "service";
}

function definedOnly<Values extends object>(values: Values): Partial<Values> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Partial<Values>;
}

/** How a row names the server's own APIs: the issuer may get another name, and nobody must be locked out by that. */
const OWN_APIS: readonly string[] = ["/api", "/account"];

/** How rows name this API. `issuer` is what it is called today. */
export const storedApiName = (identifier: string, issuer: string): string =>
  OWN_APIS.find((path) => identifier === `${issuer}${path}`) ?? identifier;

const apiNameToday = (stored: string, issuer: string): string =>
  OWN_APIS.includes(stored) ? `${issuer}${stored}` : stored;

/** Settings as a row keeps them. */
export const writtenSettings = (settings: AppSettings, issuer: string): string =>
  JSON.stringify(settingsAlone(renamedApis(settings, (identifier) => storedApiName(identifier, issuer))));

/** What rows say nothing of that are older than the setting. */
const BEFORE = {
  optionalScopes: [],
  userinfoWithApiToken: false,
  backchannelLogoutSessionRequired: true,
  jsonSignIn: false,
  frontchannelLogoutSessionRequired: true,
};

export const readSettings = (text: string, issuer: string): AppSettings =>
  renamedApis({ ...BEFORE, ...JSON.parse(text) } as AppSettings, (stored) => apiNameToday(stored, issuer));

function renamedApis(settings: AppSettings, nameOf: (name: string) => string): AppSettings {
  const apis = Object.entries(settings.apis).map(([name, scopes]) => [nameOf(name), scopes] as const);
  const { defaultApi } = settings;
  return {
    ...settings,
    apis: Object.fromEntries(apis),
    ...(defaultApi === undefined ? {} : { defaultApi: nameOf(defaultApi) }),
  };
}

/** By name: nothing else of an app gets into its row by being passed along. */
const settingsAlone = (settings: AppSettings): AppSettings => ({
  clientAuthentication: settings.clientAuthentication,
  jwks: settings.jwks,
  jwksUri: settings.jwksUri,
  redirectUris: settings.redirectUris,
  postLogoutRedirectUris: settings.postLogoutRedirectUris,
  grantTypes: settings.grantTypes,
  apis: settings.apis,
  defaultApi: settings.defaultApi,
  optionalScopes: settings.optionalScopes,
  firstParty: settings.firstParty,
  jsonSignIn: settings.jsonSignIn,
  introspectsAnyToken: settings.introspectsAnyToken,
  requirePkce: settings.requirePkce,
  userinfoWithApiToken: settings.userinfoWithApiToken,
  idTokenAlgorithm: settings.idTokenAlgorithm,
  accessTokenTtlSeconds: settings.accessTokenTtlSeconds,
  refreshTokenIdleSeconds: settings.refreshTokenIdleSeconds,
  refreshTokenAbsoluteSeconds: settings.refreshTokenAbsoluteSeconds,
  sessionIdleSeconds: settings.sessionIdleSeconds,
  sessionAbsoluteSeconds: settings.sessionAbsoluteSeconds,
  sessionLimit: settings.sessionLimit,
  backchannelLogoutUri: settings.backchannelLogoutUri,
  backchannelLogoutSessionRequired: settings.backchannelLogoutSessionRequired,
  frontchannelLogoutUri: settings.frontchannelLogoutUri,
  frontchannelLogoutSessionRequired: settings.frontchannelLogoutSessionRequired,
});

/** Metadata that is ours beside the standard ones (RFC 7591). */
export const CLIENT_RESOURCES = "portcullis_resources";
export const OPTIONAL_SCOPES = "portcullis_optional_scopes";
export const FIRST_PARTY = "portcullis_first_party";
export const JSON_SIGN_IN = "portcullis_json_sign_in";
export const INTROSPECTS_ANY_TOKEN = "portcullis_introspects_any_token";
export const REQUIRE_PKCE = "portcullis_require_pkce";
export const USERINFO_WITH_API_TOKEN = "portcullis_userinfo_with_api_token";
export const DEFAULT_API = "portcullis_default_api";
export const LIFETIMES = "portcullis_lifetimes";
/** Standard ones (OpenID Connect Front-Channel Logout 1.0, section 2) that the library does not know. */
export const FRONTCHANNEL_LOGOUT_URI = "frontchannel_logout_uri";
export const FRONTCHANNEL_LOGOUT_SESSION_REQUIRED = "frontchannel_logout_session_required";
export const OWN_METADATA = [
  CLIENT_RESOURCES,
  OPTIONAL_SCOPES,
  FIRST_PARTY,
  JSON_SIGN_IN,
  INTROSPECTS_ANY_TOKEN,
  REQUIRE_PKCE,
  USERINFO_WITH_API_TOKEN,
  DEFAULT_API,
  LIFETIMES,
  FRONTCHANNEL_LOGOUT_URI,
  FRONTCHANNEL_LOGOUT_SESSION_REQUIRED,
] as const;

/** Seconds. */
export interface AppLifetimes {
  readonly accessToken?: number | undefined;
  readonly refreshTokenIdle?: number | undefined;
  readonly refreshTokenAbsolute?: number | undefined;
  readonly sessionIdle?: number | undefined;
  readonly sessionAbsolute?: number | undefined;
}

export interface ClientMetadata {
  client_id: string;
  client_name: string;
  /** Not the secrets: their ids and hashes (client-secrets.ts). The library wants to see something here. */
  client_secret?: string;
  jwks?: AppKeySet;
  jwks_uri?: string;
  redirect_uris: readonly string[];
  post_logout_redirect_uris: readonly string[];
  grant_types: readonly string[];
  response_types: readonly string[];
  token_endpoint_auth_method: "none" | "client_secret_basic" | "private_key_jwt";
  application_type: "web" | "native";
  id_token_signed_response_alg: string;
  [CLIENT_RESOURCES]: Readonly<Record<string, readonly string[]>>;
  [OPTIONAL_SCOPES]: readonly string[];
  [FIRST_PARTY]: boolean;
  [JSON_SIGN_IN]: boolean;
  [INTROSPECTS_ANY_TOKEN]: boolean;
  [REQUIRE_PKCE]: boolean;
  [USERINFO_WITH_API_TOKEN]: boolean;
  [DEFAULT_API]?: string;
  [LIFETIMES]: AppLifetimes;
  [FRONTCHANNEL_LOGOUT_URI]?: string;
  [FRONTCHANNEL_LOGOUT_SESSION_REQUIRED]: boolean;
}

/** As the registries of RFC 7591 call it. A secret may be sent in the body as well. */
const METHODS = {
  none: "none",
  secret: "client_secret_basic",
  private_key_jwt: "private_key_jwt",
} as const satisfies Record<ClientAuthentication, string>;

/** `secrets` as client-secrets.ts writes them down. */
export function metadataOf(
  app: NamedSettings & { readonly clientId: string },
  secrets: string,
): ClientMetadata {
  const { accessTokenTtlSeconds, refreshTokenIdleSeconds, refreshTokenAbsoluteSeconds } = app;
  const { defaultApi, frontchannelLogoutUri } = app;
  return {
    client_id: app.clientId,
    client_name: app.name,
    ...(app.clientAuthentication === "secret" ? { client_secret: secrets } : {}),
    ...(app.jwks === undefined ? {} : { jwks: app.jwks }),
    ...(app.jwksUri === undefined ? {} : { jwks_uri: app.jwksUri }),
    redirect_uris: app.redirectUris,
    post_logout_redirect_uris: app.postLogoutRedirectUris,
    grant_types: app.grantTypes,
    response_types: app.grantTypes.includes("authorization_code") ? ["code"] : [],
    token_endpoint_auth_method: METHODS[app.clientAuthentication],
    application_type: app.type === "native" ? "native" : "web",
    id_token_signed_response_alg: app.idTokenAlgorithm,
    [CLIENT_RESOURCES]: app.apis,
    [OPTIONAL_SCOPES]: app.optionalScopes,
    [FIRST_PARTY]: app.firstParty,
    [JSON_SIGN_IN]: app.jsonSignIn,
    [INTROSPECTS_ANY_TOKEN]: app.introspectsAnyToken,
    [REQUIRE_PKCE]: app.requirePkce,
    [USERINFO_WITH_API_TOKEN]: app.userinfoWithApiToken,
    ...(defaultApi === undefined ? {} : { [DEFAULT_API]: defaultApi }),
    ...(frontchannelLogoutUri === undefined ? {} : { [FRONTCHANNEL_LOGOUT_URI]: frontchannelLogoutUri }),
    [FRONTCHANNEL_LOGOUT_SESSION_REQUIRED]: app.frontchannelLogoutSessionRequired,
    [LIFETIMES]: {
      accessToken: accessTokenTtlSeconds,
      refreshTokenIdle: refreshTokenIdleSeconds,
      refreshTokenAbsolute: refreshTokenAbsoluteSeconds,
      sessionIdle: app.sessionIdleSeconds,
      sessionAbsolute: app.sessionAbsoluteSeconds,
    },
  };
}

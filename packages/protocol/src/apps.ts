/** Apps (clients) and APIs (resources), as `/api/v1/apps` and `/api/v1/apis` take and show them. */
import { z } from "zod";
import { appKeySetSchema, CLIENT_AUTHENTICATIONS } from "./app-keys.ts";
import { withdrawnFromAppsSchema } from "./blast-radius.ts";
import { pageSchemaOf } from "./pages.ts";
import { receiptSchema } from "./receipt.ts";
import { appSessionLimitSchema, SHOWN_NAME, SHOWN_NAME_WORDS } from "./sessions.ts";
import { DEFAULT_SIGNING_ALGORITHM, SIGNING_ALGORITHMS } from "./signing-keys.ts";
import { clientIdSchema } from "./subjects.ts";

export const APP_TYPES = ["web", "spa", "native", "service"] as const;
export type AppType = (typeof APP_TYPES)[number];
export const GRANT_TYPES = ["authorization_code", "refresh_token", "client_credentials"] as const;
export type GrantType = (typeof GRANT_TYPES)[number];

/** Thirty days: no access token can live longer, whatever is configured. */
const MAX_TOKEN_SECONDS = 2_592_000;
const TEN_YEARS = 315_360_000;

export const shownNameSchema = z.string().min(1).max(100).regex(SHOWN_NAME, SHOWN_NAME_WORDS);
const name = shownNameSchema;
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, "must be a scope (RFC 6749, section 3.3)");
/** What names an API: in tokens, in requests (RFC 8707), and as a name in JSON. */
export const apiIdentifierSchema = z
  .url("must be an absolute URL")
  .max(500)
  .regex(
    /^[\x21\x24-\x5b\x5d-\x7e]+$/,
    "must have no fragment, and only the characters that a URL is written with",
  );
const identifier = apiIdentifierSchema;
/** Of one that is to be: of two spellings of a URL, apps would ask for the one and APIs look for the other. */
export const newApiIdentifierSchema = apiIdentifierSchema.refine(
  isNormalizedUrl,
  "must be spelt as URLs are normalized: scheme and host in lower case, without a user, a default port or dots in the path",
);

/** Whether it is written as it is read. One without a path may go without the slash, too. */
export function isNormalizedUrl(text: string): boolean {
  const url = URL.parse(text);
  // What is no URL at all is told by another rule.
  if (url === null) return true;
  if (url.username !== "" || url.password !== "") return false;
  return url.href === text || url.href === `${text}/`;
}

const uri = z.string().min(1).max(2000);
const lifetime = z.int().min(5).max(MAX_TOKEN_SECONDS);
const refreshLifetime = z.int().min(60).max(TEN_YEARS);
const sessionLifetime = z
  .int()
  .min(60)
  .max(400 * 86_400);
/** Of an app, and of an API. */
export const sessionTimesShape = {
  sessionIdleSeconds: sessionLifetime
    .optional()
    .describe(
      "How long an app may be unused in a session, and go on there without a sign-in. The policy's time counts if it is shorter.",
    ),
  sessionAbsoluteSeconds: sessionLifetime
    .optional()
    .describe(
      "How long an app may go on in a session after the sign-in. The policy's time counts if it is shorter.",
    ),
};
const algorithm = z.enum(SIGNING_ALGORITHMS).default(DEFAULT_SIGNING_ALGORITHM);
const time = z.string().describe("RFC 3339.");
const receipt = receiptSchema
  .optional()
  .describe("Of what the change has ended. Absent when it ends nothing.");
/** Of what was stored all the same. The text is for people. */
export const settingWarningSchema = z.object({
  code: z.enum(["recently_published", "differs_by_slash"]),
  text: z.string(),
});
export type SettingWarning = z.infer<typeof settingWarningSchema>;
const warning = settingWarningSchema
  .optional()
  .describe(
    "`recently_published`: an algorithm was asked for whose key verifiers of others may not know yet. `differs_by_slash`: there is another API whose identifier differs by a slash at its end only. Where both are so, the text says both.",
  );

/** What can be changed of an app. */
export const appSettingsSchema = z.strictObject({
  name: name.describe("Name on the consent page."),
  redirectUris: z
    .array(uri)
    .max(100)
    .default([])
    .describe("Where codes may be sent. They are compared character by character."),
  postLogoutRedirectUris: z
    .array(uri)
    .max(100)
    .default([])
    .describe("Where a browser may be sent after a logout."),
  grantTypes: z.array(z.enum(GRANT_TYPES)).min(1).max(3).describe("How it may get tokens."),
  apis: z
    .record(identifier, z.array(scope).min(1).max(500))
    .default({})
    .describe("For each API (its identifier), the permissions that the app may ask for."),
  defaultApi: identifier
    .optional()
    .describe("One of its `apis`. A request without `resource` gets a token for it."),
  optionalScopes: z
    .array(scope)
    .max(100)
    .default([])
    .describe(
      "Scopes and permissions that the app can do without. A user may untick them on the consent page, and the app then gets the rest.",
    ),
  firstParty: z.boolean().default(false).describe("The operator's own app: users are not asked for consent."),
  jsonSignIn: z
    .boolean()
    .default(false)
    .describe(
      "Whether it may sign people in with a form of its own, by JSON. Only an app with `firstParty` may.",
    ),
  introspectsAnyToken: z
    .boolean()
    .default(false)
    .describe("Whether it may introspect every token, and not only its own and those for its APIs."),
  requirePkce: z
    .boolean()
    .default(true)
    .describe("Only an app with a secret may go without PKCE. It must send a `nonce` then."),
  jwks: appKeySetSchema
    .optional()
    .describe("With `private_key_jwt`: its public keys (a JWK Set), if it does not publish them."),
  jwksUri: uri.optional().describe("With `private_key_jwt`: where it publishes its public keys."),
  userinfoWithApiToken: z
    .boolean()
    .default(false)
    .describe(
      "Whether its tokens for an API open `/userinfo` too, if `openid` was asked for. The API can then read what the user gave the app.",
    ),
  idTokenAlgorithm: algorithm.describe("Algorithm that signs its ID tokens."),
  accessTokenTtlSeconds: lifetime
    .optional()
    .describe("Lifetime of its access tokens. If the API has a shorter one, that counts."),
  refreshTokenIdleSeconds: refreshLifetime
    .optional()
    .describe("How long a refresh token may stay unused. It never outlives its session."),
  refreshTokenAbsoluteSeconds: refreshLifetime
    .optional()
    .describe(
      "How long tokens may be refreshed after a sign-in. A refresh token never outlives its session.",
    ),
  ...sessionTimesShape,
  sessionLimit: appSessionLimitSchema
    .optional()
    .describe("In how many sessions of a user the app may be at once. Absent: as the policy says."),
  backchannelLogoutUri: z
    .string()
    .min(1)
    .max(2000)
    .optional()
    .describe(
      "Where the server tells it that a session is over (OpenID Connect Back-Channel Logout 1.0). Absent: it is not told.",
    ),
  backchannelLogoutSessionRequired: z
    .boolean()
    .default(true)
    .describe("Whether a logout token must name the session. It always does."),
  frontchannelLogoutUri: uri
    .optional()
    .describe(
      "A page of the app that the browser loads in a hidden frame when the user signs out here (OpenID Connect Front-Channel Logout 1.0). Its origin is that of a redirect URI.",
    ),
  frontchannelLogoutSessionRequired: z
    .boolean()
    .default(true)
    .describe(
      "Whether that page is given `iss` and `sid`. Without them any site can sign the user out of the app.",
    ),
});
export type AppSettingsInput = z.output<typeof appSettingsSchema>;

const appType = z
  .enum(APP_TYPES)
  .describe(
    "`web` runs on a server, `spa` in a browser, `native` on the user's own device, `service` acts for itself. It cannot be changed.",
  );
const clientAuthentication = z
  .enum(CLIENT_AUTHENTICATIONS)
  .describe(
    "How the app proves who it is: not at all, by a secret, or by assertions that it signs with a key of its own (RFC 7523). It cannot be changed.",
  );

/** Body of `POST /api/v1/apps`. */
export const newAppSchema = appSettingsSchema.extend({
  clientId: clientIdSchema
    .optional()
    .describe(
      "Name of the app in the protocol, which does not look like a `sub`. Without it one is made. It is never given again.",
    ),
  type: appType,
  clientAuthentication: clientAuthentication
    .optional()
    .describe("By default `secret` for `web` and `service`, `none` for `spa` and `native`."),
  grantTypes: appSettingsSchema.shape.grantTypes
    .optional()
    .describe(
      "By default `client_credentials` for a `service`, `authorization_code` and `refresh_token` for others.",
    ),
});
export type NewApp = z.output<typeof newAppSchema>;

export const appSchema = z.object({
  clientId: z.string(),
  type: appType,
  clientAuthentication,
  ...appSettingsSchema.shape,
  // What was stored before there was a rule for it is shown as it is.
  name: z.string().describe("Name on the consent page."),
  enabled: z.boolean().describe("Whether it is let in."),
  origin: z
    .enum(["file", "api", "built-in"])
    .describe("What created it: the configuration file, the API, or the server itself."),
  revision: z.int().describe("Grows with each change. It is what `ETag` shows."),
  createdAt: time,
  changedAt: time,
});
export type App = z.output<typeof appSchema>;

export const changedAppSchema = appSchema.extend({ receipt, warning });
export type ChangedApp = z.output<typeof changedAppSchema>;

/** Answer of `POST /api/v1/apps`. */
export const createdAppSchema = appSchema.extend({
  clientSecret: z.string().optional().describe("Its first secret, in clear. It is never shown again."),
  warning,
});
export type CreatedApp = z.output<typeof createdAppSchema>;

export const appListSchema = pageSchemaOf(appSchema);
export type AppList = z.output<typeof appListSchema>;

/** Answer of `DELETE /api/v1/apps/{clientId}`. */
export const deletedAppSchema = z.object({ clientId: z.string(), name: z.string(), receipt: receiptSchema });
export type DeletedApp = z.output<typeof deletedAppSchema>;

export const appSecretSchema = z.object({
  id: z.string().describe("Names the secret. It opens nothing."),
  createdAt: time,
  expiresAt: z.string().optional().describe("RFC 3339. Absent: it does not expire."),
  lastUsedAt: z
    .string()
    .optional()
    .describe("RFC 3339, some minutes late. Absent: never, as far as is known."),
});
export type AppSecret = z.output<typeof appSecretSchema>;
export const appSecretListSchema = z.object({ items: z.array(appSecretSchema) });
export type AppSecretList = z.output<typeof appSecretListSchema>;

/** Body of `POST /api/v1/apps/{clientId}/secrets`. */
export const newAppSecretSchema = z.strictObject({
  expiresAt: z.iso
    .datetime({ offset: true, error: "must be a time of RFC 3339, as in 2027-01-31T12:00:00Z" })
    .optional()
    .describe("When it stops working. Without it: never."),
});

/** Its answer. */
export const createdAppSecretSchema = appSecretSchema.extend({
  clientSecret: z.string().describe("In clear. It is never shown again."),
});
export type CreatedAppSecret = z.output<typeof createdAppSecretSchema>;

/** What access tokens, and answers about them (RFC 7662), say of themselves: no claim of an API may fill these. */
export const RESERVED_CLAIMS: readonly string[] = [
  ...["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "cnf", "act", "may_act", "azp"],
  ...["auth_time", "acr", "amr", "nonce", "sid", "gid", "rv", "org", "roles", "groups", "entitlements"],
  ...["typ", "events", "txn", "status", "authorization_details", "active", "token_type", "userinfo_claims"],
  // Verifiers refuse a token that has one of these anywhere (strict-json.ts).
  ...["__proto__", "constructor", "prototype"],
];
const claimName = z
  .string()
  .regex(/^[\x21-\x7e]{1,100}$/, "must be the name of a claim: printable ASCII, without spaces")
  // Whatever the letter case: readers that do not look at it would take the one for the other.
  .refine((text) => !RESERVED_CLAIMS.includes(text.toLowerCase()), "says what a token is; take another name");
/** Begins the source of a claim that is an attribute of the user; what follows is its path, with dots. */
export const ATTRIBUTE_SOURCE = "attributes.";
const claimSource = z
  .string()
  .max(200)
  .regex(
    /^(?:username|name|email|attributes(?:\.[^.\p{Cc}]+)+)$/u,
    "must be username, name, email, or attributes. and the name of an attribute, as in attributes.plan.tier",
  );

/** They ask for something else (OpenID Connect Core, sections 5.4 and 11): an app that asks for one would get both. */
const OPENID_SCOPES: readonly string[] = ["openid", "profile", "email", "address", "phone", "offline_access"];
const permission = scope.refine(
  (text) => !OPENID_SCOPES.includes(text.toLowerCase()),
  "is a scope of OpenID Connect; take another name",
);
export const permissionsSchema = z.record(permission, z.string().min(1).max(200));
const MAX_CLAIMS_PER_API = 20;
export const claimsSchema = z
  .record(claimName, claimSource)
  .refine(
    (claims) => Object.keys(claims).length <= MAX_CLAIMS_PER_API,
    `must be ${MAX_CLAIMS_PER_API} claims at most`,
  );
const PERSONAL_TOKEN_PERMISSIONS_WORDS =
  "Permissions that users may have in personal tokens for it, by which their scripts call it. Empty: there are no such tokens.";
export const personalTokenPermissionsSchema = z
  .array(scope)
  .max(500)
  .default([])
  .describe(PERSONAL_TOKEN_PERMISSIONS_WORDS);
export const CLAIMS_WORDS =
  "Claims of its access tokens about the user, and what each is: `username`, `name`, `email`, or an attribute, as in `attributes.plan.tier`.";

/** What can be changed of an API. */
export const apiSettingsSchema = z.strictObject({
  name: name.describe("Name that users see."),
  permissions: permissionsSchema
    .default({})
    .describe("Each permission (a scope), and what it lets an app do, in words for users."),
  accessTokenTtlSeconds: lifetime.default(300).describe("Lifetime of its access tokens."),
  algorithm: algorithm.describe("Algorithm that signs its access tokens."),
  claims: claimsSchema.default({}).describe(CLAIMS_WORDS),
  personalTokenPermissions: personalTokenPermissionsSchema,
  ...sessionTimesShape,
});
export type ApiSettingsInput = z.output<typeof apiSettingsSchema>;

/** Body of `POST /api/v1/apis`. */
export const newApiSchema = apiSettingsSchema.extend({
  identifier: newApiIdentifierSchema.describe(
    "Resource indicator (RFC 8707): the `aud` of its tokens. It cannot be changed.",
  ),
});

export const apiSchema = z.object({
  identifier: z.string(),
  ...apiSettingsSchema.shape,
  // What was stored before there was a rule for it is shown as it is.
  name: z.string().describe("Name that users see."),
  permissions: z
    .record(z.string(), z.string())
    .describe("Each permission (a scope), and what it lets an app do, in words for users."),
  claims: z.record(z.string(), z.string()).describe(CLAIMS_WORDS),
  enabled: z.boolean().describe("Whether tokens are issued for it."),
  origin: z
    .enum(["file", "api", "built-in"])
    .describe("What created it. The server's own API is `built-in` and cannot be changed."),
  revision: z.int().describe("Grows with each change. It is what `ETag` shows."),
  createdAt: time.optional(),
  changedAt: time.optional(),
});
export type Api = z.output<typeof apiSchema>;
/** Answer of `POST /api/v1/apis`. */
export const createdApiSchema = apiSchema.extend({ warning });
export type CreatedApi = z.output<typeof createdApiSchema>;
export const changedApiSchema = apiSchema.extend({
  receipt,
  warning,
  withdrawnFromApps: withdrawnFromAppsSchema,
});
export type ChangedApi = z.output<typeof changedApiSchema>;
export const apiListSchema = pageSchemaOf(apiSchema);
export type ApiList = z.output<typeof apiListSchema>;

/** Answer of `DELETE /api/v1/apis/{identifier}`. */
export const deletedApiSchema = z.object({
  identifier: z.string(),
  name: z.string(),
  withdrawnFromApps: withdrawnFromAppsSchema,
  receipt: receiptSchema,
});
export type DeletedApi = z.output<typeof deletedApiSchema>;

/** Answer of `POST /api/v1/apis/{identifier}/disable` and `/enable`. */
export const apiStateSchema = z.object({
  identifier: z.string(),
  name: z.string(),
  status: z.enum(["enabled", "disabled"]),
  changed: z.boolean().describe("False when it was so before."),
  receipt,
});
export type ApiState = z.output<typeof apiStateSchema>;

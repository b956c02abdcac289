import { type AppSecret, appSettingsSchema, type App as ShownApp } from "@portcullis/protocol";
import type { SecretRow } from "../../apps/client-secrets.ts";
import type { App } from "../../apps/clients.ts";

export const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** What can be changed of an app, as it is shown and patched. */
export function settingsOf(app: App) {
  const members = Object.keys(appSettingsSchema.shape) as (keyof App)[];
  return Object.fromEntries(
    members.filter((member) => app[member] !== undefined).map((member) => [member, app[member]]),
  );
}

export const shownApp = (app: App): ShownApp => ({
  clientId: app.clientId,
  type: app.type,
  clientAuthentication: app.clientAuthentication,
  ...appSettingsSchema.parse(settingsOf(app)),
  enabled: app.enabled,
  origin: app.origin,
  revision: app.revision,
  createdAt: timeOf(app.createdAt),
  changedAt: timeOf(app.changedAt),
});

export const shownSecret = (row: SecretRow): AppSecret => ({
  id: row.id,
  createdAt: timeOf(row.created_at),
  ...(row.expires_at === null ? {} : { expiresAt: timeOf(row.expires_at) }),
  ...(row.last_used_at === null ? {} : { lastUsedAt: timeOf(row.last_used_at) }),
});

export const EXAMPLE_APP: ShownApp = {
  clientId: "mail",
  type: "spa",
  clientAuthentication: "none",
  name: "Mail",
  redirectUris: ["https://mail.example/callback"],
  postLogoutRedirectUris: [],
  grantTypes: ["authorization_code", "refresh_token"],
  apis: { "https://orders.example": ["orders.read"] },
  optionalScopes: [],
  firstParty: false,
  jsonSignIn: false,
  introspectsAnyToken: false,
  requirePkce: true,
  frontchannelLogoutSessionRequired: true,
  userinfoWithApiToken: false,
  idTokenAlgorithm: "ES256",
  backchannelLogoutSessionRequired: true,
  enabled: true,
  origin: "api",
  revision: 1,
  createdAt: "2027-01-05T09:00:00.000Z",
  changedAt: "2027-01-05T09:00:00.000Z",
};

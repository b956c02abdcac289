import {
  defineConfiguration,
  httpUrlSchema,
  listenSchema,
  managementSchema,
  originSchema,
  resolveManagement,
  samePort,
} from "@portcullis/service";
import { z } from "zod";
import type { PageConfig } from "./page-config.ts";

const DEFAULT_MANAGEMENT_PORT = 8413;
const text = z.string().min(1);

const schema = z.strictObject({
  listen: listenSchema.describe("Where browsers connect."),
  management: managementSchema(DEFAULT_MANAGEMENT_PORT).describe(
    "Where operators connect: `/livez`, `/readyz`, `/metrics`.",
  ),
  origin: originSchema.describe(
    "Where browsers reach this app. Its client has `/callback` below it as a redirect URI, and `/` to lead back to after a sign-out.",
  ),
  issuer: httpUrlSchema.describe("The authorization server."),
  gateway: httpUrlSchema.describe("Where the API is called."),
  clientId: text.describe("Its client, which has no secret."),
  scope: text.describe("The scopes that it asks for, with spaces between."),
  resource: text.describe("Audience of the access token (RFC 8707)."),
  ordersPath: z
    .string()
    .startsWith("/")
    .default("/orders")
    .describe("What is called every second, below `gateway`."),
  accountUrl: httpUrlSchema.describe("The authorization server's page with “Sign out everywhere”."),
});

/** What the app is configured with. */
export const webAppConfiguration = defineConfiguration({
  schema,
  rules: [
    { reads: ["listen", "management"], check: ({ listen, management }) => samePort(listen, management) },
  ],
  resolve: (written) => ({
    ...written,
    management: resolveManagement(written.management, DEFAULT_MANAGEMENT_PORT),
  }),
});

export type Configuration = ReturnType<(typeof webAppConfiguration)["resolve"]>;

/** Returns what the page may know: nothing here is secret. */
export function pageConfigOf({ listen: _, management: _too, ...shown }: Configuration): PageConfig {
  return {
    ...shown,
    redirectUri: `${shown.origin}/callback`,
    postLogoutRedirectUri: `${shown.origin}/`,
  };
}

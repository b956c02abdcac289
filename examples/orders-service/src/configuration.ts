import {
  defineConfiguration,
  httpUrlSchema,
  listenSchema,
  managementSchema,
  resolveManagement,
  samePort,
  secret,
} from "@portcullis/service";
import { z } from "zod";

const DEFAULT_MANAGEMENT_PORT = 8412;
const text = z.string().min(1);

const schema = z.strictObject({
  issuer: httpUrlSchema.describe("The authorization server."),
  listen: listenSchema.describe("Where clients connect."),
  management: managementSchema(DEFAULT_MANAGEMENT_PORT).describe(
    "Where operators connect: `/livez`, `/readyz`, `/metrics`.",
  ),
  audience: text.describe("Audience that access tokens must have."),
  verifier: z
    .strictObject({
      clientId: text.describe("The service's client at the issuer, with the scope `revocations.read`."),
      clientSecret: secret(text.describe("Its secret.")),
    })
    .describe("How the guard reaches the list of revocations."),
  gateway: z
    .strictObject({
      issuer: httpUrlSchema.describe("`iss` of its tokens: its own URL."),
      audience: text.describe("`aud` of its tokens."),
    })
    .optional()
    .describe(
      "The gateway whose transaction tokens are believed. Without it, a call that brings one is refused.",
    ),
});

/** What the service is configured with. */
export const ordersServiceConfiguration = defineConfiguration({
  schema,
  rules: [
    { reads: ["listen", "management"], check: ({ listen, management }) => samePort(listen, management) },
  ],
  resolve: (written) => ({
    ...written,
    management: resolveManagement(written.management, DEFAULT_MANAGEMENT_PORT),
  }),
});

export type Configuration = ReturnType<(typeof ordersServiceConfiguration)["resolve"]>;

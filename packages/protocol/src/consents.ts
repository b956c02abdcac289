/** Consents as the API tells of them: `/api/v1/users/{user}/consents`. */
import { z } from "zod";
import { pageSchemaOf } from "./pages.ts";
import { receiptSchema } from "./receipt.ts";

const scopes = z.array(z.string()).describe("Of the ID token and userinfo.");
const claims = z.array(z.string());
const apis = z.record(z.string(), z.array(z.string())).describe("Identifier of an API to its permissions.");

export const consentSchema = z.object({
  clientId: z.string(),
  name: z.string().describe("Of the app, as it is or was called."),
  app: z.enum(["enabled", "disabled", "deleted"]).describe("What has become of the app."),
  firstParty: z
    .boolean()
    .describe("The operator's own: users are not asked. It has access while they are signed in to it."),
  since: z.iso.datetime().describe("When the app was first allowed something."),
  until: z.iso
    .datetime()
    .optional()
    .describe("When it ends by itself. Absent: it stands until it is withdrawn."),
  remembered: z
    .boolean()
    .describe(
      "False: nobody was asked, or it was allowed for one time. It has access while that sign-in lasts.",
    ),
  scopes,
  claims,
  apis,
  declined: z
    .object({ scopes, claims, apis })
    .describe("What the app can do without, and the user has unticked. The app is not given it."),
});
export type Consent = z.infer<typeof consentSchema>;

export const consentListSchema = pageSchemaOf(consentSchema);
export type ConsentList = z.infer<typeof consentListSchema>;

/** Answer of `DELETE /api/v1/users/{user}/consents/{clientId}`. */
export const withdrawnConsentSchema = consentSchema.extend({
  receipt: receiptSchema.optional().describe("Receipt for what the withdrawal has ended."),
});
export type WithdrawnConsent = z.infer<typeof withdrawnConsentSchema>;

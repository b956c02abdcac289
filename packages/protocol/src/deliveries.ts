/** What is delivered after an act: `/api/v1/deliveries`. */
import { z } from "zod";
import { pageSchemaOf } from "./pages.ts";

export const DELIVERY_STATES = ["pending", "delivered", "unsupported", "dead", "dropped"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One thing that is to reach one recipient. */
export const deliverySchema = z.object({
  id: z.string().describe("Names it in the API. It is no secret."),
  kind: z.enum(["logout_token"]).describe("`logout_token`: an app is told that a session is over."),
  recipient: z.string().describe("`client_id` of the app."),
  sub: z.string().describe("The user that it is about."),
  sid: z.string().describe("The session that it is about."),
  seq: z
    .int()
    .optional()
    .describe("Place in the log of what it tells. Absent if nothing was appended for it."),
  state: z
    .enum(DELIVERY_STATES)
    .describe(
      "`dead`: tried as often as it may be. `unsupported`: the app has no address any more. `dropped`: by an operator.",
    ),
  attempts: z.int().nonnegative().describe("How often it was tried."),
  nextAt: z.string().optional().describe("When it is tried next: RFC 3339. Absent unless it is pending."),
  lastError: z.string().optional().describe("What the last try that failed came to."),
  createdAt: z.string().describe("When it came about: RFC 3339."),
  settledAt: z.string().optional().describe("When it was over: RFC 3339. Absent while it is pending."),
});
export type Delivery = z.infer<typeof deliverySchema>;

export const deliveryListSchema = pageSchemaOf(deliverySchema);

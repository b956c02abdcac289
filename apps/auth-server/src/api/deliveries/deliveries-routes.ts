/** What is delivered after an act, and did not arrive: `/api/v1/deliveries` (docs/reference/api.md). */
import { type DeclaredRoute, declareRoute, listParameters, readPage } from "@portcullis/http-api";
import {
  API_SCOPES,
  DELIVERY_STATES,
  deliveryListSchema,
  deliverySchema,
  type Delivery as ShownDelivery,
} from "@portcullis/protocol";
import { z } from "zod";
import { type Deliveries, type Delivery, outboxError } from "../../outbox/index.ts";
import { OUTAGES } from "../../revocations/index.ts";

export interface DeliveriesRoutesOptions {
  readonly deliveries: Pick<Deliveries, "list" | "count" | "replay" | "drop">;
}

export const deliveriesRoutes = (options: DeliveriesRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  replayRoute(options),
  dropRoute(options),
];

const EXAMPLE: ShownDelivery = {
  id: "3q2-7wAAAAAAAAAAAAAAAA",
  kind: "logout_token",
  recipient: "mail",
  sub: "8f14e45fceea167a5a36de",
  sid: "yLQ5a8uHmZ6r3vYx0pTn2w",
  seq: 812,
  state: "dead",
  attempts: 6,
  lastError: "answered 500",
  createdAt: "2027-01-05T09:00:00.000Z",
  settledAt: "2027-01-05T09:58:12.000Z",
};

const COMMON = { tag: "Deliveries" } as const;
const path = z.object({ id: z.string().meta({ description: "`id` of the delivery.", example: EXAMPLE.id }) });
const placeSchema = z.strictObject({ id: z.string() });
const query = z.strictObject({
  ...listParameters(placeSchema),
  state: z
    .enum(DELIVERY_STATES)
    .default("dead")
    .meta({ description: "Those in this state.", example: "dead" }),
  recipient: z
    .string()
    .optional()
    .meta({ description: "Those of this app (`client_id`) alone.", example: "mail" }),
});

const listRoute = ({ deliveries }: DeliveriesRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "listDeliveries",
    method: "GET",
    path: "/deliveries",
    summary: "List what did not arrive, or is on its way",
    description:
      "Logout tokens for apps. What has arrived stays in it for a day, and what is dead for 30 days, unless it is tried again or dropped.",
    scope: API_SCOPES.readConfig,
    parameters: { query },
    answers: {
      200: {
        says: "A page of the deliveries, in the order of `id`.",
        schema: deliveryListSchema,
        example: { items: [EXAMPLE] },
      },
    },
    errors: [...OUTAGES],
    async handle({ query: asked }) {
      const { state, recipient } = asked;
      const page = await readPage(asked, {
        read: (after, limit) => deliveries.list({ state, recipient }, after?.id, limit),
        count: () => deliveries.count({ state, recipient }),
        placeOf: ({ id }) => ({ id }),
      });
      return { status: 200, body: { ...page, items: page.items.map(shown) } };
    },
  });

const replayRoute = ({ deliveries }: DeliveriesRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "replayDelivery",
    method: "POST",
    path: "/deliveries/{id}/replay",
    summary: "Try a dead delivery again",
    description: "At once, and as often as a new one. It goes to the address that the app has now.",
    scope: API_SCOPES.writeConfig,
    parameters: { path },
    answers: {
      200: {
        says: "It is tried again.",
        schema: deliverySchema,
        example: { ...EXAMPLE, state: "pending", attempts: 0, nextAt: "2027-01-05T11:00:00.000Z" },
      },
    },
    errors: [...outboxError.definitions("unknown_delivery", "delivery_not_dead"), ...OUTAGES],
    handle: async (call) => ({ status: 200, body: shown(await deliveries.replay(call.path.id)) }),
  });

const dropRoute = ({ deliveries }: DeliveriesRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "dropDelivery",
    method: "DELETE",
    path: "/deliveries/{id}",
    summary: "Give a delivery up",
    description: "The app is not told. What has ended stays ended.",
    scope: API_SCOPES.writeConfig,
    parameters: { path },
    answers: {
      200: {
        says: "It is not tried any more.",
        schema: deliverySchema,
        example: { ...EXAMPLE, state: "dropped" },
      },
    },
    errors: [...outboxError.definitions("unknown_delivery", "delivery_over"), ...OUTAGES],
    handle: async (call) => ({ status: 200, body: shown(await deliveries.drop(call.path.id)) }),
  });

const shown = (row: Delivery): ShownDelivery => ({
  id: row.id,
  kind: row.kind,
  recipient: row.recipient,
  sub: row.subject,
  sid: row.session_uid,
  ...(row.seq === null ? {} : { seq: row.seq }),
  state: row.state,
  attempts: row.attempts,
  ...(row.state === "pending" ? { nextAt: timeOf(row.next_at) } : {}),
  ...(row.last_error === null ? {} : { lastError: row.last_error }),
  createdAt: timeOf(row.created_at),
  ...(row.settled_at === null ? {} : { settledAt: timeOf(row.settled_at) }),
});

const timeOf = (ms: number): string => new Date(ms).toISOString();

/** A shop with one declared route, which answers, fails and refuses as it is asked to. */
import { errorsOf } from "@portcullis/protocol";
import Fastify, { type FastifyInstance } from "fastify";
import { z } from "zod";
import {
  type Authenticate,
  type DeclaredRoute,
  declaredRoutes,
  declareRoute,
  type ErrorForm,
  type MountOptions,
} from "../../src/index.ts";

export const shopError = errorsOf({
  no_such_order: { status: 404, text: "There is no such order." },
  shop_closed: { status: 503, text: "The shop is closed." },
});

export const orderSchema = z.object({ id: z.string(), count: z.number() });

export const changeOrder = declareRoute({
  operationId: "changeOrder",
  method: "POST",
  path: "/orders/{id}",
  tag: "Orders",
  summary: "Change an order",
  scope: "orders.write",
  parameters: {
    path: z.object({
      id: z.string().regex(/^\d+$/, "Must be a number.").meta({ description: "Its number.", example: "7" }),
    }),
    query: z.strictObject({ dryRun: z.enum(["true"]).optional().meta({ description: "Change nothing." }) }),
    headers: z.object({
      "If-Match": z
        .string()
        .regex(/^v\d+$/, "Must be a version.")
        .meta({ description: "Its version." }),
    }),
  },
  body: { schema: z.strictObject({ count: z.int(), note: z.string().optional() }), example: { count: 2 } },
  answers: {
    200: { says: "The order.", schema: orderSchema, example: { id: "7", count: 2 } },
    202: { says: "Not yet.", schema: orderSchema, example: { id: "7", count: 2 } },
  },
  errors: shopError.definitions("no_such_order", "shop_closed"),
  async handle({ path, query, headers, body, caller }) {
    if (path.id === "404") throw shopError("no_such_order", { detail: "private" });
    if (path.id === "503") throw shopError("shop_closed");
    if (path.id === "500") throw new Error("a secret of the database");
    const status = query.dryRun === undefined ? 200 : 202;
    const answer = { id: `${path.id} of ${caller.clientId}`, count: body.count };
    return { status, body: answer, headers: { etag: headers["If-Match"] } };
  },
});

/** The token is the name of the client, and everybody has one scope. */
export const authenticate: Authenticate = async (request, scope) => {
  const clientId = request.headers.authorization?.split(" ")[1];
  if (clientId === undefined) return refused(401, "missing_token");
  if (scope !== "orders.write") return refused(403, "insufficient_scope");
  const signedInAt = request.headers["signed-in-at"];
  const caller = { clientId, expiresAt: 2e9, claims: {} as never };
  return { caller: signedInAt === undefined ? caller : { ...caller, signedInAt: Number(signedInAt) } };
};

export const refused = (status: number, error: string) => ({
  refusal: {
    status,
    headers: { "www-authenticate": `Bearer error="${error}"` },
    body: { error, error_description: "Not you.", reason: "logged_out" },
  },
});

export interface Shop {
  readonly app: FastifyInstance;
  /** The level of each failed request that was logged, and what failed. */
  readonly told: (readonly ["warn" | "error", unknown])[];
  change(more?: {
    id?: string;
    body?: unknown;
    headers?: Record<string, string>;
    query?: string;
  }): Promise<Answer>;
}
type Answer = Awaited<ReturnType<FastifyInstance["inject"]>>;

export const NOW = 1_000_000;

export function openShop(form: ErrorForm, routes: readonly DeclaredRoute[] = [changeOrder]): Shop {
  const app = Fastify();
  const told: Shop["told"] = [];
  const log: MountOptions["log"] = {
    warn: ({ error }) => told.push(["warn", error]),
    error: ({ error }) => told.push(["error", error]),
  };
  const isFresh: MountOptions["isFresh"] = (signedInAt, maxAgeSeconds) => NOW - signedInAt <= maxAgeSeconds;
  app.register(declaredRoutes(routes, { authenticate, form, log, isFresh }), { prefix: "/shop" });
  return {
    app,
    told,
    change({ id = "7", body = { count: 2 }, headers = {}, query = "" } = {}) {
      const all = {
        authorization: "Bearer cashier",
        "content-type": "application/json",
        "if-match": "v1",
        ...headers,
      };
      const payload = typeof body === "string" ? body : JSON.stringify(body);
      return app.inject({ method: "POST", url: `/shop/orders/${id}${query}`, headers: all, payload });
    },
  };
}

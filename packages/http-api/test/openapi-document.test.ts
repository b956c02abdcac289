import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorsOf, silentLog } from "@portcullis/protocol";
import { documentProblems } from "@portcullis/testing/openapi";
import Fastify from "fastify";
import { z } from "zod";
import {
  ANYBODY,
  collectRoutes,
  createOpenApiDocument,
  type DeclaredRoute,
  type DocumentOptions,
  declaredRoutes,
  declareRoute,
  OAUTH_ERROR,
  PROBLEM_DETAILS,
} from "../src/index.ts";

const shopError = errorsOf({ no_such_order: { status: 404, text: "There is no such order." } });
const orderSchema = z.object({ id: z.string(), count: z.number() });

const order = declareRoute({
  operationId: "showOrder",
  method: "GET",
  path: "/orders/{id}",
  tag: "Orders",
  summary: "Show an order",
  scope: "orders.read",
  parameters: { path: z.object({ id: z.string().meta({ description: "Its number.", example: "7" }) }) },
  answers: { 200: { says: "The order.", schema: orderSchema, example: { id: "7", count: 2 } } },
  errors: shopError.definitions("no_such_order"),
  handle: async ({ path }) => ({ status: 200, body: { id: path.id, count: 2 } }),
});

const place = declareRoute({
  operationId: "placeOrder",
  method: "POST",
  path: "",
  tag: "Orders",
  summary: "Place an order",
  scope: ANYBODY,
  body: { schema: orderSchema, example: { id: "7", count: 2 } },
  answers: {
    200: {
      says: "The order.",
      schema: orderSchema,
      example: { id: "7", count: 2 },
      headers: { ETag: "Its version." },
    },
  },
  errors: [],
  handle: async ({ body }) => ({ status: 200, body }),
});

async function documentOf(routes: readonly DeclaredRoute[], change: Partial<DocumentOptions> = {}) {
  const app = Fastify();
  const mounted = collectRoutes(app);
  const mount = { authenticate: async () => assert.fail("nobody calls"), log: silentLog };
  app.get("/page", async () => "a page");
  app.register(declaredRoutes(routes, { ...mount, form: PROBLEM_DETAILS }), { prefix: "/shop" });
  app.register(
    declaredRoutes([{ ...order, operationId: "showOrderThere" }], { ...mount, form: OAUTH_ERROR }),
    {
      prefix: "/there",
    },
  );
  await app.ready();
  return createOpenApiDocument({
    title: "Shop",
    version: "1",
    description: "A shop.",
    server: "https://shop.example",
    tokens: { endpoint: "https://shop.example/token" },
    scopes: { "orders.read": "Read orders." },
    tags: { Orders: "What was ordered." },
    schemas: { Order: orderSchema },
    routes: mounted,
    ...change,
  });
}

describe("the OpenAPI document", () => {
  it("is one by the schema of OpenAPI 3.1", async () => {
    const document = JSON.parse(JSON.stringify(await documentOf([order, place])));
    assert.deepEqual(await documentProblems(document), []);
    assert.equal(document.openapi, "3.1.0");
  });

  it("has every declared route that is mounted, where it is mounted, and nothing else", async () => {
    const { paths } = await documentOf([order, place]);
    assert.deepEqual(Object.keys(paths!), ["/shop/orders/{id}", "/shop", "/there/orders/{id}"]);
    assert.deepEqual(Object.keys(paths!["/shop"]!), ["post"]);
  });

  it("tells scope and errors, in the form that they have there", async () => {
    const { paths } = await documentOf([order]);
    const operation = paths!["/shop/orders/{id}"]!.get!;
    assert.deepEqual(operation.security, [{ token: ["orders.read"] }]);
    assert.deepEqual(Object.keys(operation.responses!), ["200", "400", "401", "403", "404", "500", "503"]);
    const contentOf = (path: string) =>
      JSON.parse(JSON.stringify(paths![path]!.get!.responses![404])).content;
    const problem = contentOf("/shop/orders/{id}")["application/problem+json"];
    assert.equal(problem.examples.no_such_order.value.code, "no_such_order");
    const error = contentOf("/there/orders/{id}")["application/json"];
    assert.equal(error.examples.no_such_order.value.error, "no_such_order");
  });

  it("asks nobody for a token who needs none, and says what an unreadable body brings", async () => {
    const { paths } = await documentOf([place]);
    const { security, responses } = paths!["/shop"]!.post!;
    assert.deepEqual(security, []);
    assert.deepEqual(Object.keys(responses!), ["200", "400", "413", "415", "500"]);
  });

  it("is not made of words that nobody has explained", async () => {
    const refused = { code: "route_not_declared" };
    await assert.rejects(documentOf([order], { scopes: {} }), refused);
    await assert.rejects(documentOf([order], { tags: {} }), refused);
    await assert.rejects(documentOf([order, { ...place, operationId: "showOrder" }]), refused);
  });
});

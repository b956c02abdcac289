/** Routes as they are mounted: a small app, and the document of it. */
import {
  type Authenticate,
  collectRoutes,
  createOpenApiDocument,
  type DeclaredRoute,
  declaredRoutes,
  type IdempotencyKeys,
  PROBLEM_DETAILS,
} from "@portcullis/http-api";
import { RecordedLog } from "@portcullis/testing";
import type { OpenApi } from "@portcullis/testing/openapi";
import Fastify from "fastify";

/** The token is the name of the client, and everybody may do everything. */
const authenticate: Authenticate = async (request) => {
  const clientId = request.headers.authorization?.split(" ")[1] || undefined;
  if (clientId !== undefined) return { caller: { clientId, expiresAt: 2e9, claims: {} as never } };
  const body = { error: "missing_token", error_description: "Not you." };
  return { refusal: { status: 401, headers: { "www-authenticate": "Bearer" }, body } };
};

export interface Asked {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly query?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function mounted(routes: readonly DeclaredRoute[], idempotencyKeys?: IdempotencyKeys) {
  const app = Fastify();
  const list = collectRoutes(app);
  const log = new RecordedLog();
  app.register(declaredRoutes(routes, { authenticate, form: PROBLEM_DETAILS, log, idempotencyKeys }), {
    prefix: "/things",
  });
  return {
    app,
    log,
    async ask(path: string, { method = "GET", query = "", body, headers = {} }: Asked = {}) {
      const type = body === undefined ? {} : { "content-type": "application/json" };
      const answer = await app.inject({
        method,
        url: `/things${path}${query}`,
        headers: { authorization: "Bearer alice", ...type, ...headers },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text: answer.body,
        body: jsonOf(answer.body),
      };
    },
    async document(): Promise<OpenApi & { components: { parameters?: Record<string, unknown> } }> {
      await app.ready();
      const document = createOpenApiDocument({
        title: "Things",
        version: "1",
        description: "Things.",
        server: "/",
        tokens: { metadata: "https://issuer.example/.well-known/openid-configuration" },
        scopes: { "things.write": "Change things." },
        tags: { Things: "All there are." },
        schemas: {},
        routes: list,
      });
      return JSON.parse(JSON.stringify(document));
    },
  };
}

const jsonOf = (text: string) => (text === "" ? undefined : JSON.parse(text));

/** What all declarations of a test have in common. */
export const COMMON = {
  tag: "Things",
  summary: "Do what is asked",
  scope: "things.write",
  errors: [],
} as const;

export const idParameter = { description: "Which.", example: "7" } as const;

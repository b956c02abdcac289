import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { type Authenticate, callerOf, requireScope } from "./caller.ts";
import { checkDeclaration } from "./check-declaration.ts";
import { checkInput } from "./check-input.ts";
import {
  ANYBODY,
  type BytesAnswer,
  type Call,
  type DeclaredRoute,
  type GivenAnswer,
} from "./declare-route.ts";
import { createErrorHandler, type ErrorForm, type ErrorHandlerOptions } from "./error-forms.ts";
import { type Problem, ProblemsError } from "./problems.ts";

const BODY_LIMIT_BYTES = 16 * 1024;

export interface MountOptions extends ErrorHandlerOptions {
  /** Every route with a scope authenticates before its body is read. */
  readonly authenticate: Authenticate;
}

/** A declaration as it is mounted: with the form that its errors have there. */
export interface MountedDeclaration {
  readonly route: DeclaredRoute;
  readonly form: ErrorForm;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of a route of our APIs. `collectRoutes` reads it. */
    readonly declaration?: MountedDeclaration;
  }
}

/** A plugin with these routes, to be registered below their prefix. It has its own reader of bodies and its own form of errors. */
export function declaredRoutes(routes: readonly DeclaredRoute[], options: MountOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(createErrorHandler(options));
    mountRoutes(app, routes, options);
  };
}

/** Adds the routes to a plugin that says itself what becomes of errors. */
export function mountRoutes(
  app: FastifyInstance,
  routes: readonly DeclaredRoute[],
  { authenticate, form }: Pick<MountOptions, "authenticate" | "form">,
): void {
  app.decorateRequest("caller");
  readJsonOnly(app);
  for (const route of routes) mountRoute(app, { authenticate, declaration: { route, form } });
}

function mountRoute(
  app: FastifyInstance,
  {
    authenticate,
    declaration,
  }: { readonly authenticate: Authenticate; readonly declaration: MountedDeclaration },
): void {
  const { route } = declaration;
  checkDeclaration(route);
  app.route({
    method: route.method,
    url: route.path === "" ? "/" : route.path.replace(/\{(\w+)\}/g, ":$1"),
    exposeHeadRoute: false,
    config: { declaration },
    ...(route.scope === ANYBODY
      ? {}
      : { onRequest: requireScope(authenticate, route.scope, declaration.form) }),
    handler: async (request, reply) => give(reply, await route.handle(callOf(route, request, reply)), route),
  });
}

function callOf(route: DeclaredRoute, request: FastifyRequest, reply: FastifyReply): Call {
  const problems: Problem[] = [];
  const read = readerOf(problems);
  const { parameters = {}, body, checks = {} } = route;
  const parts = {
    path: read(parameters.path, request.params),
    query: read(parameters.query, request.query, checks.query),
    headers: parameters.headers && read(parameters.headers, headersOf(parameters.headers, request)),
    body: body && read(body.schema, body.mayBeAbsent ? (request.body ?? {}) : request.body, checks.body),
  };
  if (problems.length > 0) throw new ProblemsError(problems);
  return {
    ...parts,
    get caller() {
      return callerOf(request);
    },
    gone: () => goneOf(reply),
  };
}

/** Returns what reads one part of a request and notes its problems, so that all of them are told at once. */
function readerOf(problems: Problem[]) {
  return (schema: z.ZodType | undefined, input: unknown, check?: (input: unknown) => unknown): unknown => {
    if (schema === undefined) return undefined;
    try {
      return check === undefined ? checkInput(schema, input) : check(input);
    } catch (error) {
      if (!(error instanceof ProblemsError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
}

/** Headers by the names of the schema: Node gives them in lower case. */
function headersOf(schema: z.ZodObject, { headers }: FastifyRequest): Record<string, unknown> {
  return Object.fromEntries(Object.keys(schema.shape).map((name) => [name, headers[name.toLowerCase()]]));
}

function goneOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => controller.abort());
  return controller.signal;
}

/** What these APIs say changes at any time, and some of it is personal: nobody stores it. */
function give(reply: FastifyReply, answer: GivenAnswer, route: DeclaredRoute) {
  if ("stream" in answer) {
    reply.hijack();
    answer.stream(reply.raw);
    return reply;
  }
  reply.code(answer.status).headers({ "cache-control": "no-store", ...answer.headers });
  if ("body" in answer) return reply.send(answer.body);
  const declared = route.answers[answer.status] as BytesAnswer;
  return reply.type(declared.bytes).send(answer.bytes);
}

/** Its own parser: what the rest of the server does with bodies must not change this API. */
function readJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string", bodyLimit: BODY_LIMIT_BYTES },
    app.getDefaultJsonParser("error", "error"),
  );
}

import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import {
  type Authenticate,
  callerOf,
  type IsFresh,
  type RequiredOfCaller,
  refusalNowOf,
  requireCaller,
  requireCallerStill,
} from "./caller.ts";
import { checkDeclaration } from "./check-declaration.ts";
import { checkInput, refuseDeep } from "./check-input.ts";
import {
  ANYBODY,
  type BytesAnswer,
  type Call,
  type DeclaredRoute,
  type GivenAnswer,
} from "./declare-route.ts";
import {
  createErrorHandler,
  type ErrorForm,
  type ErrorHandlerOptions,
  serverErrorIn,
} from "./error-forms.ts";
import { httpApiError } from "./errors.ts";
import { callerIdOf, fingerprintOf, IDEMPOTENCY_KEY, type IdempotencyKeys, makeOnce } from "./idempotency.ts";
import { MERGE_PATCH_TYPE } from "./merge-patch.ts";
import { undeclaredPreconditions } from "./preconditions.ts";
import { type Problem, ProblemsError } from "./problems.ts";
import { readJsonOnly, refuseOtherTypes } from "./read-json-only.ts";
import { refuseOtherMethods, refuseUnknownPaths, urlOf } from "./refuse-elsewhere.ts";
import { whenClosed } from "./when-closed.ts";

export interface MountOptions extends ErrorHandlerOptions {
  /** Every route with a scope authenticates before its body is read. */
  readonly authenticate: Authenticate;
  /** Needed where a route is repeatable. */
  readonly idempotencyKeys?: IdempotencyKeys | undefined;
  /** Needed where a route asks for a fresh sign-in. */
  readonly isFresh?: IsFresh | undefined;
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
    if (app.prefix !== "") refuseUnknownPaths(app, options);
    mountRoutes(app, routes, options);
  };
}

/** Adds the routes to a plugin that says itself what becomes of errors. */
export function mountRoutes(
  app: FastifyInstance,
  routes: readonly DeclaredRoute[],
  { authenticate, form, idempotencyKeys, isFresh }: Omit<MountOptions, "log">,
): void {
  for (const name of ["caller", "refusalNow", "bodyIsAwaited"]) app.decorateRequest(name);
  const uploads = [...new Set(routes.flatMap(({ upload }) => upload?.mediaType ?? []))];
  readJsonOnly(app, uploads);
  const mediaTypes = [JSON_TYPE, MERGE_PATCH_TYPE, ...uploads];
  for (const route of routes)
    mountRoute(app, { authenticate, idempotencyKeys, isFresh, mediaTypes, declaration: { route, form } });
  refuseOtherMethods(app, routes);
}

interface MountedParts extends Pick<MountOptions, "authenticate" | "idempotencyKeys" | "isFresh"> {
  /** Of all routes of the mount. */
  readonly mediaTypes: readonly string[];
  readonly declaration: MountedDeclaration;
}

function mountRoute(app: FastifyInstance, parts: MountedParts): void {
  const { idempotencyKeys, mediaTypes, declaration } = parts;
  const { route } = declaration;
  checkDeclaration(route);
  const answer = answering(declaration, idempotencyKeys);
  app.route({
    method: route.method,
    url: urlOf(route.path),
    exposeHeadRoute: false,
    config: { declaration },
    ...callerRequired(parts),
    preParsing: refuseOtherTypes(mediaTypesOf(route), mediaTypes),
    handler: async (request, reply) => give(reply, await answer(request, reply), route),
  });
}

function callerRequired({ authenticate, isFresh, declaration: { route, form } }: MountedParts) {
  const { scope, maxSignInAgeSeconds: maxAgeSeconds } = route;
  if (scope === ANYBODY) return {};
  if (maxAgeSeconds === undefined) return hooksOf(route, { authenticate, scope, form, fresh: undefined });
  if (isFresh === undefined) throw partMissing(route, "asks for a fresh sign-in", "isFresh");
  return hooksOf(route, { authenticate, scope, form, fresh: { maxAgeSeconds, isFresh } });
}

/** A route that reads an upload asks by itself, for each part (`Call.refusalNow`). */
const hooksOf = ({ upload }: DeclaredRoute, required: RequiredOfCaller) => ({
  onRequest: requireCaller(required),
  ...(upload === undefined ? { preHandler: requireCallerStill(required) } : {}),
});

const JSON_TYPE = "application/json";

function mediaTypesOf({ body, upload }: DeclaredRoute): readonly string[] {
  if (upload !== undefined) return [upload.mediaType];
  return body?.isMergePatch ? [JSON_TYPE, MERGE_PATCH_TYPE] : [JSON_TYPE];
}

type Answering = (request: FastifyRequest, reply: FastifyReply) => Promise<GivenAnswer>;

/** Returns what reads a request, and answers it: once for each key, where the route is repeatable. */
function answering({ route, form }: MountedDeclaration, keys: IdempotencyKeys | undefined): Answering {
  if (route.isRepeatable !== true)
    return async (request, reply) => route.handle(readCall(route, request, reply).call);
  if (keys === undefined) throw partMissing(route, "is repeatable", "idempotencyKeys");
  return async (request, reply) => {
    const { call, key } = readCall(route, request, reply);
    const make = () => route.handle(call);
    if (key === undefined) return make();
    const claimed = {
      key,
      callerId: callerIdOf(call.caller),
      fingerprint: fingerprintOf(route.operationId, request),
    };
    return makeOnce({ keys, call: claimed, make, answerToFault: () => serverErrorIn(form) });
  };
}

const partMissing = ({ operationId }: DeclaredRoute, what: string, part: keyof MountOptions) =>
  httpApiError("route_not_declared", { text: `${operationId} ${what}, and its mount has no ${part}.` });

/** Of a route that declares none: what is asked for there (a dry run, say) would be ignored, and the act done. */
const NO_QUERY = z.strictObject({});

interface ReadCall {
  readonly call: Call;
  readonly key: string | undefined;
}

const keyHeadersSchema = z.object(IDEMPOTENCY_KEY);

function readCall(route: DeclaredRoute, request: FastifyRequest, reply: FastifyReply): ReadCall {
  const problems: Problem[] = [];
  const read = readerOf(problems);
  const { parameters = {}, body, checks = {} } = route;
  const parts = {
    path: read(parameters.path, request.params),
    query: read(parameters.query ?? NO_QUERY, request.query, checks.query),
    headers: parameters.headers && read(parameters.headers, headersOf(parameters.headers, request)),
    body: body && read(body.schema, body.mayBeAbsent ? bodyOrNone(request) : request.body, checks.body),
  };
  const keyHeaders = route.isRepeatable && read(keyHeadersSchema, headersOf(keyHeadersSchema, request));
  problems.push(...undeclaredPreconditions(parameters.headers, request.headers));
  if (problems.length > 0) throw new ProblemsError(problems);
  const call = {
    ...parts,
    get caller() {
      return callerOf(request);
    },
    upload: () => (request.body ?? Readable.from([])) as Readable,
    gone: () => goneOf(reply),
    refusalNow: () => refusalNowOf(request)(),
  };
  const { "Idempotency-Key": key } = (keyHeaders || {}) as z.output<typeof keyHeadersSchema>;
  return { call, key };
}

/** A body that was left out is an empty one. `null` is a body, and no object: whoever sends it has not meant to leave it out. */
const bodyOrNone = ({ body }: FastifyRequest): unknown => (body === undefined ? {} : body);

/** Returns what reads one part of a request and notes its problems, so that all of them are told at once. */
function readerOf(problems: Problem[]) {
  return (schema: z.ZodType | undefined, input: unknown, check?: (input: unknown) => unknown): unknown => {
    if (schema === undefined) return undefined;
    try {
      if (check === undefined) return checkInput(schema, input);
      refuseDeep(input);
      return check(input);
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
  whenClosed(reply.raw, () => controller.abort());
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
  if (answer.headers?.["content-type"] === undefined)
    reply.type((route.answers[answer.status] as BytesAnswer).bytes);
  return reply.send(answer.bytes);
}

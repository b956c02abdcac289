/**
 * The guard as a Fastify plugin: `request.principal` behind every route, what a route asks for in its
 * `config.guard`, and the decision taken again just before a response starts.
 */
import type {
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
  RouteOptions,
} from "fastify";
import type { AllowDecision, Decision, DenyDecision, Guard, Principal, Requirements } from "../decision.ts";
import { checkRequirements } from "../freshness.ts";
import { authorizationHeaders } from "./authorization-header.ts";
import { headersToDrop } from "./body-headers.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who is calling. Reading it on a route with `guard: false` throws. */
    readonly principal: Principal;
    /** The decision that let the request in; a handler that hijacks the reply calls its `recheck()` itself. */
    guardDecision: AllowDecision | null;
  }
  interface FastifyContextConfig {
    /** What this route asks for; `false` lets anybody in. */
    guard?: Requirements | false | undefined;
  }
}

export interface FastifyGuardOptions {
  readonly guard: Guard;
  /** For routes whose config says nothing. */
  readonly requirements?: Requirements | undefined;
}

const plugin: FastifyPluginCallback<FastifyGuardOptions> = (app, { guard, requirements }, registered) => {
  const fallback = checkRequirements(requirements ?? {}, "requirements");
  app.decorateRequest("guardDecision", null);
  app.decorateRequest("principal", { getter: principalOfRequest });
  app.addHook("onRoute", checkRoute);

  app.addHook("onRequest", (request, reply, done) => {
    const asked = request.routeOptions.config.guard ?? fallback;
    if (asked === false) return done();
    const headers = authorizationHeaders(request.raw.rawHeaders);
    // Fastify's own idea of it, by its `trustProxy`.
    const decision = guard.authenticate(headers, asked, { address: request.ip });
    if (!(decision instanceof Promise)) return admit(decision, request, reply, done);
    decision.then((decided) => admit(decided, request, reply, done), done);
  });

  app.addHook("onSend", (request, reply, payload, done) => {
    const decision = isSuccess(reply, payload) ? request.guardDecision?.recheck() : undefined;
    if (decision?.outcome !== "deny") return done(null, payload);
    discard(payload);
    for (const name of headersToDrop(Object.keys(reply.getHeaders()))) reply.removeHeader(name);
    refuse(decision, reply);
    done(null, JSON.stringify(decision.body));
  });
  registered();
};

/** Hooks and decorators reach the routes of the whole scope that registers it, not only those within it. */
export const fastifyGuard: typeof plugin = Object.assign(plugin, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "@portcullis/guard",
});

function checkRoute({ config, method, url }: RouteOptions): void {
  if (config?.guard) checkRequirements(config.guard, `${method} ${url}: config.guard`);
}

function admit(
  decision: Decision,
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  if (decision.outcome === "deny") {
    refuse(decision, reply).send(decision.body);
    return;
  }
  request.guardDecision = decision;
  done();
}

function refuse({ status, headers }: DenyDecision, reply: FastifyReply): FastifyReply {
  return reply.code(status).headers(headers).type("application/json; charset=utf-8");
}

function principalOfRequest(this: FastifyRequest): Principal {
  // On an unguarded route nobody was asked: undefined would read as "nobody" in a careless check.
  if (this.guardDecision === null) {
    throw new TypeError(`${this.method} ${this.routeOptions.url} is not guarded: there is no principal`);
  }
  return this.guardDecision.principal;
}

/** Fastify takes the status of a Response that a handler sends, whatever was set on the reply. */
function isSuccess(reply: FastifyReply, payload: unknown): boolean {
  return reply.statusCode < 400 || (payload instanceof Response && payload.status < 400);
}

/** What the payload comes from must learn that nobody reads it. */
function discard(payload: unknown): void {
  const source = payload instanceof Response ? payload.body : payload;
  if (typeof source !== "object" || source === null) return;
  // A stream that somebody reads already cannot be cancelled from here: its reader sees the end of the reply.
  if (source instanceof ReadableStream) source.cancel().catch(() => {});
  else if ("destroy" in source && typeof source.destroy === "function") source.destroy();
}

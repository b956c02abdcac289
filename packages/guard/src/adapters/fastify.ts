import type { FastifyPluginCallback } from "fastify";
import type { AllowDecision, Guard, Principal, Requirements } from "../decision.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who is calling; only behind a guarded route. */
    principal: Principal;
    /** The decision that let the request in; `recheck()` it in a handler that hijacks the reply. */
    guardDecision: AllowDecision;
  }
  interface FastifyContextConfig {
    /** What this route asks for; `false` lets anybody in. */
    guard?: Requirements | false;
  }
}
export interface FastifyGuardOptions {
  readonly guard: Guard;
  /** For routes whose config says nothing. */
  readonly requirements?: Requirements;
}
export declare const fastifyGuard: FastifyPluginCallback<FastifyGuardOptions>;

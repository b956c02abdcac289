import type { IncomingMessage, ServerResponse } from "node:http";
import type { AllowDecision, Guard, Principal, Requirements } from "../decision.ts";

export type GuardedHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  caller: { readonly principal: Principal; readonly decision: AllowDecision },
) => unknown;

/** Wraps a handler: it runs only for requests that the guard allows. */
export declare function guarded(
  options: { readonly guard: Guard; readonly requirements?: Requirements },
  handler: GuardedHandler,
): (request: IncomingMessage, response: ServerResponse) => void;

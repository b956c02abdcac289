/** The guard around a plain `(request, response)` handler of `node:http`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AllowDecision, Decision, DenyDecision, Guard, Principal, Requirements } from "../decision.ts";
import { checkRequirements } from "../freshness.ts";
import { authorizationHeaders } from "./authorization-header.ts";
import { recheckBeforeResponse } from "./recheck-before-response.ts";

export type GuardedHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  caller: { readonly principal: Principal; readonly decision: AllowDecision },
) => unknown;

export interface GuardedOptions {
  readonly guard: Guard;
  readonly requirements?: Requirements | undefined;
  /**
   * Gives the address of the client, where proxies that are trusted stand in front. Default: the other end of the connection. It is
   * called for each request. Tokens that may come from some addresses alone are judged by it, and their owners are shown it.
   */
  readonly clientAddress?: ((request: IncomingMessage) => string | undefined) | undefined;
}

const otherEnd = ({ socket }: IncomingMessage): string | undefined => socket.remoteAddress;

/**
 * The handler runs only for requests that the guard allows, and the decision is taken again just before its
 * response starts. Throws `invalid_configuration` for requirements that cannot work.
 *
 * ```ts
 * createServer(guarded({ guard, requirements: { scopes: ["orders.read"] } }, (request, response, { principal }) => {
 *   response.end(`hello ${principal.subject}`);
 * }));
 * ```
 */
export function guarded(
  options: GuardedOptions,
  handler: GuardedHandler,
): (request: IncomingMessage, response: ServerResponse) => void {
  const requirements = checkRequirements(options.requirements ?? {}, "requirements");
  const addressOf = options.clientAddress ?? otherEnd;

  function decided(decision: Decision, request: IncomingMessage, response: ServerResponse): unknown {
    if (decision.outcome === "deny") return sendDenial(response, decision);
    recheckBeforeResponse(response, decision, sendDenial);
    return handler(request, response, { principal: decision.principal, decision });
  }

  return (request, response) => {
    const headers = authorizationHeaders(request.rawHeaders);
    const decision = options.guard.authenticate(headers, requirements, { address: addressOf(request) });
    if (!(decision instanceof Promise)) return void decided(decision, request, response);
    // As for any other handler, what it throws is the process's to handle.
    void decision.then((late) => decided(late, request, response));
  };
}

function sendDenial(response: ServerResponse, { status, headers, body }: DenyDecision): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

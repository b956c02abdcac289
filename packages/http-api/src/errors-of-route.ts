import type { ErrorDefinition } from "@portcullis/protocol";
import { CALLER_ERRORS } from "./caller.ts";
import { ANYBODY, type DeclaredRoute } from "./declare-route.ts";
import { httpApiError } from "./errors.ts";

/** What is refused before the route is asked: it follows from what the declaration has. */
export function commonErrorsOf(route: DeclaredRoute): readonly ErrorDefinition[] {
  const { parameters, body, isRepeatable = false } = route;
  const hasVersions = Object.hasOwn(parameters?.headers?.shape ?? {}, "If-Match");
  return [
    ...httpApiError.definitions("invalid_request"),
    ...(body === undefined && route.upload === undefined ? [] : UNREADABLE_BODY),
    ...(hasVersions ? httpApiError.definitions("precondition_failed") : []),
    ...(isRepeatable
      ? httpApiError.definitions("idempotency_key_in_progress", "idempotency_key_reused")
      : []),
    ...httpApiError.definitions("server_error"),
  ];
}

/** Refusals of the caller, which RFC 6750 words. */
export function callerErrorsOf({ scope, maxSignInAgeSeconds }: DeclaredRoute): readonly ErrorDefinition[] {
  if (scope === ANYBODY) return [];
  if (maxSignInAgeSeconds === undefined) return CALLER_ERRORS;
  return [...CALLER_ERRORS, ...httpApiError.definitions("insufficient_user_authentication")];
}

const UNREADABLE_BODY: readonly ErrorDefinition[] = [
  { code: "invalid_request", status: 413, text: "Request body is too large" },
  { code: "invalid_request", status: 415, text: "Unsupported Media Type" },
];

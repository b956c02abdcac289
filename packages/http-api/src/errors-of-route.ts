import type { ErrorDefinition } from "@portcullis/protocol";
import { CALLER_ERRORS } from "./caller.ts";
import { ANYBODY, type DeclaredRoute } from "./declare-route.ts";
import { httpApiError } from "./errors.ts";

/** What is refused before the route is asked: it follows from what the declaration has. */
export function commonErrorsOf({ parameters, body }: DeclaredRoute): readonly ErrorDefinition[] {
  const isRead = body !== undefined || parameters?.query !== undefined || parameters?.headers !== undefined;
  return [
    ...(isRead ? httpApiError.definitions("invalid_request") : []),
    ...(body === undefined ? [] : UNREADABLE_BODY),
    ...httpApiError.definitions("server_error"),
  ];
}

/** Refusals of the caller, which RFC 6750 words. */
export const callerErrorsOf = ({ scope }: DeclaredRoute): readonly ErrorDefinition[] =>
  scope === ANYBODY ? [] : CALLER_ERRORS;

const UNREADABLE_BODY: readonly ErrorDefinition[] = [
  { code: "invalid_request", status: 413, text: "Request body is too large" },
  { code: "invalid_request", status: 415, text: "Unsupported Media Type" },
];

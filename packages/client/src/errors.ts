import { type CodeOf, errorsOf, isErrorOf, type PortcullisError } from "@portcullis/protocol";

/** Everything the client throws. Branch on `code`; `message` may be shown to the user. */
export const CLIENT_ERRORS = {
  insecure_issuer: {
    status: 500,
    text: "The issuer must be an https URL; plain http is accepted on loopback only.",
  },
  insecure_resource_server: {
    status: 500,
    text: "A resource server must be an https URL; plain http is accepted on loopback only.",
  },
  no_page: { status: 500, text: "There is no page to navigate; use createSignInUrl() and completeSignIn()." },
  issuer_unreachable: { status: 503, text: "The sign-in service cannot be reached. Try again in a moment." },
  discovery_failed: { status: 502, text: "The sign-in service sent metadata that cannot be used." },
  sign_in_not_started: {
    status: 400,
    text: "This sign-in was not started in this tab, or has already been used. Sign in again.",
  },
  sign_in_refused: { status: 403, text: "The sign-in was refused." },
  response_refused: {
    status: 502,
    text: "The answer from the sign-in service failed a check and was not used.",
  },
  not_signed_in: { status: 401, text: "Nobody is signed in." },
  session_ended: { status: 401, text: "The session has ended. Sign in again." },
  target_not_allowed: {
    status: 400,
    text: "The access token must not be sent there; add the origin to `resourceServers`.",
  },
} as const;

export type ClientErrorCode = CodeOf<typeof CLIENT_ERRORS>;
export type ClientError = PortcullisError<ClientErrorCode>;

export const clientError = errorsOf(CLIENT_ERRORS);
export const isClientError = isErrorOf(CLIENT_ERRORS);

/**
 * The package's one catalogue. Apart from `invalid_configuration` each is an outage for whoever needed the issuer, hence 503:
 * a 401 would make clients throw good tokens away. Texts and details never hold a secret or a token.
 */
import { type CodeOf, errorsOf, isErrorOf, type PortcullisError } from "@portcullis/protocol";

export const ISSUER_ERRORS = {
  invalid_configuration: { status: 500, text: "The issuer cannot be asked with these settings." },
  issuer_unreachable: { status: 503, text: "The issuer cannot be reached." },
  issuer_timed_out: { status: 503, text: "The issuer did not answer in time." },
  issuer_failing: { status: 503, text: "The issuer answered with an error of its own." },
  issuer_unreadable: { status: 503, text: "The issuer's answer cannot be used." },
  issuer_mismatch: {
    status: 503,
    text: "The metadata belongs to a different issuer than the one that is configured.",
  },
  endpoint_missing: { status: 503, text: "The issuer's metadata is missing an endpoint that is needed." },
  endpoint_unsafe: { status: 503, text: "An endpoint of the issuer may not be asked." },
  client_not_accepted: { status: 503, text: "The issuer does not accept the client." },
  scope_not_granted: { status: 503, text: "The client does not have a scope that it needs at the issuer." },
  sign_in_refused: { status: 503, text: "The issuer refused to sign the person in." },
  sign_in_over: { status: 503, text: "The person's sign-in at the issuer is over." },
  introspection_refused: { status: 503, text: "The issuer does not answer the client about tokens." },
  token_refused: { status: 503, text: "The issuer refused to issue a token." },
} as const;

export type IssuerErrorCode = CodeOf<typeof ISSUER_ERRORS>;
export type IssuerError = PortcullisError<IssuerErrorCode>;

export const issuerError = errorsOf(ISSUER_ERRORS);
export const isIssuerError = isErrorOf(ISSUER_ERRORS);

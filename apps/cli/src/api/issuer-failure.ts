/** What goes wrong with an issuer, in the codes of this command, and with the options that put it right. */
import { type IssuerErrorCode, isIssuerError } from "@portcullis/issuer";
import { cliError } from "../errors.ts";

type Failure = readonly [code: Parameters<typeof cliError>[0], advice?: string];

const CHECK_ISSUER = "Check --issuer (or PORTCULLIS_ISSUER).";

const FAILURES: Readonly<Record<IssuerErrorCode, Failure>> = {
  invalid_configuration: ["usage", CHECK_ISSUER],
  issuer_unreachable: ["issuer_unreachable", CHECK_ISSUER],
  issuer_timed_out: ["timed_out", "Allow more time with --timeout."],
  issuer_failing: ["issuer_unreachable"],
  issuer_unreadable: ["unreadable_answer", CHECK_ISSUER],
  issuer_mismatch: ["unreadable_answer", CHECK_ISSUER],
  endpoint_missing: ["unreadable_answer", CHECK_ISSUER],
  endpoint_unsafe: ["unreadable_answer"],
  client_not_accepted: [
    "not_accepted",
    "Check --client-id and PORTCULLIS_CLIENT_SECRET (or --client-secret-file).",
  ],
  scope_not_granted: ["insufficient_scope"],
  sign_in_refused: ["refused"],
  sign_in_over: ["not_accepted", "Sign in again: portcullis login."],
  introspection_refused: ["refused"],
  token_refused: ["refused"],
};

/** Runs `work`; a failure of the issuer comes out as one of the command's own. */
export async function sayingItHere<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    if (!isIssuerError(cause)) throw cause;
    const [code, advice] = FAILURES[cause.code];
    throw cliError(code, { text: [cause.message, advice].filter(Boolean).join(" "), cause });
  }
}

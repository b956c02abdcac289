import { errorsOf } from "@portcullis/protocol";

/** `status` is what the command would answer if it were a server; how it ends is in run.ts. */
export const cliError = errorsOf({
  usage: { status: 400, text: "The command line has problems." },
  issuer_unreachable: { status: 503, text: "The issuer cannot be reached." },
  timed_out: { status: 504, text: "The issuer did not answer in time." },
  not_accepted: { status: 401, text: "The issuer does not accept the client." },
  insufficient_scope: { status: 403, text: "The client does not have the scope that this needs." },
  login_busy: { status: 503, text: "Another command is just refreshing the sign-in." },
  refused: { status: 400, text: "The issuer refused the request." },
  not_found: { status: 404, text: "Nothing was found under that name." },
  unreadable_answer: { status: 502, text: "The issuer's answer cannot be read." },
});

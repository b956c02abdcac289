import { errorsOf } from "@portcullis/protocol";

export const revocationsError = errorsOf({
  revocation_not_found: { status: 404, text: "There is no such revocation." },
  log_full: { status: 503, text: "As many revocations are kept as there may be. Nothing was changed." },
});

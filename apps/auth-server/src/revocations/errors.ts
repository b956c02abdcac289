import { errorsOf } from "@portcullis/protocol";

export const revocationsError = errorsOf({
  invalid_request: { status: 400, text: "The request has problems." },
  revocation_not_found: { status: 404, text: "There is no such revocation." },
  temporarily_unavailable: {
    status: 503,
    text: "Nothing was changed. Try again shortly.",
  },
  unknown_record: {
    status: 500,
    text: "The log holds a revocation that this version does not know; a newer version wrote it.",
  },
  log_inconsistent: { status: 500, text: "The revocation log and its counter do not agree." },
});

import { errorsOf } from "@portcullis/protocol";

export const revocationsError = errorsOf({
  invalid_request: { status: 400, text: "The request has problems." },
  other_incarnation: {
    status: 409,
    text: "The log is of another incarnation than the one you follow. Take a new snapshot.",
  },
  ahead_of_head: {
    status: 409,
    text: "You have applied more than the log holds, so the log was rolled back. Take a new snapshot.",
  },
  too_many_leases: {
    status: 429,
    text: "This client holds as many leases as it may. Give back those of verifiers that are gone.",
  },
  too_many_streams: { status: 429, text: "This client has as many streams open as it may." },
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

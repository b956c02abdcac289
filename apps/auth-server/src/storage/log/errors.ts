import { errorsOf } from "@portcullis/protocol";

export const logError = errorsOf({
  invalid_request: { status: 400, text: "The request has problems." },
  temporarily_unavailable: {
    status: 503,
    text: "Nothing was changed. Try again shortly.",
  },
  unknown_record: {
    status: 500,
    text: "The log holds a revocation that a newer version wrote and this version does not understand.",
  },
  /** A copy of it took over, or a backup was restored, without a new incarnation. No allow may rest on it. */
  log_rolled_back: {
    status: 503,
    text: "The database seems to have been restored to an earlier state. Until that is resolved, no verifier may rely on it.",
  },
  /** At start alone. */
  clock_wrong: { status: 500, text: "This machine's clock cannot be right." },
  log_inconsistent: { status: 500, text: "The revocation log and its counter do not agree." },
});

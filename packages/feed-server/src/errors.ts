import { errorsOf } from "@portcullis/protocol";

export const feedError = errorsOf({
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
});

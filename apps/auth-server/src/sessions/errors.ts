import { errorsOf } from "@portcullis/protocol";

export const sessionsError = errorsOf({
  unknown_policy: { status: 404, text: "There is no such policy." },
  session_limit_reached: {
    status: 403,
    text: "You are signed in on as many devices as is allowed. Sign out on one of them first, then sign in here.",
  },
});

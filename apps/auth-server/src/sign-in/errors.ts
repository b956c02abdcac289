import { errorsOf } from "@portcullis/protocol";

export const signInError = errorsOf({
  sign_in_busy: { status: 503, text: "Many people are signing in right now. Try again in a few seconds." },
});

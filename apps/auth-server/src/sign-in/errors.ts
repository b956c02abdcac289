import { errorsOf } from "@portcullis/protocol";

export const signInError = errorsOf({
  sign_in_busy: { status: 503, text: "Many people are signing in right now. Try again in a few seconds." },
  wrong_password: {
    status: 422,
    text: "This is not your password. Nothing was changed.",
  },
  no_password: {
    status: 409,
    text: "You have no password, and so none to give or to change. Nothing was changed.",
  },
  too_many_guesses: {
    status: 429,
    text: "The password was wrong too often in this session. Wait as long as Retry-After says; trying sooner does not help. Nothing was changed.",
  },
  password_not_new: {
    status: 422,
    text: "The new password is the one that you have. Choose another. Nothing was changed.",
  },
});

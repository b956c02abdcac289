import { errorsOf } from "@portcullis/protocol";

export const peopleError = errorsOf({
  unknown_subject: { status: 404, text: "There is no such user." },
  ambiguous_user: { status: 409, text: "That matches more than one user. Nothing was changed." },
  username_taken: { status: 409, text: "Another user has that username. Nothing was changed." },
  email_taken: {
    status: 409,
    text: "Another user has that e-mail address, and it is verified. Nothing was changed.",
  },
  user_differs: {
    status: 409,
    text: "There is such a user already, who differs from the line. Nothing was changed.",
  },
  secrets_need_write: {
    status: 403,
    text: "Password hashes are for those who may set passwords: ask for a token with users.write as well.",
  },
  unknown_device: { status: 404, text: "There is no such known device. Nothing was changed." },
  sub_taken: { status: 409, text: "That sub is somebody's, or was. Nothing was changed." },
});

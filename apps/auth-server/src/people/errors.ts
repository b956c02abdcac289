import { errorsOf } from "@portcullis/protocol";

export const peopleError = errorsOf({
  unknown_subject: { status: 404, text: "There is no such user." },
  ambiguous_user: { status: 409, text: "That matches more than one user. Nothing was changed." },
});

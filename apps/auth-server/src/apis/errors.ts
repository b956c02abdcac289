import { errorsOf } from "@portcullis/protocol";

export const apisError = errorsOf({
  unknown_api: { status: 404, text: "There is no such API." },
  api_exists: { status: 409, text: "There is an API with this identifier already. Nothing was changed." },
  api_not_forgotten: {
    status: 409,
    text: "An API with this identifier was deleted, and it is not yet taken out of all that users have allowed. Nothing was changed. Try again in a minute.",
  },
  built_in_api: { status: 409, text: "The server's own APIs cannot be changed. Nothing was changed." },
});

import { errorsOf } from "@portcullis/protocol";

export const apisError = errorsOf({
  unknown_api: { status: 404, text: "There is no such API." },
  api_exists: { status: 409, text: "There is an API with this identifier already. Nothing was changed." },
  built_in_api: { status: 409, text: "The server's own APIs cannot be changed. Nothing was changed." },
});

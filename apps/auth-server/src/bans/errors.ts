import { errorsOf } from "@portcullis/protocol";

export const bansError = errorsOf({
  unknown_ban: { status: 404, text: "There is no such ban." },
  unknown_permission: { status: 404, text: "The API has no such permission." },
});

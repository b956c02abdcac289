import { errorsOf } from "@portcullis/protocol";

export const sessionsError = errorsOf({
  unknown_policy: { status: 404, text: "There is no such policy." },
});

import { errorsOf } from "@portcullis/protocol";

export const apiError = errorsOf({
  too_many_idempotency_keys: {
    status: 429,
    text: "This caller has used as many Idempotency-Keys in a day as are kept. Nothing was changed. Leave the header out, or come again when the first of them is a day old.",
  },
});

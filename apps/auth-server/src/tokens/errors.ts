import { errorsOf } from "@portcullis/protocol";

export const tokensError = errorsOf({
  unknown_token: { status: 404, text: "There is no such token. Nothing was changed." },
  token_over: {
    status: 409,
    text: "The token has ended, has run out, or was rotated before. Nothing was changed.",
  },
  too_many_tokens: {
    status: 409,
    text: "There are as many tokens that work as one owner may have. End one that is no longer used. Nothing was changed.",
  },
  owner_kept_out: {
    status: 409,
    text: "Whoever would own the token may not use this API at the moment. Nothing was changed.",
  },
});

import { errorsOf } from "@portcullis/protocol";

export const sessionEventsError = errorsOf({
  id_token_refused: {
    status: 401,
    text: "Send a current ID token of this server as a bearer token. This one has expired, or is none of ours.",
  },
  session_is_over: {
    status: 401,
    text: "The session that the ID token names is over.",
  },
  origin_not_registered: {
    status: 403,
    text: "The page's origin is not that of a redirect URI of the app that the ID token was made for. Register a redirect URI there.",
  },
});

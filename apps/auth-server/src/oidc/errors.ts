import { errorsOf } from "@portcullis/protocol";

export const oidcError = errorsOf({
  session_taken: {
    status: 409,
    text: "Somebody else has signed in to this browser in the meantime. Start again.",
  },
  session_over: { status: 400, text: "Your session has ended. Sign in again." },
  interaction_expired: {
    status: 400,
    text: "This page was open for too long, or has already been used. Go back to the app and start again.",
  },
  unknown_consent: { status: 404, text: "The user has allowed this app nothing, and it has no access." },
  unknown_session: { status: 404, text: "There is no such session." },
  unknown_grant: { status: 404, text: "There is no such grant." },
  unknown_audience: { status: 404, text: "There is no such API." },
  unknown_key: { status: 404, text: "There is no such signing key." },
  unknown_organization: { status: 404, text: "There is no such organization." },
  /** It would tell apps, and their users, of something that does not last: they could come back at once. */
  reason_not_true: { status: 409, text: "The reason given is not true. Nothing was changed." },
  app_keys_unavailable: {
    status: 503,
    text: "The app's keys cannot be fetched from its jwksUri right now.",
  },
  unknown_model: {
    status: 500,
    text: "The OpenID Connect library asked for something that this server does not store.",
  },
  /** The next three are turned into the library's `invalid_grant` and `invalid_request_uri`. */
  already_spent: { status: 400, text: "This has already been used." },
  already_seen: { status: 400, text: "This was already sent." },
  parent_ended: { status: 400, text: "The session or authorization that this belongs to has ended." },
});

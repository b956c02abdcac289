import { errorsOf } from "@portcullis/protocol";

export const oidcError = errorsOf({
  session_taken: { status: 409, text: "Somebody else signed in in this browser meanwhile. Start again." },
  session_over: { status: 400, text: "Your session has ended. Sign in again." },
  interaction_expired: {
    status: 400,
    text: "This page was open for too long, or was used already. Go back to the app and start again.",
  },
  form_not_ours: { status: 403, text: "This form did not come from our page. Go back and try again." },
  unknown_session: { status: 404, text: "There is no such session." },
  unknown_grant: { status: 404, text: "There is no such grant." },
  unknown_client: { status: 404, text: "There is no such client." },
  unknown_audience: { status: 404, text: "There is no such API." },
  unknown_key: { status: 404, text: "There is no such signing key." },
  unknown_organization: { status: 404, text: "There is no such organization." },
  removals_not_accepted: {
    status: 500,
    text: "The configuration file would remove more than half of the clients. Nothing was changed.",
  },
  own_app: { status: 409, text: "An app cannot disable itself. Nothing was changed." },
  app_removed: { status: 409, text: "The app is no longer in the configuration file. Nothing was changed." },
  /** It would tell apps, and their users, of something that does not last: they could come back at once. */
  reason_not_true: { status: 409, text: "The reason claims a state that is not so. Nothing was changed." },
  sign_out_app_unknown: {
    status: 400,
    text: "The app that sent you here is not registered with this server. Nothing was ended. You can sign out in your account.",
  },
  sign_out_hint_refused: {
    status: 400,
    text: "The app that sent you here did not say whom to sign out in a way that can be checked (id_token_hint). Nothing was ended. You can sign out in your account.",
  },
  sign_out_target_refused: {
    status: 400,
    text: "The app that sent you here asked to lead you on to an address that is not its own (post_logout_redirect_uri). Nothing was ended. You can sign out in your account.",
  },
  sign_out_request_unclear: {
    status: 400,
    text: "The app that sent you here asked for one thing twice. Nothing was ended. You can sign out in your account.",
  },
  unknown_model: {
    status: 500,
    text: "The library asks for a kind of artefact that this server does not keep.",
  },
  /** The next three are turned into the library's `invalid_grant` and `invalid_request_uri`. */
  already_spent: { status: 400, text: "This was used already." },
  already_seen: { status: 400, text: "This was sent before." },
  parent_ended: { status: 400, text: "What this was to hang below has ended." },
});

import { errorsOf } from "@portcullis/protocol";

export const signOutError = errorsOf({
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
});

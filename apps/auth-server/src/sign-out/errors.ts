import { errorsOf } from "@portcullis/protocol";

export const signOutError = errorsOf({
  sign_out_app_unknown: {
    status: 400,
    text: "The app that sent you here is not available on this server. You were not signed out. You can sign out on your account page.",
  },
  sign_out_hint_refused: {
    status: 400,
    text: "The app that sent you here sent a sign-out request that is not valid (id_token_hint). You were not signed out. You can sign out on your account page.",
  },
  sign_out_target_refused: {
    status: 400,
    text: "The app that sent you here asked to send you on to an address that is not registered for it (post_logout_redirect_uri). You were not signed out. You can sign out on your account page.",
  },
  sign_out_request_unclear: {
    status: 400,
    text: "The app that sent you here sent a parameter twice. You were not signed out. You can sign out on your account page.",
  },
});

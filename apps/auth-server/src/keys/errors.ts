import { errorsOf } from "@portcullis/protocol";

export const keysError = errorsOf({
  no_signing_key: { status: 503, text: "There is no signing key right now." },
  /** The token was signed, or about to be, when its key was retired: it must not leave this server. */
  signing_key_retired: { status: 503, text: "The signing key was retired in the meantime. Try again." },
});

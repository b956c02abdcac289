import { errorsOf } from "@portcullis/protocol";

export const appsError = errorsOf({
  unknown_client: { status: 404, text: "There is no such client." },
  client_exists: {
    status: 409,
    text: "There is, or was, an app with this client_id: it is never given again. Nothing was changed.",
  },
  own_app: {
    status: 409,
    text: "An app cannot disable or delete itself, nor take away its last secret. Nothing was changed.",
  },
  built_in_app: {
    status: 409,
    text: "An app that is built in can be disabled, and neither changed nor deleted. Nothing was changed.",
  },
  unknown_secret: { status: 404, text: "There is no such secret." },
  too_many_secrets: {
    status: 409,
    text: "An app has two secrets at a time, and no more. Nothing was changed.",
  },
  secret_expired: { status: 400, text: "expiresAt is past; give a time to come. Nothing was changed." },
  not_yours_to_give: {
    status: 403,
    text: "The app can do here what the caller cannot: it has permissions or powers that the caller has not. Nothing was changed.",
  },
  no_secrets: {
    status: 409,
    text: "Only an app whose clientAuthentication is secret has secrets. Nothing was changed.",
  },
});

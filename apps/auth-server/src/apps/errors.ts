import { errorsOf } from "@portcullis/protocol";

export const appsError = errorsOf({
  unknown_client: { status: 404, text: "There is no such client." },
  removals_not_accepted: {
    status: 500,
    text: "The configuration file would remove more than half of the clients. Nothing was changed.",
  },
  own_app: { status: 409, text: "An app cannot disable itself. Nothing was changed." },
  app_removed: { status: 409, text: "The app is no longer in the configuration file. Nothing was changed." },
});

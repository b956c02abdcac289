import { errorsOf } from "@portcullis/protocol";

export const configurationError = errorsOf({
  configuration_unreadable: { status: 500, text: "The configuration file cannot be read." },
  configuration_invalid: { status: 500, text: "The configuration is not valid." },
});

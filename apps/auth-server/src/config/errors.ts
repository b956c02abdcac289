import { errorsOf } from "@portcullis/protocol";

export const configurationError = errorsOf({
  configuration_invalid: { status: 500, text: "The configuration is not valid." },
});

import { errorsOf } from "@portcullis/protocol";

export const pagesError = errorsOf({
  form_not_ours: { status: 403, text: "This form did not come from our page. Go back and try again." },
});

import { errorsOf } from "@portcullis/protocol";

export const rolesError = errorsOf({
  unknown_role: { status: 404, text: "There is no such role." },
  last_administrator: {
    status: 409,
    text: "That is the last administrator who can sign in. Nothing was changed.",
  },
  setup_link_spent: {
    status: 404,
    text: "This link is not good, or not any more: it has been used, it is older than a day, or there is an administrator. A server that has none makes a new link when it starts.",
  },
  administrator_needed: {
    status: 403,
    text: "Only an administrator, or a client that has every scope of this API, may do this. Nothing was changed.",
  },
});

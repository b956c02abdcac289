import { errorsOf } from "@portcullis/protocol";

export const outboxError = errorsOf({
  unknown_delivery: { status: 404, text: "There is no such delivery." },
  delivery_not_dead: { status: 409, text: "Only a delivery that is dead can be tried again." },
  delivery_over: { status: 409, text: "The delivery is over: there is nothing to drop." },
});

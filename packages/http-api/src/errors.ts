import { errorsOf } from "@portcullis/protocol";

export const httpApiError = errorsOf({
  invalid_request: { status: 400, text: "The request has problems." },
  server_error: { status: 500, text: "Something failed here; it was logged." },
  route_not_declared: { status: 500, text: "The declaration of a route is not whole." },
});

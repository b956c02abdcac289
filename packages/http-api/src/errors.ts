import { errorsOf } from "@portcullis/protocol";

export const httpApiError = errorsOf({
  invalid_request: { status: 400, text: "The request has problems." },
  insufficient_user_authentication: {
    status: 401,
    text: "The person has signed in too long ago for this. Send the person to sign in again, with the max_age of the challenge, and call with the new token.",
  },
  not_found: { status: 404, text: "There is nothing at this path." },
  method_not_allowed: { status: 405, text: "This path has other methods: those that Allow names." },
  precondition_failed: {
    status: 412,
    text: "It was changed since: its version is none of those in If-Match. Read it again.",
  },
  idempotency_key_in_progress: {
    status: 409,
    text: "A call with this Idempotency-Key is being made at the moment. Come again for its answer.",
  },
  idempotency_key_reused: {
    status: 422,
    text: "This Idempotency-Key was used for another call. Take a new one for each call.",
  },
  server_error: { status: 500, text: "Something failed here; it was logged." },
  route_not_declared: { status: 500, text: "The declaration of a route is not whole." },
});

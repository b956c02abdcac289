import { type ErrorDefinition, PortcullisError } from "@portcullis/protocol";

/** A refusal (429 or 503) that knows when another try is of use: in `Retry-After`, which else says one second. */
export class RetryLaterError extends PortcullisError {
  readonly retryAfterSeconds: number;

  constructor(definition: ErrorDefinition, retryAfterSeconds: number) {
    super(definition);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

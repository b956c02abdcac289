/**
 * How every package says that something went wrong: a stable `code` to branch on, a public text that may
 * travel to the other side, a private `detail` that may not, the HTTP status it maps to, and the `cause`.
 */
export class PortcullisError<Code extends string = string> extends Error {
  override readonly name: string = "PortcullisError";
  readonly code: Code;
  readonly status: number;
  readonly detail: string | undefined;

  constructor(definition: { code: Code; status: number; text: string }, options: ErrorDetails = {}) {
    super(
      options.text ?? definition.text,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = definition.code;
    this.status = definition.status;
    this.detail = options.detail;
  }
}

export interface ErrorDetails {
  /** Public text that replaces the catalogue's, when a value or a field must be named. */
  readonly text?: string;
  /** For logs only. Never a token, code, password, cookie or key. */
  readonly detail?: string;
  readonly cause?: unknown;
}

export type ErrorCatalogue<Code extends string> = Readonly<Record<Code, { status: number; text: string }>>;

/** A package's one catalogue: gives the function that makes its errors. */
export function errorsOf<Code extends string>(catalogue: ErrorCatalogue<Code>) {
  return (code: Code, details?: ErrorDetails): PortcullisError<Code> =>
    new PortcullisError({ code, ...catalogue[code] }, details);
}

export function hasCode<Code extends string>(error: unknown, code: Code): error is PortcullisError<Code> {
  return error instanceof PortcullisError && error.code === code;
}

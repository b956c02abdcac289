/**
 * How every package says that something went wrong: a stable `code` to branch on, a public text that may
 * travel to the other side, a private `detail` that may not, the HTTP status it maps to, and the `cause`.
 */
export class PortcullisError<Code extends string = string> extends Error {
  override readonly name: string = "PortcullisError";
  readonly code: Code;
  readonly status: number;
  readonly detail: string | undefined;

  constructor(definition: ErrorDefinition<Code>, options: ErrorDetails = {}) {
    super(
      options.text ?? definition.text,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = definition.code;
    this.status = definition.status;
    this.detail = options.detail;
  }
}

/** One entry of a catalogue, with its code. */
export interface ErrorDefinition<Code extends string = string> {
  readonly code: Code;
  readonly status: number;
  readonly text: string;
}

export interface ErrorDetails {
  /** Public text that replaces the catalogue's, when a value or a field must be named. */
  readonly text?: string;
  /** For logs only. Never a token, code, password, cookie or key. */
  readonly detail?: string;
  readonly cause?: unknown;
}

export type ErrorCatalogue<Code extends string> = Readonly<Record<Code, { status: number; text: string }>>;

/** Makes the errors of one catalogue, and says what each of them is. */
export interface ErrorMaker<Code extends string> {
  (code: Code, details?: ErrorDetails): PortcullisError<Code>;
  /** What these errors are, for whoever tells beforehand that they can happen. */
  definitions(...codes: readonly Code[]): readonly ErrorDefinition<Code>[];
}

/** Returns the function that makes the errors of a package's one catalogue. */
export function errorsOf<Code extends string>(catalogue: ErrorCatalogue<Code>): ErrorMaker<Code> {
  const definitionOf = (code: Code): ErrorDefinition<Code> => ({ code, ...catalogue[code] });
  const make = (code: Code, details?: ErrorDetails) => new PortcullisError(definitionOf(code), details);
  return Object.assign(make, { definitions: (...codes: readonly Code[]) => codes.map(definitionOf) });
}

/** The codes of a catalogue, as a union. */
export type CodeOf<Catalogue> = keyof Catalogue & string;

/**
 * Returns the question whether an error is of this catalogue: where it says yes, `error.code` is a union that a `switch`
 * can be exhaustive over. Packages share the class, so that it is the code that is asked, and never a name or a text.
 */
export function isErrorOf<Code extends string>(catalogue: ErrorCatalogue<Code>) {
  return (error: unknown): error is PortcullisError<Code> =>
    error instanceof PortcullisError && Object.hasOwn(catalogue, error.code);
}

/** Returns whether an error is of ours and has this code. */
export function hasCode<Code extends string>(error: unknown, code: Code): error is PortcullisError<Code> {
  return error instanceof PortcullisError && error.code === code;
}

/** What this package itself throws. */
export const PROTOCOL_ERRORS = {
  malformed_records: { status: 502, text: "The revocation feed sent records that cannot be read." },
  malformed_snapshot: { status: 502, text: "The revocation feed sent a snapshot that cannot be read." },
} as const;

export type ProtocolErrorCode = CodeOf<typeof PROTOCOL_ERRORS>;
export type ProtocolError = PortcullisError<ProtocolErrorCode>;

export const protocolError = errorsOf(PROTOCOL_ERRORS);
export const isProtocolError = isErrorOf(PROTOCOL_ERRORS);

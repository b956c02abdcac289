import { PortcullisError } from "@portcullis/protocol";

interface FailureDescription {
  readonly message: string;
  readonly code?: string;
  readonly detail?: string;
  /** Code of what is at the bottom of it, for example ECONNREFUSED. */
  readonly cause?: string;
}

/** What may be logged of a failure: codes and texts, never what it carries. */
export function describeFailure(error: unknown): FailureDescription {
  if (!(error instanceof Error)) return { message: "not an error" };
  const code = codeOf(error);
  const cause = rootCode(error.cause);
  const detail = error instanceof PortcullisError ? error.detail : undefined;
  return {
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
    ...(cause === undefined ? {} : { cause }),
  };
}

const codeOf = (error: Error): string | undefined =>
  "code" in error && typeof error.code === "string" ? error.code : undefined;

function rootCode(cause: unknown, depth = 0): string | undefined {
  if (!(cause instanceof Error) || depth > 5) return undefined;
  return rootCode(cause.cause, depth + 1) ?? codeOf(cause);
}

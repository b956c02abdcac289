import { PortcullisError } from "@portcullis/protocol";

export interface Problem {
  /** Dotted path, or `body`, or the name of a header. */
  readonly field: string;
  readonly message: string;
}

/** A request with something wrong in it, with everything that is wrong. */
export class ProblemsError extends PortcullisError<"invalid_request"> {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(({ field, message }) => `${field}: ${message}`);
    const text = lines.map((line, at) => (at < lines.length - 1 ? apart(line) : line)).join(" ");
    super({ code: "invalid_request", status: 400, text });
    this.problems = problems;
  }
}

/** What is no sentence would run into the problem after it. */
const apart = (line: string): string => (line.endsWith(".") ? line : `${line};`);

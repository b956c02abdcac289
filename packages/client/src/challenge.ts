/**
 * `WWW-Authenticate` as RFC 9110 writes it (section 11.6.1): a list of challenges, each a scheme with either a
 * token68 or a list of parameters, both lists separated by the same comma.
 */
export interface Challenge {
  /** Lower case: schemes are compared without case. */
  readonly scheme: string;
  readonly token68?: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const SEPARATORS = /[ \t,]*/y;
const SCHEME = /([!#$%&'*+\-.^_`|~\w]+)(?: +|(?=[ \t]*(?:,|$)))/y;
const TOKEN68 = /([\w\-.~+/]+=*)(?=[ \t]*(?:,|$))/y;
const PARAMETER =
  /([!#$%&'*+\-.^_`|~\w]+)[ \t]*=[ \t]*(?:([!#$%&'*+\-.^_`|~\w]+)|"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\uffff]|\\[\t \x21-\x7e\x80-\uffff])*)")(?=[ \t]*(?:,|$))/y;

/**
 * All challenges of one field value (several fields joined by `, ` read the same), or undefined when it is not
 * what the RFC allows. A half-read challenge is not given out: a duplicated or cut-off `mode` must not decide
 * whether somebody is signed out.
 */
export function parseChallenges(field: string): readonly Challenge[] | undefined {
  const scanner = new Scanner(field);
  const challenges: Challenge[] = [];
  scanner.take(SEPARATORS);
  while (!scanner.atEnd) {
    const challenge = readChallenge(scanner);
    if (challenge === undefined) return undefined;
    challenges.push(challenge);
  }
  return challenges;
}

function readChallenge(scanner: Scanner): Challenge | undefined {
  const scheme = scanner.take(SCHEME)?.[1]?.toLowerCase();
  if (scheme === undefined) return undefined;
  const token68 = scanner.take(TOKEN68)?.[1];
  if (token68 !== undefined) {
    scanner.take(SEPARATORS);
    return { scheme, token68, parameters: new Map() };
  }
  const parameters = readParameters(scanner);
  return parameters === undefined ? undefined : { scheme, parameters };
}

function readParameters(scanner: Scanner): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  scanner.take(SEPARATORS);
  for (let match = scanner.take(PARAMETER); match !== undefined; match = scanner.take(PARAMETER)) {
    const name = match[1]!.toLowerCase();
    if (parameters.has(name)) return undefined;
    parameters.set(name, match[2] ?? match[3]!.replace(/\\(.)/g, "$1"));
    scanner.take(SEPARATORS);
  }
  return parameters;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** What the sticky pattern matches here, stepping over it; otherwise undefined, staying. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }
}

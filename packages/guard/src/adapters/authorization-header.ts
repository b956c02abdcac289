/**
 * Every Authorization header of a request. Node's `request.headers` keeps the first and drops the others
 * without a word, so that we would judge one token while something else reads another.
 */
export function authorizationHeaders(rawHeaders: readonly string[]): string | readonly string[] | undefined {
  let found: string | string[] | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!isAuthorization(rawHeaders[at]!)) continue;
    const value = rawHeaders[at + 1]!;
    if (found === undefined) found = value;
    else found = typeof found === "string" ? [found, value] : [...found, value];
  }
  return found;
}

function isAuthorization(name: string): boolean {
  return name.length === 13 && (name === "Authorization" || name.toLowerCase() === "authorization");
}

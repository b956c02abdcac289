const ABOUT_THE_BODY =
  /^(?:content-.*|etag|last-modified|transfer-encoding|trailer|location|set-cookie|cache-control|expires)$/i;

/**
 * When a denial takes the place of a response, what the handler said of its body, and the cookies it set,
 * must not go out with it. Others stay: without its CORS headers a browser could not read the denial.
 */
export function headersToDrop(names: readonly string[]): readonly string[] {
  return names.filter((name) => ABOUT_THE_BODY.test(name));
}

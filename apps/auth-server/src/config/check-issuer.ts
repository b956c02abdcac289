import { isLoopback } from "@portcullis/protocol";

const PATH = /^(?:\/[A-Za-z0-9._~-]+)*$/;

/** What is wrong with a URL as the issuer, if anything: what follows from the issuer is not looked at before it is right. */
export function problemOfIssuer(issuer: string): string | undefined {
  const url = URL.parse(issuer);
  if (url === null) return undefined;
  // As it is compared: to the letter, with the `iss` of each token.
  if (url.origin + url.pathname.replace(/\/$/, "") !== issuer || !PATH.test(issuer.slice(url.origin.length)))
    return `must be an origin, such as ${url.origin}, or one with a path, such as ${url.origin}/auth: no slash at the end, and nothing but letters, digits and -._~ between the slashes`;
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname))) return undefined;
  return "must be https; plain http is for loopback addresses only, since tokens travel over it";
}

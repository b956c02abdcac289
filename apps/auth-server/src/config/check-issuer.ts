import { isLoopback } from "@portcullis/protocol";

/** What is wrong with a URL as the issuer, if anything: what follows from the issuer is not looked at before it is right. */
export function problemOfIssuer(issuer: string): string | undefined {
  const url = URL.parse(issuer);
  if (url === null) return undefined;
  if (url.origin !== issuer) {
    return `must be an origin alone, such as ${url.origin}: no path, no slash at the end`;
  }
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname))) return undefined;
  return "must be https; plain http is for loopback addresses only, since tokens travel over it";
}

import { isLoopback, isNormalizedUrl } from "@portcullis/protocol";

/** Schemes that run or read something in the browser instead of going somewhere. */
const DANGEROUS = new Set(["javascript:", "data:", "vbscript:", "file:", "blob:", "about:", "filesystem:"]);

/**
 * What is wrong with a redirect URI that is to be registered, if anything. Requests are compared with it as
 * text, character by character, so it must be written in its one normal form: a URI that a browser reads
 * differently than it is written could send a code to another place than the operator saw.
 */
export function problemOfRedirectUri(uri: string, type: "web" | "native" = "web"): string | undefined {
  if (!URL.canParse(uri)) return "must be an absolute URI";
  const url = new URL(uri);
  if (DANGEROUS.has(url.protocol)) return `must have another scheme: ${url.protocol} runs in the browser`;
  if (uri.includes("#")) return "must not have a fragment (RFC 6749, section 3.1.2)";
  if (url.username !== "" || url.password !== "") return "must not have a user or a password";
  if (url.protocol === "http:" || url.protocol === "https:") {
    return problemOfWebUri(uri, url) ?? (type === "native" ? problemOfNativeUri(url) : undefined);
  }
  if (type !== "native") return 'has a private-use scheme, which needs type: "native" of its client';
  // RFC 8252, section 7.1: a private-use scheme is a reversed domain name, so that two apps do not share one.
  return url.protocol.includes(".") ? undefined : "a private-use scheme must be a reversed domain name";
}

function problemOfWebUri(uri: string, url: URL): string | undefined {
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return "must be https; plain http is for loopback addresses only";
  }
  return isNormalizedUrl(uri) ? undefined : `must be written in its normal form, ${url.href}`;
}

/** What the library refuses at `/authorize`, and every sign-in would end there. */
function problemOfNativeUri({ protocol, hostname }: URL): string | undefined {
  const isPlain = protocol === "http:";
  if (isPlain === LOOPBACKS.includes(hostname)) return undefined;
  return isPlain
    ? "must be of 127.0.0.1, [::1] or localhost, for a native app"
    : "must not be https to this machine, for a native app";
}

const LOOPBACKS = ["127.0.0.1", "[::1]", "localhost"];

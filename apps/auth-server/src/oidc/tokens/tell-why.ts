/** Members of an error beside the standard ones (RFC 6749, section 5.2), whose texts are ASCII and in English: an app may tell its user. */
import type { SessionEnded } from "@portcullis/protocol";
import type { KoaContextWithOIDC } from "oidc-provider";

export type Told = SessionEnded;

/** After the library has made its own answer, which has room for the standard members alone. */
export function tellWhy(ctx: KoaContextWithOIDC, error: Error & { readonly told?: Told }): void {
  if (error.told !== undefined && ctx.response.is("json"))
    ctx.body = { ...(ctx.body as object), ...error.told };
}

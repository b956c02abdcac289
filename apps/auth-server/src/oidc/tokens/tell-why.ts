/** Members of an error beside the standard ones (RFC 6749, section 5.2), whose texts are ASCII and in English: an app may tell its user. */
import { DENIALS } from "@portcullis/guard";
import type { SessionEnded } from "@portcullis/protocol";
import { errors, type KoaContextWithOIDC } from "oidc-provider";
import { requestState } from "../request-state.ts";

export type Told = SessionEnded;

/** After the library has made its own answer, which has room for the standard members alone. */
export function tellWhy(ctx: KoaContextWithOIDC, error: Error & { readonly told?: Told }): void {
  if (error.told !== undefined && ctx.response.is("json"))
    ctx.body = { ...(ctx.body as object), ...error.told };
}

/**
 * Tells the bearer of a dead token at UserInfo why it is dead, as guards tell it. Without a reason where none is known: the token has run
 * out, was never one, or is an opaque one that was deleted with what it hung below.
 */
export function tellOfDeadToken(ctx: KoaContextWithOIDC, error: Error): void {
  const { deadToken } = requestState(ctx);
  if (deadToken === undefined || !(error instanceof errors.InvalidToken)) return;
  const { reason, mode } = deadToken;
  const { error: code, text } = DENIALS[mode === "kill" ? "killed" : "stale"];
  const told = `error="${code}", error_description="${text}", reason="${reason}", mode="${mode}"`;
  ctx.set("WWW-Authenticate", `Bearer realm="${ctx.oidc.issuer}", ${told}`);
  if (ctx.response.is("json")) ctx.body = { error: code, error_description: text, reason, mode };
}

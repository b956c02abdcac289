/**
 * RFC 7009 and RFC 7662 for JWT access tokens. The library refuses these with `unsupported_token_type`, but only
 * after it has authenticated the client and checked the request: this middleware, around the library, takes over
 * from that very refusal. Any other error stays what it is.
 */
import type { InactiveToken } from "@portcullis/protocol";
import { errors, type KoaContextWithOIDC, type Provider } from "oidc-provider";
import type { Configuration } from "../../config/load.ts";
import type { LocalRevocations, Revoker } from "../../revocations/index.ts";
import { noteRevocation } from "../endings/endings.ts";
import { requestState } from "../request-state.ts";
import { verdictOf } from "./local-verdict.ts";
import type { OwnToken, VerifyOwnToken } from "./own-token.ts";
import { mayIntrospect, mayRevoke, NOT_YOURS_TO_REVOKE, type TokenOwner } from "./token-policy.ts";

export interface JwtEndpointOptions {
  readonly verify: VerifyOwnToken;
  readonly revoker: Revoker;
  readonly local: LocalRevocations;
  /** Newest seq of the log. */
  readonly head: () => number;
  readonly configuration: Configuration;
}

type Answer = (ctx: KoaContextWithOIDC, options: JwtEndpointOptions) => Promise<void>;

const ANSWERS: Readonly<Record<string, Answer>> = { revocation: revoke, introspection: introspect };

export function answerForJwts(provider: Provider, options: JwtEndpointOptions): void {
  const remember = (ctx: KoaContextWithOIDC, error: Error) => {
    requestState(ctx).refusal = error;
  };
  provider.on("revocation.error", remember);
  provider.on("introspection.error", remember);
  provider.use(async (ctx, next) => {
    await next();
    const { oidc } = ctx as Partial<KoaContextWithOIDC>;
    // For clients that read each answer as JSON; and it says of no token which kind it is.
    if (oidc?.route === "revocation" && ctx.body === "") ctx.type = "json";
    if (!(requestState(ctx).refusal instanceof errors.UnsupportedTokenType)) return;
    const answer = ANSWERS[(ctx as KoaContextWithOIDC).oidc.route];
    await answer?.(ctx as KoaContextWithOIDC, options);
  });
}

/**
 * What is not a valid token of ours needs no revoking, and its sender learns nothing (RFC 7009, section 2.2). Valid is
 * what a verifier may still take: one whose clock is a skew behind takes it for a skew longer by that.
 */
async function revoke(ctx: KoaContextWithOIDC, options: JwtEndpointOptions): Promise<void> {
  const token = await options.verify(tokenOf(ctx), 2 * options.configuration.clockSkewSeconds);
  if (token !== undefined && !mayRevoke(ctx.oidc.client!, ownerOf(token))) {
    answer(ctx, 400, { error: "invalid_request", error_description: NOT_YOURS_TO_REVOKE });
    return;
  }
  if (token !== undefined) noteRevocation(ctx, await seqOfEnding(token, options));
  answer(ctx, 200, "");
}

/** One line for each token: whoever holds one could fill the log, and every verifier's memory, by repeating it. */
async function seqOfEnding(token: OwnToken, { local, head, revoker }: JwtEndpointOptions): Promise<number> {
  // Whatever denies it already is not after the head: a receipt for the head covers it.
  if (verdictOf(local, token.claims, token) === "killed") return head();
  const { jti, exp, client_id } = token.claims;
  const { seq } = await revoker.revoke({
    scope: "token",
    key: jti,
    mode: "kill",
    reason: "revoked",
    tokenExpiresAt: exp,
    actor: client_id,
  });
  return seq;
}

async function introspect(ctx: KoaContextWithOIDC, { verify, local }: JwtEndpointOptions): Promise<void> {
  const token = await verify(tokenOf(ctx));
  const isTold = token !== undefined && mayIntrospect(ctx.oidc.client!, ownerOf(token));
  answer(ctx, 200, isTold ? answerAbout(token, local) : INACTIVE);
}

const INACTIVE: InactiveToken = { active: false };

/**
 * Returns what is told of a token that the client may ask about. A verifier that has lost the log asks here, and its caller is to learn why the
 * token is dead all the same. Of claims that have only changed nothing is told: its holder refreshes it.
 */
function answerAbout(token: OwnToken, local: LocalRevocations): object {
  const verdict = local.verdict(local.coordinatesOf(token.claims, token));
  if (verdict.outcome === "allow") return { ...token.claims, active: true, token_type: "Bearer" };
  return verdict.outcome === "killed" ? { active: false, reason: verdict.reason } : INACTIVE;
}

const ownerOf = ({ claims }: OwnToken): TokenOwner => ({ clientId: claims.client_id, audience: claims.aud });

const tokenOf = (ctx: KoaContextWithOIDC): string => (ctx.oidc.params as { token: string }).token;

function answer(ctx: KoaContextWithOIDC, status: number, body: string | object): void {
  ctx.body = body;
  ctx.status = status;
  ctx.type = "json";
}

/**
 * RFC 7662 and RFC 7009 for tokens for scripts (tokens/). The library authenticates the client and checks the request, finds no such token
 * of its own, and says so: this middleware, around the library, puts the answer in the place of that.
 *
 * The head of the log is sampled first, and then rows are read: whatever ends the token after that has a greater seq, and a verifier that
 * keeps the answer refuses it by the log (`rv`). Sampled after the rows, an ending between the two would be seen by nobody.
 */
import { isIP } from "node:net";
import {
  CLIENT_ADDRESS_HEADER,
  type InactiveToken,
  type IntrospectedToken,
  looksLikeOpaqueToken,
  opaqueTokenKind,
  PERSONAL_TOKEN_CLIENT,
} from "@portcullis/protocol";
import type { Client, KoaContextWithOIDC, Provider } from "oidc-provider";
import type { LocalRevocations, Revoker } from "../../revocations/index.ts";
import type { LastUsed } from "../../tokens/last-used.ts";
import { type Rights, type Standing, standingOf } from "../../tokens/rights.ts";
import type { ScriptTokens, StoredToken } from "../../tokens/script-tokens.ts";
import { noteRevocation } from "../endings/endings.ts";
import { verdictOf } from "./local-verdict.ts";
import { mayIntrospect } from "./token-policy.ts";

export interface ScriptTokenEndpointOptions {
  readonly scriptTokens: Pick<ScriptTokens, "resolve" | "isLive">;
  readonly lastUsed: Pick<LastUsed, "note">;
  readonly rights: Rights;
  readonly revoker: Pick<Revoker, "revoke">;
  readonly local: LocalRevocations;
  /** Newest seq of the log. */
  readonly head: () => number;
  readonly issuer: string;
  /** Seconds. */
  readonly now: () => number;
}

type Answer = (ctx: KoaContextWithOIDC, text: string, options: ScriptTokenEndpointOptions) => Promise<void>;

const ANSWERS: Readonly<Record<string, Answer>> = { revocation: revoke, introspection: introspect };

export function answerForScriptTokens(provider: Provider, options: ScriptTokenEndpointOptions): void {
  provider.use(async (ctx, next) => {
    await next();
    const { oidc } = ctx as KoaContextWithOIDC;
    const text = (oidc?.params as { token?: string } | undefined)?.token;
    // Refused before it was looked at: the client is not who it says, or the request is malformed.
    if (ctx.status !== 200 || text === undefined || !looksLikeOpaqueToken(text)) return;
    await ANSWERS[oidc.route]?.(ctx as KoaContextWithOIDC, text, options);
  });
}

/**
 * Whoever holds a token may end it, through whatever client: a scanner for secrets that has found one is no client of its owner. A thief
 * could only end what was stolen. What is no token is answered in the same way (RFC 7009, section 2.2).
 */
async function revoke(
  ctx: KoaContextWithOIDC,
  text: string,
  options: ScriptTokenEndpointOptions,
): Promise<void> {
  const token = await found(text, options);
  if (token === undefined) return;
  const { seq } = await options.revoker.revoke({
    scope: "token",
    key: token.id,
    mode: "kill",
    reason: "revoked",
    actor: ctx.oidc.client!.clientId,
  });
  noteRevocation(ctx, seq);
}

async function introspect(
  ctx: KoaContextWithOIDC,
  text: string,
  options: ScriptTokenEndpointOptions,
): Promise<void> {
  ctx.body = await answerTo(ctx, text, options);
}

/** Junk reaches no database: a wrong checksum is told by itself. */
const found = async (text: string, { scriptTokens }: ScriptTokenEndpointOptions) =>
  opaqueTokenKind(text) === undefined ? undefined : scriptTokens.resolve(text);

const UNKNOWN: InactiveToken = { active: false };
/** Its time to work beside its successor is over. */
const REPLACED: InactiveToken = { active: false, reason: "replaced" };

async function answerTo(
  ctx: KoaContextWithOIDC,
  text: string,
  options: ScriptTokenEndpointOptions,
): Promise<IntrospectedToken | InactiveToken> {
  const rv = options.head();
  const token = await found(text, options);
  const client = ctx.oidc.client!;
  if (token === undefined) return UNKNOWN;
  const isTold = mayIntrospect(client, { clientId: clientOf(token), audience: token.api });
  if (!isTold && !(await isOver(token, client, options))) return UNKNOWN;
  if (token.ended !== undefined) return { active: false, reason: token.ended.reason };
  if (!options.scriptTokens.isLive(token)) return token.rotatedTo === null ? UNKNOWN : REPLACED;
  const standing = await standingOf(options.rights, token);
  if ("reason" in standing) return { active: false, reason: standing.reason };
  const claims = claimsOf(token, standing, { ...options, rv });
  // What was refused by its `jti` alone, without being looked up here.
  if (verdictOf(options.local, claims) === "killed") return { active: false, reason: "revoked" };
  options.lastUsed.note(token.id, { via: client.clientId, address: addressOf(ctx) });
  return claims;
}

/**
 * An API that was deleted is no client's any more. Its verifiers would take the silence about its tokens for an outage, and answer 503 for
 * tokens that are dead.
 */
const isOver = async (
  token: StoredToken,
  client: Client,
  { rights }: Pick<ScriptTokenEndpointOptions, "rights">,
): Promise<boolean> =>
  token.ended !== undefined &&
  client.clientAuthMethod !== "none" &&
  (await rights.apis.findEnabled(token.api)) === undefined;

/** Personal tokens were issued through no app. */
const clientOf = ({ kind, ownerId }: StoredToken): string =>
  kind === "key" ? ownerId : PERSONAL_TOKEN_CLIENT;

/** Of one that has no end: it is asked about anew within the hour. */
const ENDLESS_SECONDS = 3600;

function claimsOf(
  token: StoredToken,
  { permissions, user }: Exclude<Standing, { readonly reason: unknown }>,
  { issuer, now, rv }: Pick<ScriptTokenEndpointOptions, "issuer" | "now"> & { readonly rv: number },
): IntrospectedToken {
  const { id, name, ownerId, api, createdAt, expiresAt, allowedAddresses } = token;
  return {
    active: true,
    token_type: "Bearer",
    iss: issuer,
    sub: ownerId,
    client_id: clientOf(token),
    ...(user?.username ? { username: user.username } : {}),
    aud: [api],
    scope: permissions.join(" "),
    iat: createdAt,
    exp: expiresAt ?? now() + ENDLESS_SECONDS,
    jti: id,
    rv,
    name,
    ...(allowedAddresses === undefined ? {} : { allowed_addresses: [...allowedAddresses] }),
  };
}

/** Where the token was used from, as the verifier says: shown to its owner, and nothing is decided by it. */
function addressOf(ctx: KoaContextWithOIDC): string | undefined {
  const text = ctx.get(CLIENT_ADDRESS_HEADER);
  return isIP(text) === 0 ? undefined : text;
}

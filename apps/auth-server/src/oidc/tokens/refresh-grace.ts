/**
 * Refresh tokens rotate, and two tabs that refresh at once must both live: a repeat of the token that was just
 * spent gets, for some seconds, the very answer that its first use got (state/refresh-successors.ts).
 *
 * A repeat later than that, or once the successor was spent, is a reuse: the library's own handler then ends the
 * grant, since one of the two holders is a thief.
 */
import { errors, type KoaContextWithOIDC } from "oidc-provider";
import type { Storage } from "../../storage/storage.ts";
import { oidcError } from "../errors.ts";
import { requestState } from "../request-state.ts";
import { LostRace } from "../state/lost-race.ts";
import type { RefreshAnswer, RefreshRequest, RefreshSuccessors } from "../state/refresh-successors.ts";
import { inTokenUnit } from "../state/token-unit.ts";
import { takingTurns } from "./taking-turns.ts";

export type GrantHandler = (ctx: KoaContextWithOIDC) => Promise<void>;

export interface RefreshGraceOptions {
  readonly storage: Storage;
  readonly successors: Pick<RefreshSuccessors, "find" | "keep">;
  /** The answer as it would be given today; throws what the client is told when it would not be. */
  readonly recheck: (answer: RefreshAnswer) => Promise<RefreshAnswer["body"]>;
}

interface Refresh extends RefreshGraceOptions {
  readonly handler: GrantHandler;
  readonly ctx: KoaContextWithOIDC;
  readonly request: RefreshRequest;
}

/**
 * Puts the grace around the library's handler. Requests with one token go one at a time: two that found no stored
 * answer and went on side by side would look like a reuse to the library, since the later one would read the token as
 * spent, and end the grant.
 */
export function withRefreshGrace(handler: GrantHandler, options: RefreshGraceOptions): GrantHandler {
  const inTurn = takingTurns();
  return async (ctx) => {
    const request = requestOf(ctx);
    if (request === undefined) return handler(ctx);
    return inTurn(request.token, () => refresh({ ...options, handler, ctx, request }));
  };
}

async function refresh(refreshing: Refresh): Promise<void> {
  const { storage, successors, handler, ctx, request } = refreshing;
  if (await answerAgain(refreshing)) return;
  requestState(ctx).isSpentElsewhere = async () => (await successors.find(request)) !== undefined;
  try {
    await inTokenUnit(
      storage,
      () => handler(ctx),
      (transaction) => successors.keep(transaction, request, answerOf(ctx, request)),
    );
  } catch (error) {
    // Spent meanwhile by another process: its answer is there now, or the next repeat counts as reuse.
    if (!(error instanceof LostRace) || !(await answerAgain(refreshing))) throw error;
  }
}

/** Whether the request was answered with what the first use of its token got. */
async function answerAgain({ successors, recheck, ctx, request }: Refresh): Promise<boolean> {
  const successor = await successors.find(request);
  if (successor === undefined) return false;
  if (!successor.isOfSameRequest) {
    // An honest app that asks two things with one token at once: refused, but no reuse.
    throw new errors.InvalidGrant({ detail: "repeated with other parameters" });
  }
  ctx.body = agedBy(await recheck(successor.open()), successor.ageSeconds);
  return true;
}

/**
 * To be asked when a refresh token is found spent, before the library takes it for a reuse and ends the grant. Throws
 * when another server has spent it since this request looked, and has its answer.
 */
export async function assertReuse(ctx: KoaContextWithOIDC | undefined): Promise<void> {
  if (ctx === undefined) return;
  if (await requestState(ctx).isSpentElsewhere?.()) throw new LostRace({ cause: oidcError("already_spent") });
}

/** Undefined when the parameter is missing: the library's handler says so. */
function requestOf(ctx: KoaContextWithOIDC): RefreshRequest | undefined {
  const { refresh_token: token, scope, resource } = ctx.oidc.params as Record<string, unknown>;
  if (typeof token !== "string" || token === "") return undefined;
  return { token, clientId: ctx.oidc.client!.clientId, scope, resource };
}

function answerOf(ctx: KoaContextWithOIDC, { clientId }: RefreshRequest): RefreshAnswer {
  const token = ctx.oidc.entities.RefreshToken!;
  return {
    body: ctx.body as RefreshAnswer["body"],
    accountId: token.accountId!,
    clientId,
    sessionUid: token.sessionUid!,
    grantId: token.grantId!,
    horizon: requestState(ctx).horizon!,
  };
}

function agedBy(body: RefreshAnswer["body"], seconds: number): RefreshAnswer["body"] {
  if (body.expires_in === undefined) return body;
  return { ...body, expires_in: Math.max(0, body.expires_in - seconds) };
}

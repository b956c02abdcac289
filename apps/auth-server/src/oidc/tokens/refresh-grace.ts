/**
 * Refresh tokens rotate, and two tabs that refresh at once must both live: a repeat of the token that was just
 * spent gets, for some seconds, the very answer that its first use got. The answer is stored with the spending,
 * in one transaction: it survives a restart, and another process finds it too. It is sealed under the spent
 * token, so that the database gives it to nobody else.
 *
 * A repeat later than that, or once the successor was spent, is a reuse: the library's own handler then ends the
 * grant, since one of the two holders is a thief.
 */
import { createHash } from "node:crypto";
import { hasCode } from "@portcullis/protocol";
import { errors, type KoaContextWithOIDC } from "oidc-provider";
import { hashOfSecret, type RandomBytes } from "../../secrets/identifiers.ts";
import { seal, unseal } from "../../secrets/seal.ts";
import type { Storage } from "../../storage/storage.ts";
import type { StoredTimes } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";
import { inTokenUnit } from "../state/token-unit.ts";

export const REFRESH_GRACE_MS = 10_000;

/** Member of `ctx.state`: to be called when a refresh token is found spent; throws if it is no reuse. */
const FOUND_SPENT = "foundSpent";

export async function assertReuse(ctx: KoaContextWithOIDC | undefined): Promise<void> {
  const foundSpent = ctx?.state[FOUND_SPENT] as (() => Promise<void>) | undefined;
  await foundSpent?.();
}

export type GrantHandler = (ctx: KoaContextWithOIDC) => Promise<void>;

export interface RefreshGraceOptions {
  readonly storage: Storage;
  readonly nowMs: () => number;
  readonly times: StoredTimes;
  readonly randomBytes: RandomBytes;
  /** The answer as it would be given today; throws what the client is told when it would not be. */
  readonly recheck: (answer: StoredAnswer) => Promise<StoredAnswer["body"]>;
}

export interface StoredAnswer {
  readonly body: {
    readonly refresh_token: string;
    readonly access_token: string;
    readonly id_token?: string;
    readonly expires_in?: number;
    readonly [member: string]: unknown;
  };
  readonly accountId: string;
  readonly clientId: string;
  readonly sessionUid: string;
  readonly grantId: string;
  readonly horizon: number;
}

interface RefreshRequest {
  readonly token: string;
  readonly spentHash: Uint8Array;
  readonly requestHash: Uint8Array;
  readonly clientId: string;
}

/** Puts the grace around the library's handler. */
export function withRefreshGrace(handler: GrantHandler, options: RefreshGraceOptions): GrantHandler {
  /** By token: the last of those who wait for their turn with it. */
  const lastInLine = new Map<string, Promise<void>>();

  return async function refresh(ctx) {
    const request = requestOf(ctx);
    if (request === undefined) return handler(ctx);
    const line = Buffer.from(request.spentHash).toString("base64");
    // One at a time for each token. Two that found no stored answer and went on side by side would look like a
    // reuse to the library: the later one would read the token as spent, and end the grant. Each waits for the one
    // before it alone: if all woke at once, many repeats of one token would hold up the process.
    const before = lastInLine.get(line) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => answer(ctx, request));
    lastInLine.set(line, turn);
    try {
      await turn;
    } finally {
      if (lastInLine.get(line) === turn) lastInLine.delete(line);
    }
  };

  async function answer(ctx: KoaContextWithOIDC, request: RefreshRequest): Promise<void> {
    if (await answerAgain(ctx, request)) return;
    // Spent by another server since: not a reuse, though the library would take it for one and end the grant.
    ctx.state[FOUND_SPENT] = async () => {
      if (await hasAnswer(request)) throw new errors.InvalidGrant({ cause: oidcError("already_spent") });
    };
    try {
      await inTokenUnit(
        options.storage,
        () => handler(ctx),
        (transaction) => keepAnswer(transaction, ctx, request),
      );
    } catch (error) {
      // Spent meanwhile by another process: its answer is there now, or the next repeat counts as reuse.
      if (!isLostRace(error) || !(await answerAgain(ctx, request))) throw error;
    }
  }

  function storedFor(request: RefreshRequest) {
    return options.storage.read
      .selectFrom("oidc_refresh_successors")
      .selectAll()
      .where("spent_hash", "=", request.spentHash)
      .where("client_id", "=", request.clientId)
      .executeTakeFirst();
  }

  async function hasAnswer(request: RefreshRequest): Promise<boolean> {
    const row = await storedFor(request);
    return row !== undefined && isInGrace(row);
  }

  /** A reuse ends the grant, so it is one only when no clock that may be right finds the token still in its grace. */
  function isInGrace({ spent_at }: { readonly spent_at: number }): boolean {
    return options.times.isWithin(spent_at, REFRESH_GRACE_MS);
  }

  async function answerAgain(ctx: KoaContextWithOIDC, request: RefreshRequest): Promise<boolean> {
    const row = await storedFor(request);
    if (row === undefined || !isInGrace(row)) return false;
    if (!Buffer.from(row.request_hash).equals(request.requestHash)) {
      // An honest app that asks two things with one token at once: refused, but no reuse.
      throw new errors.InvalidGrant({ detail: "repeated with other parameters" });
    }
    const stored = JSON.parse(unseal(request.token, row.sealed)) as StoredAnswer;
    const body = await options.recheck(stored);
    ctx.body = agedBy(body, Math.floor(options.times.ageMs(row.spent_at) / 1000));
    return true;
  }

  async function keepAnswer(
    { db }: WriteTransaction,
    ctx: KoaContextWithOIDC,
    request: RefreshRequest,
  ): Promise<void> {
    const stored = answerOf(ctx, request);
    await db.deleteFrom("oidc_refresh_successors").where("successor_hash", "=", request.spentHash).execute();
    await db
      .insertInto("oidc_refresh_successors")
      .values({
        spent_hash: request.spentHash,
        successor_hash: hashOfSecret("RefreshToken", stored.body.refresh_token),
        grant_id: stored.grantId,
        client_id: request.clientId,
        request_hash: request.requestHash,
        sealed: seal(request.token, JSON.stringify(stored), options.randomBytes),
        spent_at: options.nowMs(),
      })
      .execute();
    const seen = { last_seen_at: Math.floor(options.nowMs() / 1000) };
    await db.updateTable("oidc_sessions").set(seen).where("uid", "=", stored.sessionUid).execute();
  }
}

/** Undefined when the parameter is missing: the library's handler says so. */
function requestOf(ctx: KoaContextWithOIDC): RefreshRequest | undefined {
  const { refresh_token: token, scope, resource } = ctx.oidc.params as Record<string, unknown>;
  if (typeof token !== "string" || token === "") return undefined;
  return {
    token,
    spentHash: hashOfSecret("RefreshToken", token),
    requestHash: createHash("sha256")
      .update(JSON.stringify([scope ?? null, resource ?? null]))
      .digest(),
    clientId: ctx.oidc.client!.clientId,
  };
}

function answerOf(ctx: KoaContextWithOIDC, { clientId }: RefreshRequest): StoredAnswer {
  const token = ctx.oidc.entities.RefreshToken!;
  return {
    body: ctx.body as StoredAnswer["body"],
    accountId: token.accountId!,
    clientId,
    sessionUid: token.sessionUid!,
    grantId: token.grantId!,
    horizon: ctx.state.horizon as number,
  };
}

function agedBy(body: StoredAnswer["body"], seconds: number): StoredAnswer["body"] {
  if (body.expires_in === undefined) return body;
  return { ...body, expires_in: Math.max(0, body.expires_in - seconds) };
}

const isLostRace = (error: unknown): boolean =>
  error instanceof errors.InvalidGrant && hasCode(error.cause, "already_spent");

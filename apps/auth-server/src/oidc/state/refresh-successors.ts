/**
 * What the first use of a refresh token was answered, for whoever repeats it (tokens/refresh-grace.ts). It is stored with
 * the spending, in one transaction: it survives a restart, and another process finds it too. It is sealed under the
 * spent token, so that the database gives it to nobody else.
 */

import { createHash } from "node:crypto";
import type { Clock } from "@portcullis/protocol";
import type { Insertable } from "kysely";
import { hashOfSecret, type RandomBytes } from "../../secrets/identifiers.ts";
import { seal, unseal } from "../../secrets/seal.ts";
import { compiledQuery } from "../../storage/compiled-query.ts";
import type { Storage } from "../../storage/storage.ts";
import type { StoredTimes } from "../../storage/stored-time.ts";
import type { OidcTables } from "../../storage/tables/oidc.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export const REFRESH_GRACE_MS = 10_000;

export interface RefreshAnswer {
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

export interface RefreshRequest {
  readonly token: string;
  readonly clientId: string;
  /** What else it asks for: a repeat that asks for something else is none. */
  readonly scope: unknown;
  readonly resource: unknown;
}

export interface Successor {
  /** Whether the token was spent by a request that asked for the same. */
  readonly isOfSameRequest: boolean;
  readonly ageSeconds: number;
  open(): RefreshAnswer;
}

export interface RefreshSuccessorsOptions {
  readonly storage: Pick<Storage, "read">;
  readonly clock: Clock;
  readonly times: StoredTimes;
  readonly randomBytes: RandomBytes;
}

export class RefreshSuccessors {
  readonly #options: RefreshSuccessorsOptions;

  constructor(options: RefreshSuccessorsOptions) {
    this.#options = options;
  }

  /**
   * Undefined when the token was not spent, or its grace is over. A reuse ends the grant, so the grace is over only when
   * no clock that may be right finds the token still in it.
   */
  async find(request: RefreshRequest): Promise<Successor | undefined> {
    const { storage, times } = this.#options;
    const row = await FIND.first(storage.read, {
      spentHash: hashOfToken(request.token),
      clientId: request.clientId,
    });
    if (row === undefined || !times.isWithin(row.spent_at, REFRESH_GRACE_MS)) return undefined;
    return {
      isOfSameRequest: Buffer.from(row.request_hash).equals(hashOfRequest(request)),
      ageSeconds: Math.floor(times.ageMs(row.spent_at) / 1000),
      open: () => JSON.parse(unseal(request.token, row.sealed)) as RefreshAnswer,
    };
  }

  /** To be called in the transaction that spends the token. The answer before it is forgotten: its successor was used. */
  async keep({ db }: WriteTransaction, request: RefreshRequest, answer: RefreshAnswer): Promise<void> {
    const { clock, randomBytes } = this.#options;
    const spentHash = hashOfToken(request.token);
    await FORGET_BEFORE.changed(db, { spentHash });
    await KEEP.changed(db, {
      spent_hash: spentHash,
      successor_hash: hashOfToken(answer.body.refresh_token),
      grant_id: answer.grantId,
      client_id: request.clientId,
      request_hash: hashOfRequest(request),
      sealed: seal(request.token, JSON.stringify(answer), randomBytes),
      spent_at: clock.wallMs(),
    });
  }
}

interface OfClient {
  readonly spentHash: Uint8Array;
  readonly clientId: string;
}

const FIND = compiledQuery((db, { spentHash, clientId }: OfClient) =>
  db
    .selectFrom("oidc_refresh_successors")
    .select(["request_hash", "sealed", "spent_at"])
    .where("spent_hash", "=", spentHash)
    .where("client_id", "=", clientId),
);

const FORGET_BEFORE = compiledQuery((db, { spentHash }: Pick<OfClient, "spentHash">) =>
  db.deleteFrom("oidc_refresh_successors").where("successor_hash", "=", spentHash),
);

type SuccessorRow = Insertable<OidcTables["oidc_refresh_successors"]>;

const KEEP = compiledQuery((db, row: SuccessorRow) =>
  db.insertInto("oidc_refresh_successors").values({
    spent_hash: row.spent_hash,
    successor_hash: row.successor_hash,
    grant_id: row.grant_id,
    client_id: row.client_id,
    request_hash: row.request_hash,
    sealed: row.sealed,
    spent_at: row.spent_at,
  }),
);

const hashOfToken = (token: string): Uint8Array => hashOfSecret("RefreshToken", token);

const hashOfRequest = ({ scope, resource }: RefreshRequest): Uint8Array =>
  createHash("sha256")
    .update(JSON.stringify([scope ?? null, resource ?? null]))
    .digest();

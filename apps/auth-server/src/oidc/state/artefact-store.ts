import { type Clock, hasCode, type PortcullisError } from "@portcullis/protocol";
import { sql } from "kysely";
import { type AdapterPayload, errors } from "oidc-provider";
import { hashOfSecret } from "../../secrets/identifiers.ts";
import { IS_BELOW_BULK_ENDING } from "../../sessions/bulk-endings.ts";
import { compiledQuery } from "../../storage/compiled-query.ts";
import type { RowCap } from "../../storage/space/row-cap.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { ArtefactsTable } from "../../storage/tables/oidc.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";
import type { DeadToken } from "../request-state.ts";
import type { GrantStore } from "./grant-store.ts";
import { LostRace } from "./lost-race.ts";
import { ARTEFACTS_OF_STRANGERS, type RowsOfStrangers } from "./rows-of-strangers.ts";
import { insertFirst, spend } from "./spend.ts";
import { rememberSpentCode } from "./spent-codes.ts";
import { checkStoredSize } from "./stored-size.ts";
import { writeInUnit } from "./token-unit.ts";

/** Models that nothing may be made of once their grant has ended. One more needs a line in tests/endings/kinds.ts. */
export const BELOW_A_GRANT = new Set(["AuthorizationCode", "RefreshToken", "AccessToken"]);
/** A kind that is not named here is not kept: whoever adds one that strangers can make adds it to theirs, with its cap. */
const KINDS = new Set([...BELOW_A_GRANT, ...ARTEFACTS_OF_STRANGERS, "ClientCredentials", "ReplayDetection"]);

/** Whether an opaque access token is still good: asked each time one is looked up. It tells why one is not. */
export type AllowsOpaqueToken = (payload: AdapterPayload, tellDenial?: TellDenial) => boolean;

export type TellDenial = (dead: DeadToken) => void;

export interface ArtefactStoreOptions {
  readonly storage: Storage;
  readonly grants: GrantStore;
  readonly clock: Clock;
  readonly allowsOpaqueToken: AllowsOpaqueToken;
  readonly ofStrangers: RowsOfStrangers;
  /** Of one artefact, without the session that it remembers. */
  readonly maxStoredBytes: number;
}

interface SaveArtefact {
  readonly model: string;
  readonly id: string;
  readonly payload: AdapterPayload;
  readonly ttlSeconds: number;
}

type ArtefactRow = Omit<ArtefactsTable, "consumed_at">;

const FIND = compiledQuery((db, { idHash, now }: { readonly idHash: Uint8Array; readonly now: number }) =>
  db
    .selectFrom("oidc_artefacts")
    .select(["payload", "consumed_at"])
    .where("id_hash", "=", idHash)
    .where("expires_at", ">", now)
    .where(sql<boolean>`not ${IS_BELOW_BULK_ENDING}`),
);

const SAVE = compiledQuery((db, row: ArtefactRow) => {
  const change = {
    model: row.model,
    payload: row.payload,
    grant_id: row.grant_id,
    session_uid: row.session_uid,
    account_id: row.account_id,
    client_id: row.client_id,
    expires_at: row.expires_at,
  };
  return db
    .insertInto("oidc_artefacts")
    .values({ id_hash: row.id_hash, ...change })
    .onConflict((conflict) => conflict.column("id_hash").doUpdateSet(change));
});

export class ArtefactStore {
  readonly #options: ArtefactStoreOptions;

  constructor(options: ArtefactStoreOptions) {
    this.#options = options;
  }

  async find(model: string, id: string, tellDenial?: TellDenial): Promise<AdapterPayload | undefined> {
    const { storage, clock } = this.#options;
    const idHash = hashOfSecret(model, id);
    const row = await FIND.first(storage.read, { idHash, now: wholeSeconds(clock) });
    if (row === undefined) return undefined;
    const payload: AdapterPayload = { ...JSON.parse(row.payload), jti: id };
    if (row.consumed_at !== null) payload.consumed = row.consumed_at;
    const isAccessToken = model === "AccessToken" || model === "ClientCredentials";
    return isAccessToken && !this.#options.allowsOpaqueToken(payload, tellDenial) ? undefined : payload;
  }

  async save(artefact: SaveArtefact): Promise<void> {
    if (!KINDS.has(artefact.model)) throw new TypeError(`artefacts of kind ${artefact.model} are not kept`);
    const { session: _session, grant: _grant, ...requested } = artefact.payload as Record<string, unknown>;
    checkStoredSize(requested, this.#options.maxStoredBytes);
    const row = this.#rowOf(artefact);
    const ofStrangers = row.account_id === null ? this.#capOf(artefact.model) : undefined;
    await ofStrangers?.makeWay();
    await writeInUnit(
      this.#options.storage,
      (transaction) => asLibraryError(artefact.model, this.#save(transaction, artefact, row)),
      { onBehalfOf: ofStrangers === undefined ? "client" : "stranger" },
    );
  }

  #capOf(model: string): RowCap | undefined {
    const kind = ARTEFACTS_OF_STRANGERS.find((candidate) => candidate === model);
    return kind && this.#options.ofStrangers[kind];
  }

  async #save(transaction: WriteTransaction, artefact: SaveArtefact, row: ArtefactRow): Promise<void> {
    if (artefact.model === "ReplayDetection") return insertFirst(transaction, row);
    if (BELOW_A_GRANT.has(artefact.model) && !(await this.#hasLiveGrant(transaction, row.grant_id))) {
      // The grant ended while this was being made: what is made now must not outlive it.
      throw oidcError("parent_ended");
    }
    await SAVE.changed(transaction.db, row);
  }

  async #hasLiveGrant(transaction: WriteTransaction, grantId: string | null): Promise<boolean> {
    return grantId !== null && this.#options.grants.isLive(transaction, grantId);
  }

  #rowOf({ model, id, payload, ttlSeconds }: SaveArtefact): ArtefactRow {
    const { jti: _jti, consumed: _consumed, ...kept } = payload;
    const session = payload.session as { uid?: string; accountId?: string } | undefined;
    return {
      id_hash: hashOfSecret(model, id),
      model,
      payload: JSON.stringify(model === "Interaction" ? withoutCookie(kept) : kept),
      // An interaction names a grant too, but does not hang below it: it goes on when another user signs in.
      grant_id: BELOW_A_GRANT.has(model) ? (payload.grantId ?? null) : null,
      session_uid: payload.sessionUid ?? session?.uid ?? null,
      account_id: payload.accountId ?? session?.accountId ?? signedInBy(payload),
      client_id: payload.clientId ?? null,
      expires_at: wholeSeconds(this.#options.clock) + ttlSeconds,
    };
  }

  async consume(model: string, id: string): Promise<void> {
    await writeInUnit(this.#options.storage, (transaction) =>
      asLibraryError(model, this.#spend(transaction, model, hashOfSecret(model, id))),
    );
  }

  async #spend(transaction: WriteTransaction, model: string, idHash: Uint8Array): Promise<void> {
    const now = wholeSeconds(this.#options.clock);
    await spend(transaction, idHash, now);
    if (model === "AuthorizationCode") await rememberSpentCode(transaction, idHash, now);
  }

  async destroy(model: string, id: string): Promise<void> {
    await this.#options.storage.write(async ({ db }) => {
      await db.deleteFrom("oidc_artefacts").where("id_hash", "=", hashOfSecret(model, id)).execute();
    });
  }
}

/** Who has given the password on an interaction's page, and has not come back from it: a kill of the user ends that, too. */
function signedInBy({ result }: AdapterPayload): string | null {
  return (result as { login?: { accountId?: string } } | undefined)?.login?.accountId ?? null;
}

/** An interaction remembers the session's cookie value, for nobody: it would be a raw credential at rest. */
function withoutCookie(payload: AdapterPayload): AdapterPayload {
  const { cookie: _cookie, ...session } = (payload.session ?? {}) as Record<string, unknown>;
  return payload.session === undefined ? payload : ({ ...payload, session } as AdapterPayload);
}

/** The library tells errors apart by class, so what was lost to another request becomes one of its own. */
async function asLibraryError(model: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isLost(error)) throw error;
    const options = { detail: error.code, cause: error };
    // What is shown once is an assertion by which an app says who it is (RFC 7523).
    if (model === "ReplayDetection") throw new errors.InvalidClientAuth(options);
    if (model === "PushedAuthorizationRequest") throw new errors.InvalidRequestUri(undefined, options);
    throw hasCode(error, "already_spent") ? new LostRace(options) : new errors.InvalidGrant(options);
  }
}

const LOST = ["already_spent", "already_seen", "parent_ended"] as const;
const isLost = (error: unknown): error is PortcullisError => LOST.some((code) => hasCode(error, code));

/**
 * What somebody can make who has proved nothing: how many there may be of each kind, and which go first. Rows
 * that name an account are never among them.
 */
import type { Log } from "@portcullis/protocol";
import { countDeleted } from "../../storage/count-deleted.ts";
import { RowCap } from "../../storage/space/row-cap.ts";
import type { Storage } from "../../storage/storage.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

/** Models of the library, and what is kept of a sign-in by JSON. Of every other, what is stored hangs below somebody who signed in, or a client with a secret. */
export const ARTEFACTS_OF_STRANGERS = ["Interaction", "PushedAuthorizationRequest", "AuthSession"] as const;
export type ArtefactOfStrangers = (typeof ARTEFACTS_OF_STRANGERS)[number];

export type RowsOfStrangers = Readonly<Record<ArtefactOfStrangers | "Session", RowCap>>;

export function rowsOfStrangers(options: {
  readonly storage: Storage;
  readonly most: number;
  readonly operatorLog: Log;
}): RowsOfStrangers {
  const { storage, most, operatorLog } = options;
  const artefacts = (model: ArtefactOfStrangers) =>
    new RowCap({
      ...{ storage, most, operatorLog, rows: model },
      count: (db, limit) => countArtefacts(db, model, limit),
      removeOldest: (transaction, limit) => removeArtefacts(transaction, model, limit),
    });
  return {
    Interaction: artefacts("Interaction"),
    PushedAuthorizationRequest: artefacts("PushedAuthorizationRequest"),
    AuthSession: artefacts("AuthSession"),
    Session: new RowCap({
      ...{ storage, most, operatorLog, rows: "Session" },
      count: countSessions,
      removeOldest: removeSessions,
    }),
  };
}

type Read = Storage["read"];

const artefactsOf = (db: Read, model: ArtefactOfStrangers) =>
  db.selectFrom("oidc_artefacts").where("model", "=", model).where("account_id", "is", null);

const sessionsOfNobody = (db: Read) => db.selectFrom("oidc_sessions").where("account_id", "is", null);

async function countArtefacts(db: Read, model: ArtefactOfStrangers, limit: number): Promise<number> {
  const some = artefactsOf(db, model).select("expires_at").limit(limit).as("some");
  const { count } = await db
    .selectFrom(some)
    .select((eb) => eb.fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}

async function countSessions(db: Read, limit: number): Promise<number> {
  const some = sessionsOfNobody(db).select("expires_at").limit(limit).as("some");
  const { count } = await db
    .selectFrom(some)
    .select((eb) => eb.fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** All of a kind live equally long, so that what expires first is the oldest. Locked: one may be signed in at this moment. */
async function removeArtefacts(
  { db, lockRows }: WriteTransaction,
  model: ArtefactOfStrangers,
  limit: number,
): Promise<number> {
  const oldest = artefactsOf(db, model).select("id_hash").orderBy("expires_at").limit(limit);
  const ids = (await lockRows(oldest).execute()).map(({ id_hash }) => id_hash);
  if (ids.length === 0) return 0;
  return countDeleted(db.deleteFrom("oidc_artefacts").where("id_hash", "in", ids));
}

async function removeSessions({ db, lockRows }: WriteTransaction, limit: number): Promise<number> {
  const oldest = sessionsOfNobody(db).select("uid").orderBy("expires_at").limit(limit);
  const uids = (await lockRows(oldest).execute()).map(({ uid }) => uid);
  if (uids.length === 0) return 0;
  await db.deleteFrom("oidc_session_ids").where("session_uid", "in", uids).execute();
  return countDeleted(db.deleteFrom("oidc_sessions").where("uid", "in", uids));
}

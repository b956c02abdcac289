/**
 * Where users signed in before: devices, by a random token in a cookie, and groups of addresses. Strangers' guesses do
 * not make these wait. Knowing one is no credential: whoever stole a device's token may guess as slowly as that device.
 */

import { createHash } from "node:crypto";
import type { Clock } from "@portcullis/protocol";
import { countDeleted } from "../storage/count-deleted.ts";
import type { PruneTime } from "../storage/pruning.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { KnownPlacesTable } from "../storage/tables/people.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

const DAY_SECONDS = 24 * 60 * 60;
/** Since it was last used. */
export const PLACE_LIFE_SECONDS = 180 * DAY_SECONDS;
const MAX_PLACES_PER_KIND_AND_USER = 20;

/** The user, or what stands for nobody: the questions to the database are the same. */
export interface Owner {
  readonly id: string;
  readonly password_hash: string;
}

export interface Place {
  readonly deviceTokens: readonly string[];
  /** Group of addresses. */
  readonly address: string;
}

export type Standing =
  | { readonly kind: "device"; readonly token: string }
  | { readonly kind: "address" }
  | { readonly kind: "stranger" };

export interface KnownDevice {
  /** Tells nobody the token by which the device is known. */
  readonly id: string;
  /** Seconds. */
  readonly lastUsedAt: number;
}

export class KnownPlaces {
  readonly #storage: Storage;
  readonly #clock: Clock;

  constructor(options: { readonly storage: Storage; readonly clock: Clock }) {
    this.#storage = options.storage;
    this.#clock = options.clock;
  }

  async standingOf(owner: Owner, { deviceTokens, address }: Place): Promise<Standing> {
    const places = [
      ...deviceTokens.map((token) => ({
        hash: deviceHash(owner, token),
        standing: { kind: "device", token } as const,
      })),
      { hash: addressHash(owner, address), standing: { kind: "address" } as const },
    ];
    const hashes = places.map(({ hash }) => hash);
    const rows = await this.#storage.read
      .selectFrom("known_places")
      .select("place_hash")
      .where("place_hash", "in", hashes)
      .where("last_used_at", ">", wholeSeconds(this.#clock) - PLACE_LIFE_SECONDS)
      .execute();
    const known = places.find(({ hash }) => rows.some((row) => Buffer.compare(row.place_hash, hash) === 0));
    return known?.standing ?? { kind: "stranger" };
  }

  /** The devices of a user, the last used first. Their number is bounded. */
  async devicesOf(userId: string): Promise<KnownDevice[]> {
    const rows = await this.#storage.read
      .selectFrom("known_places")
      .select(["place_hash", "last_used_at"])
      .where("user_id", "=", userId)
      .where("kind", "=", "device")
      .where("last_used_at", ">", wholeSeconds(this.#clock) - PLACE_LIFE_SECONDS)
      .orderBy("last_used_at", "desc")
      .orderBy("place_hash")
      .execute();
    return rows.map(({ place_hash, last_used_at: lastUsedAt }) => ({ id: deviceId(place_hash), lastUsedAt }));
  }

  /** Gives whether it was known. It is a stranger's from now on. */
  async forgetDevice({ db }: WriteTransaction, userId: string, id: string): Promise<boolean> {
    const forgotten = await countDeleted(
      db
        .deleteFrom("known_places")
        .where("user_id", "=", userId)
        .where("kind", "=", "device")
        .where("place_hash", "=", Buffer.from(id, "base64url")),
    );
    return forgotten > 0;
  }

  /** After a success. */
  async remember(
    transaction: WriteTransaction,
    owner: Owner,
    { deviceToken, address }: { readonly deviceToken: string; readonly address: string },
  ): Promise<void> {
    const last_used_at = wholeSeconds(this.#clock);
    const of = { user_id: owner.id, last_used_at };
    await keep(transaction, { ...of, kind: "device", place_hash: deviceHash(owner, deviceToken) });
    await keep(transaction, { ...of, kind: "address", place_hash: addressHash(owner, address) });
  }

  /** Gives the number of rows that it forgot. */
  readonly prune = async ({ db }: WriteTransaction, limit: number, time: PruneTime): Promise<number> => {
    const old = db
      .selectFrom("known_places")
      .select("place_hash")
      .where("last_used_at", "<=", Math.floor(time.overForAllMs / 1000) - PLACE_LIFE_SECONDS)
      .limit(limit);
    return countDeleted(db.deleteFrom("known_places").where("place_hash", "in", old));
  };
}

/** Of a user who may not sign in any more. */
export async function forgetPlaces({ db }: WriteTransaction, userId: string): Promise<void> {
  await db.deleteFrom("known_places").where("user_id", "=", userId).execute();
}

async function keep({ db }: WriteTransaction, row: KnownPlacesTable): Promise<void> {
  await db
    .insertInto("known_places")
    .values(row)
    .onConflict((conflict) => conflict.column("place_hash").doUpdateSet({ last_used_at: row.last_used_at }))
    .execute();
  const beyond = db
    .selectFrom("known_places")
    .select("place_hash")
    .where("user_id", "=", row.user_id)
    .where("kind", "=", row.kind)
    .orderBy("last_used_at", "desc")
    .orderBy("place_hash")
    .limit(MAX_PLACES_PER_KIND_AND_USER)
    .offset(MAX_PLACES_PER_KIND_AND_USER);
  await db.deleteFrom("known_places").where("place_hash", "in", beyond).execute();
}

const deviceId = (hash: Uint8Array): string => Buffer.from(hash).toString("base64url");

const deviceHash = (owner: Owner, token: string) => placeHash(owner, ["device", token]);
const addressHash = (owner: Owner, address: string) => placeHash(owner, ["address", address]);

/** With the password's hash in it, a changed password makes strangers of all: no caller can forget to. */
const placeHash = ({ id, password_hash }: Owner, place: readonly string[]): Uint8Array =>
  createHash("sha256")
    .update(JSON.stringify([id, password_hash, ...place]))
    .digest();

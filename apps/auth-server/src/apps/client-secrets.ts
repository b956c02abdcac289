/** Secrets of apps: kept as hashes, two of one app at a time, so that a new one can be brought out before the old one goes. */
import { hash, timingSafeEqual } from "node:crypto";
import { type Clock, encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import type { Selectable } from "kysely";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { ClientSecretsTable } from "../storage/tables/apps.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { appsError } from "./errors.ts";

const MAX_SECRETS_PER_APP = 2;
const SECRET_BYTES = 32;

export type SecretRow = Selectable<ClientSecretsTable>;

export interface NewSecret {
  readonly clientId: string;
  readonly secret: string;
  /** Seconds. */
  readonly expiresAt?: number | undefined;
}

export interface ClientSecretsOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Uint8Array;
}

export class ClientSecrets {
  readonly #options: ClientSecretsOptions;
  /** When each was last used, as far as that is not stored yet: seconds. */
  #uses = new Map<string, number>();

  constructor(options: ClientSecretsOptions) {
    this.#options = options;
  }

  /** 256 random bits, in letters that every way to send them leaves alone. The prefix is for scanners of leaked secrets. */
  generate(): string {
    return `pcl_secret_${Buffer.from(this.#options.randomBytes(SECRET_BYTES)).toString("base64url")}`;
  }

  list(clientId: string): Promise<SecretRow[]> {
    const { read } = this.#options.storage;
    return read
      .selectFrom("client_secrets")
      .selectAll()
      .where("client_id", "=", clientId)
      .orderBy("created_at")
      .orderBy("id")
      .execute();
  }

  /**
   * In the transaction that has locked the row of the app. Throws `too_many_secrets`, and `secret_expired` for an end that is
   * past. Those that have expired make way.
   */
  async add(transaction: WriteTransaction, { clientId, secret, expiresAt }: NewSecret): Promise<SecretRow> {
    const { db } = transaction;
    const now = wholeSeconds(this.#options.clock);
    if (expiresAt !== undefined && expiresAt <= now) throw appsError("secret_expired");
    const ofApp = db.deleteFrom("client_secrets").where("client_id", "=", clientId);
    await ofApp.where("expires_at", "<=", now).execute();
    const there = await this.ofApp(transaction, clientId);
    if (there.length >= MAX_SECRETS_PER_APP) throw tooMany(clientId);
    const row = {
      id: encodeIdentifier(this.#options.randomBytes(IDENTIFIER_BYTES)),
      client_id: clientId,
      secret_hash: hashClientSecret(clientId, secret),
      created_at: now,
      expires_at: expiresAt ?? null,
      last_used_at: null,
    };
    await db.insertInto("client_secrets").values(row).execute();
    return row;
  }

  /** In the transaction that has locked the row of the app: also those that have expired. */
  ofApp({ db }: WriteTransaction, clientId: string): Promise<SecretRow[]> {
    return db.selectFrom("client_secrets").selectAll().where("client_id", "=", clientId).execute();
  }

  /** In the transaction that has locked the row of the app. Throws `unknown_secret`. */
  async remove(
    { db }: WriteTransaction,
    { clientId, id }: { readonly clientId: string; readonly id: string },
  ): Promise<SecretRow> {
    const query = db.deleteFrom("client_secrets").where("client_id", "=", clientId).where("id", "=", id);
    const removed = await query.returningAll().executeTakeFirst();
    if (removed !== undefined) return removed;
    throw appsError("unknown_secret", {
      text: `Found ${JSON.stringify(id)}, and ${clientId} has no secret of this id. Nothing was changed.`,
    });
  }

  /** Not a write a request: `storeUses` writes them, some times an hour. */
  noteUse(id: string): void {
    this.#uses.set(id, wholeSeconds(this.#options.clock));
  }

  /** Called now and then. What is not stored when the process dies is lost, and is only a date. */
  async storeUses(): Promise<void> {
    const uses = [...this.#uses].toSorted();
    this.#uses = new Map();
    if (uses.length === 0) return;
    await this.#options.storage.write(async ({ db }) => {
      for (const [id, at] of uses) {
        await db
          .updateTable("client_secrets")
          .set({ last_used_at: at })
          .where("id", "=", id)
          .where((eb) => eb.or([eb("last_used_at", "is", null), eb("last_used_at", "<", at)]))
          .execute();
      }
    });
  }
}

const tooMany = (clientId: string) =>
  appsError("too_many_secrets", {
    text: `${clientId} has ${MAX_SECRETS_PER_APP} secrets, and may have no more. Delete the one that is no longer used. Nothing was changed.`,
  });

/** Secrets are random, so that a slow hash would protect nothing more. */
export function hashClientSecret(clientId: string, secret: string): Buffer {
  return hash("sha256", `client secret\n${clientId}\n${secret}`, "buffer");
}

interface KeptSecret {
  readonly id: string;
  readonly hash: Uint8Array;
}

/** How they are written into the one member that the library has for a secret. Never empty: it asks for something there. */
export const writtenSecrets = (secrets: readonly KeptSecret[]): string =>
  ["-", ...secrets.map(({ id, hash }) => `${id}:${Buffer.from(hash).toString("hex")}`)].join(" ");

/** The id of the secret that this is, if it is one of them; in a time that does not depend on where they differ. */
export function matchingSecret(
  client: { readonly clientId: string; readonly written: string | undefined },
  secret: string,
): string | undefined {
  const actual = hashClientSecret(client.clientId, secret);
  const kept = (client.written ?? "-")
    .split(" ")
    .slice(1)
    .map((text) => text.split(":"));
  const found = kept.filter(([, hash]) => timingSafeEqual(Buffer.from(hash!, "hex"), actual));
  return found[0]?.[0];
}

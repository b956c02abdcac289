import {
  type Clock,
  isMembership,
  type Log,
  type RevocationRecord,
  type RotatedKey,
  SCOPE_CODES,
  type SigningKeyEntry,
  type SigningNow,
} from "@portcullis/protocol";
import type { JWK } from "jose";
import { coalesced } from "../storage/coalesced.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { keysError } from "./errors.ts";
import {
  type CompletedRing,
  completeRing,
  countKeys,
  isOurs,
  type KeyPlace,
  listKeys,
  lockRing,
  markRetired,
  type RingRows,
  ROTATED,
  readRevision,
  readRing,
} from "./key-rows.ts";
import { signingNow } from "./published-key.ts";
import { publicKeysOf, type SigningKey } from "./signing-key.ts";

export interface KeyRingOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly operatorLog: Log;
}

/** What this server signs with and verifies by. Another object after every change. */
export interface RingState {
  /** Absent for the moment between a retirement and the reading of its successor: nothing is signed then. */
  readonly signing: SigningKey | undefined;
  /** Private, all that are published: the one that signs first, then the next. */
  readonly keys: readonly SigningKey[];
  readonly publicKeys: { keys: JWK[] };
}

export interface KeyRetirement {
  readonly kid: string;
  readonly reason: string;
  readonly actor?: string | undefined;
}

/** ID tokens are the longest that are signed beside access tokens. */
const ID_TOKEN_SECONDS = 60 * 60;
/** A retiring key is published so much longer: requests that were under way, and clocks that are off. */
const RETIRING_MARGIN_SECONDS = 10 * 60;

/**
 * The signing keys, loaded once and handed to everything that signs, publishes or verifies. SQL is the truth; `refresh`
 * brings what another server has changed. A key that is refused by the log is dead here in the same turn in which the
 * record is: before any other subscriber, and so before anybody is told.
 *
 * One key is always next: published since it was made, so that verifiers know it when it takes the place of the one that
 * signs, by rotation or by retirement. Who was given the JWKS before either of them can verify what is signed after it.
 *
 * Fails towards denial: without a key that signs nothing is issued, and what a dead key signed is nobody's token.
 */
export class KeyRing {
  readonly #options: KeyRingOptions;
  readonly #dead = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #rows: RingRows = { revision: -1, keys: [], kids: new Set() };
  #state: RingState = { signing: undefined, keys: [], publicKeys: { keys: [] } };
  #isBehind = true;
  readonly #reload = coalesced(() => this.#read());
  readonly #compare = coalesced(() => this.#readIfChanged());

  /** Makes what is missing of a key that signs and one that is next, as in a database that is new; says so. */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options);
    await ring.#reload();
    return ring;
  }

  private constructor(options: KeyRingOptions) {
    this.#options = options;
    options.storage.log.subscribe((records) => this.#follow(records));
  }

  state(): RingState {
    return this.#state;
  }

  /** Of ours, in whatever state. */
  knows(kid: string): boolean {
    return this.#rows.kids.has(kid);
  }

  /** Whether what was signed with it may leave this server: it is published, and will be until that has ended. */
  isLive(kid: string): boolean {
    return this.#state.keys.some((key) => key.kid === kid);
  }

  /** Throws `no_signing_key`, which is temporary. */
  async signing(): Promise<SigningKey> {
    if (this.#isBehind) await this.#reload();
    const { signing } = this.#state;
    if (signing === undefined) throw keysError("no_signing_key");
    return signing;
  }

  /** Resolves once what any server on the database has committed counts here. */
  async refresh(): Promise<void> {
    if (this.#isBehind) await this.#reload();
    // On SQLite one process has the file to itself.
    else if (this.#options.storage.dialect !== "sqlite") await this.#compare();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Of all that there ever were, at most `limit` behind `after`. */
  list(after: KeyPlace | undefined, limit: number): Promise<SigningKeyEntry[]> {
    return listKeys(this.#options.storage.read, after, limit);
  }

  count(): Promise<number> {
    return countKeys(this.#options.storage.read);
  }

  /**
   * Lets the next key sign from now on, and publishes one that is to sign after it. The old one stays published until its
   * tokens have ended.
   */
  async rotate(actor?: string): Promise<RotatedKey> {
    const { storage, operatorLog } = this.#options;
    const at = this.#now();
    const { promoted, made } = await storage.write(async (transaction) => {
      await lockRing(transaction);
      await this.#letActiveRetire(transaction);
      return completeRing(transaction, at);
    });
    await this.#reload();
    const rotated = { ...signingNow(promoted!, at), next: made! };
    operatorLog[levelOf(rotated)]({ event: "signing_key_rotated", actor, ...lineOf(rotated) });
    return rotated;
  }

  /** What signs now. Throws `no_signing_key`, which is temporary. */
  async signingNow(): Promise<SigningNow> {
    await this.refresh();
    const { kid } = await this.signing();
    const { publishedAt } = this.#rows.keys.find(({ key }) => key.kid === kid)!;
    return signingNow({ kid, publishedAt }, this.#now());
  }

  /**
   * The part of a retirement that belongs in the transaction of its record: the successor signs, and has one of its own.
   * Does nothing for keys that are not ours, and again nothing for one that is retired already. `refresh` before anybody is
   * told.
   */
  async retireIn(transaction: WriteTransaction, { kid, reason, actor }: KeyRetirement): Promise<void> {
    if (!(await isOurs(transaction, kid))) return;
    await lockRing(transaction);
    await markRetired(transaction, { kid, reason, at: this.#now(), by: actor });
    await completeRing(transaction, this.#now());
  }

  /** Retiring keys whose tokens have ended leave by themselves. Called now and then. */
  async tidy(): Promise<void> {
    const { storage } = this.#options;
    const now = storage.log.retention.earliest();
    const over = await storage.read
      .selectFrom("oidc_signing_keys")
      .select("kid")
      .where("status", "=", "retiring")
      .where("published_until", "<", now)
      .execute();
    if (over.length === 0) return;
    await storage.write(async (transaction) => {
      await lockRing(transaction);
      for (const { kid } of over) await markRetired(transaction, { kid, reason: ROTATED, at: now });
    });
    await this.#reload();
  }

  async #letActiveRetire({ db }: WriteTransaction): Promise<void> {
    const { log } = this.#options.storage;
    const longest = Math.max(log.tokenLifetimeSeconds, ID_TOKEN_SECONDS) + log.clockSkewSeconds;
    await db
      .updateTable("oidc_signing_keys")
      .set({
        status: "retiring",
        published_until: log.retention.latest() + longest + RETIRING_MARGIN_SECONDS,
      })
      .where("status", "=", "active")
      .execute();
  }

  #now(): number {
    return wholeSeconds(this.#options.clock);
  }

  /** Of all subscribers of the log the first: see above. */
  #follow(records: readonly RevocationRecord[]): void {
    const refused = records.filter(({ scope, mode }) => scope === "key" && isMembership(scope, mode));
    if (refused.length === 0) return;
    for (const { key } of this.#rows.keys) {
      if (!refused.some((record) => this.#isRecordOf(key.kid, record))) continue;
      this.#dead.add(key.kid);
      this.#options.operatorLog.info({ event: "signing_key_retired", key: shortOf(key.kid) });
    }
    if (!this.#rows.keys.some(({ key }) => this.#dead.has(key.kid))) return;
    this.#isBehind = true;
    const before = this.#state.signing;
    this.#settle();
    // Whoever needs a key waits for it, and hears of a failure; it is read again then.
    this.#reload().then(
      () => this.#tellOfSuccessorOf(before),
      () => undefined,
    );
  }

  #tellOfSuccessorOf(before: SigningKey | undefined): void {
    const [first] = this.#rows.keys;
    if (first?.status !== "active" || first.key.kid === before?.kid) return;
    const { key, publishedAt } = first;
    const now = signingNow({ kid: key.kid, publishedAt }, this.#now());
    this.#options.operatorLog[levelOf(now)]({ event: "signing_key_succeeded", ...lineOf(now) });
  }

  #isRecordOf(kid: string, { key }: RevocationRecord): boolean {
    return Buffer.compare(this.#options.storage.log.keySpace.keyOf("key", kid), key) === 0;
  }

  async #readIfChanged(): Promise<void> {
    if ((await readRevision(this.#options.storage.read)) !== this.#rows.revision) await this.#reload();
  }

  async #read(): Promise<void> {
    const { read } = this.#options.storage;
    this.#rows = await readRing(read);
    await this.#markRefused();
    if (!this.#isWhole()) {
      await this.#mend();
      this.#rows = await readRing(read);
    }
    this.#isBehind = false;
    this.#settle();
  }

  #isWhole(): boolean {
    const [first, second] = this.#rows.keys;
    return first?.status === "active" && second?.status === "next" && !this.#hasDead();
  }

  #hasDead(): boolean {
    return this.#rows.keys.some(({ key }) => this.#dead.has(key.kid));
  }

  /** Keys that SQL refuses: a server of an older version has written their record, and knew no more to do. */
  async #markRefused(): Promise<void> {
    const kids = this.#rows.keys.map(({ key }) => key.kid);
    if (kids.length === 0) return;
    const refused = await this.#options.storage.read
      .selectFrom("standing_refusals")
      .select("key_text")
      // A thumbprint of a DPoP key may be spelt like a kid, and refuses no key of ours.
      .where("scope", "=", SCOPE_CODES.key)
      .where("key_text", "in", kids)
      .execute();
    for (const { key_text: kid } of refused) this.#dead.add(kid!);
  }

  /** Retires what is dead and not retired, and leaves one key that signs and one that is next. */
  async #mend(): Promise<void> {
    const { storage } = this.#options;
    const completed = await storage.write(async (transaction) => {
      await lockRing(transaction);
      for (const { key } of this.#rows.keys) {
        if (!this.#dead.has(key.kid)) continue;
        await markRetired(transaction, { kid: key.kid, reason: "revoked", at: this.#now() });
      }
      return completeRing(transaction, this.#now());
    });
    this.#tellOfMended(completed);
  }

  #tellOfMended({ promoted, made }: CompletedRing): void {
    const { operatorLog } = this.#options;
    const before = this.#rows.kids.size;
    if (promoted !== undefined) {
      const key = shortOf(promoted.kid);
      if (before === 0) operatorLog.info({ event: "signing_key_made", key });
      else operatorLog.warn({ event: "signing_key_replaced", key, retired: before, text: REPLACED });
    }
    if (made !== undefined) operatorLog.info({ event: "next_signing_key_made", key: shortOf(made) });
  }

  #settle(): void {
    const live = this.#rows.keys.filter(({ key }) => !this.#dead.has(key.kid));
    const keys = live.map(({ key }) => key);
    const signing = live[0]?.status === "active" ? live[0].key : undefined;
    this.#state = { signing, keys, publicKeys: publicKeysOf(keys) };
    for (const listener of this.#listeners) listener();
  }
}

/** What the operator's log shows of a `kid`: it cuts all that is as long as a secret. */
const shortOf = (kid: string): string => kid.slice(0, 8);

/** A key that verifiers may not know yet has some of its tokens refused: somebody should look. */
const levelOf = ({ warning }: SigningNow): "info" | "warn" => (warning === undefined ? "info" : "warn");

function lineOf({ kid, publishedSince, warning }: SigningNow) {
  return {
    key: shortOf(kid),
    publishedSince,
    ...(warning === undefined ? {} : { warning: warning.code, text: warning.text }),
  };
}

const REPLACED =
  "The key that signed may not be used: it is retired, revoked, or of a database from which the record of a revoked key may have been pruned. Tokens that it signed are refused; clients get new ones by themselves.";

import {
  type Clock,
  DEFAULT_SIGNING_ALGORITHM,
  isMembership,
  type Log,
  type RevocationRecord,
  type RotatedKey,
  SCOPE_CODES,
  SIGNING_ALGORITHMS,
  type SigningAlgorithm,
  type SigningKeyEntry,
  type SigningNow,
} from "@portcullis/protocol";
import type { JWK } from "jose";
import { coalesced } from "../storage/coalesced.ts";
import type { PruneTime } from "../storage/pruning.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { keysError } from "./errors.ts";
import {
  algorithmOf,
  type CompletedRing,
  completeRing,
  countKeys,
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
import { KeyMaker, publicKeysOf, type SigningKey } from "./signing-key.ts";

export interface KeyRingOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly operatorLog: Log;
}

/** What this server signs with and verifies by. Another object after every change. */
export interface RingState {
  /**
   * What signs, of each algorithm in use. Absent for the moment between a retirement and the reading of its successor: nothing
   * is signed with that algorithm then.
   */
  readonly signing: Readonly<Partial<Record<SigningAlgorithm, SigningKey>>>;
  /** Whether none of them is absent. */
  readonly isWhole: boolean;
  /** Private, all that are published: those that sign first, then the next. */
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

/** See `offer` of the ring. */
export type OfferAlgorithm = (algorithm: SigningAlgorithm) => Promise<SigningNow>;

export interface KeyRotation {
  readonly algorithm?: SigningAlgorithm;
  readonly actor?: string;
}

/**
 * The signing keys, loaded once and handed to everything that signs, publishes or verifies. SQL is the truth; `refresh`
 * brings what another server has changed. A key that is refused by the log is dead here in the same turn in which the
 * record is: before any other subscriber, and so before anybody is told.
 *
 * Each algorithm has its own. One key of it is always next: published since it was made, so that verifiers know it when it
 * takes the place of the one that signs, by rotation or by retirement. Who was given the JWKS before either of them can verify
 * what is signed after it. An algorithm that is offered once stays: something may have been told to use it.
 *
 * Fails towards denial: without a key that signs nothing is issued with its algorithm, and what a dead key signed is nobody's
 * token.
 */
export class KeyRing {
  readonly #options: KeyRingOptions;
  readonly #dead = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #maker = new KeyMaker();
  #rows: RingRows = { revision: -1, keys: [], kids: new Map() };
  #state: RingState = { signing: {}, isWhole: false, keys: [], publicKeys: { keys: [] } };
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
  async signing(algorithm: SigningAlgorithm = DEFAULT_SIGNING_ALGORITHM): Promise<SigningKey> {
    if (this.#isBehind) await this.#reload();
    const key = this.#state.signing[algorithm];
    if (key === undefined) throw keysError("no_signing_key");
    return key;
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
   * tokens have ended. Of an algorithm that has no key yet it makes both.
   */
  async rotate({ algorithm = DEFAULT_SIGNING_ALGORITHM, actor }: KeyRotation = {}): Promise<RotatedKey> {
    const { storage, operatorLog } = this.#options;
    const at = this.#now();
    const { promoted, made } = await storage.write(async (transaction) => {
      await lockRing(transaction);
      await this.#letActiveRetire(transaction, algorithm);
      return this.#complete(transaction, algorithm);
    });
    await this.#reload();
    const rotated = { ...signingNow({ algorithm, ...promoted! }, at), next: made! };
    operatorLog[levelOf(rotated)]({ event: "signing_key_rotated", actor, ...lineOf(rotated) });
    return rotated;
  }

  /**
   * Makes a key of the algorithm and the one that is next, and publishes both, if that was not done before. To be called before
   * anything is stored that is to be signed with it: no server ever finds a row whose tokens it cannot sign.
   *
   * Resolves with what signs, and with a warning if verifiers of others may not know it yet.
   */
  async offer(algorithm: SigningAlgorithm): Promise<SigningNow> {
    if (this.#state.signing[algorithm] === undefined) await this.#startUsing(algorithm);
    return this.signingNow(algorithm);
  }

  async #startUsing(algorithm: SigningAlgorithm): Promise<void> {
    // Before others wait for it.
    this.#maker.prepare(algorithm);
    const completed = await this.#options.storage.write(async (transaction) => {
      await lockRing(transaction);
      return this.#complete(transaction, algorithm);
    });
    this.#tellOfMended(algorithm, completed);
    await this.#reload();
  }

  /** What signs now. Throws `no_signing_key`, which is temporary. */
  async signingNow(algorithm: SigningAlgorithm = DEFAULT_SIGNING_ALGORITHM): Promise<SigningNow> {
    await this.refresh();
    const { kid } = await this.signing(algorithm);
    const { publishedAt } = this.#rows.keys.find(({ key }) => key.kid === kid)!;
    return signingNow({ algorithm, kid, publishedAt }, this.#now());
  }

  /** What signs with the algorithm of a key of ours; of one that is not, with the one that is always there. */
  async signingBeside(kid: string): Promise<SigningNow> {
    await this.refresh();
    return this.signingNow(this.#rows.kids.get(kid));
  }

  /**
   * The part of a retirement that belongs in the transaction of its record: the successor signs, and has one of its own.
   * Does nothing for keys that are not ours, and again nothing for one that is retired already. `refresh` before anybody is
   * told.
   */
  async retireIn(transaction: WriteTransaction, { kid, reason, actor }: KeyRetirement): Promise<void> {
    const algorithm = await algorithmOf(transaction, kid);
    if (algorithm === undefined) return;
    await lockRing(transaction);
    await markRetired(transaction, { kid, reason, at: this.#now(), by: actor });
    await this.#complete(transaction, algorithm);
  }

  #complete(transaction: WriteTransaction, algorithm: SigningAlgorithm): Promise<CompletedRing> {
    return completeRing(transaction, { algorithm, at: this.#now(), maker: this.#maker });
  }

  /** Retiring keys whose tokens have ended leave by themselves. Called now and then; gives how many left. */
  async tidy(time: PruneTime): Promise<number> {
    const { storage } = this.#options;
    const now = time.seconds;
    const over = await storage.read
      .selectFrom("oidc_signing_keys")
      .select("kid")
      .where("status", "=", "retiring")
      .where("published_until", "<", now)
      .execute();
    if (over.length === 0) return 0;
    await storage.write(async (transaction) => {
      await lockRing(transaction);
      for (const { kid } of over) await markRetired(transaction, { kid, reason: ROTATED, at: now });
    });
    await this.#reload();
    return over.length;
  }

  async #letActiveRetire({ db }: WriteTransaction, algorithm: SigningAlgorithm): Promise<void> {
    const { log } = this.#options.storage;
    const longest = Math.max(log.tokenLifetimeSeconds, ID_TOKEN_SECONDS) + log.clockSkewSeconds;
    await db
      .updateTable("oidc_signing_keys")
      .set({
        status: "retiring",
        published_until: log.retention.latest() + longest + RETIRING_MARGIN_SECONDS,
      })
      .where("status", "=", "active")
      .where("algorithm", "=", algorithm)
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
      () => this.#tellOfSuccessorsOf(before),
      () => undefined,
    );
  }

  #tellOfSuccessorsOf(before: RingState["signing"]): void {
    for (const { algorithm, status, key, publishedAt } of this.#rows.keys) {
      if (status !== "active" || key.kid === before[algorithm]?.kid) continue;
      const now = signingNow({ algorithm, kid: key.kid, publishedAt }, this.#now());
      this.#options.operatorLog[levelOf(now)]({ event: "signing_key_succeeded", ...lineOf(now) });
    }
  }

  #isRecordOf(kid: string, { key }: RevocationRecord): boolean {
    return Buffer.compare(this.#options.storage.log.keySpace.keyOf("key", kid), key) === 0;
  }

  async #readIfChanged(): Promise<void> {
    if ((await readRevision(this.#options.storage.readKept)) !== this.#rows.revision) await this.#reload();
  }

  async #read(): Promise<void> {
    const { readKept: read } = this.#options.storage;
    this.#rows = await readRing(read);
    await this.#markRefused();
    if (!this.#isWhole()) {
      await this.#mend();
      this.#rows = await readRing(read);
    }
    this.#isBehind = false;
    this.#settle();
    for (const algorithm of this.#algorithmsInUse()) this.#maker.prepare(algorithm);
  }

  #isWhole(): boolean {
    return !this.#hasDead() && this.#algorithmsInUse().every((algorithm) => this.#hasBoth(algorithm));
  }

  #hasBoth(algorithm: SigningAlgorithm): boolean {
    const ofIt = this.#rows.keys.filter((row) => row.algorithm === algorithm);
    return ofIt[0]?.status === "active" && ofIt[1]?.status === "next";
  }

  #algorithmsInUse(): readonly SigningAlgorithm[] {
    const offered = new Set(this.#rows.kids.values());
    return SIGNING_ALGORITHMS.filter((name) => name === DEFAULT_SIGNING_ALGORITHM || offered.has(name));
  }

  #hasDead(): boolean {
    return this.#rows.keys.some(({ key }) => this.#dead.has(key.kid));
  }

  /** Keys that SQL refuses: a server of an older version has written their record, and knew no more to do. */
  async #markRefused(): Promise<void> {
    const kids = this.#rows.keys.map(({ key }) => key.kid);
    if (kids.length === 0) return;
    const refused = await this.#options.storage.readKept
      .selectFrom("standing_refusals")
      .select("key_text")
      // A thumbprint of a DPoP key may be spelt like a kid, and refuses no key of ours.
      .where("scope", "=", SCOPE_CODES.key)
      .where("key_text", "in", kids)
      .execute();
    for (const { key_text: kid } of refused) this.#dead.add(kid!);
  }

  /** Retires what is dead and not retired, and leaves one key of each algorithm that signs and one that is next. */
  async #mend(): Promise<void> {
    const { storage } = this.#options;
    const inUse = this.#algorithmsInUse();
    const completed = await storage.write(async (transaction) => {
      await lockRing(transaction);
      for (const { key } of this.#rows.keys) {
        if (!this.#dead.has(key.kid)) continue;
        await markRetired(transaction, { kid: key.kid, reason: "revoked", at: this.#now() });
      }
      const rings: CompletedRing[] = [];
      for (const algorithm of inUse) rings.push(await this.#complete(transaction, algorithm));
      return rings;
    });
    for (const [index, algorithm] of inUse.entries()) this.#tellOfMended(algorithm, completed[index]!);
  }

  #tellOfMended(algorithm: SigningAlgorithm, { promoted, made }: CompletedRing): void {
    const { operatorLog } = this.#options;
    const retired = [...this.#rows.kids.values()].filter((name) => name === algorithm).length;
    if (promoted !== undefined) {
      const key = shortOf(promoted.kid);
      if (retired === 0) operatorLog.info({ event: "signing_key_made", algorithm, key });
      else operatorLog.warn({ event: "signing_key_replaced", algorithm, key, retired, text: REPLACED });
    }
    if (made !== undefined)
      operatorLog.info({ event: "next_signing_key_made", algorithm, key: shortOf(made) });
  }

  #settle(): void {
    const live = this.#rows.keys.filter(({ key }) => !this.#dead.has(key.kid));
    const keys = live.map(({ key }) => key);
    const active = live.filter(({ status }) => status === "active");
    const signing = Object.fromEntries(active.map(({ algorithm, key }) => [algorithm, key]));
    const isWhole = this.#algorithmsInUse().every((algorithm) => Object.hasOwn(signing, algorithm));
    this.#state = { signing, isWhole, keys, publicKeys: publicKeysOf(keys) };
    for (const listener of this.#listeners) listener();
  }
}

/** What the operator's log shows of a `kid`: it cuts all that is as long as a secret. */
const shortOf = (kid: string): string => kid.slice(0, 8);

/** A key that verifiers may not know yet has some of its tokens refused: somebody should look. */
const levelOf = ({ warning }: SigningNow): "info" | "warn" => (warning === undefined ? "info" : "warn");

function lineOf({ kid, algorithm, publishedSince, warning }: SigningNow) {
  return {
    algorithm,
    key: shortOf(kid),
    publishedSince,
    ...(warning === undefined ? {} : { warning: warning.code, text: warning.text }),
  };
}

const REPLACED =
  "The key that signed may not be used: it is retired, revoked, or of a database from which the record of a revoked key may have been pruned. Tokens that it signed are refused; clients get new ones by themselves.";

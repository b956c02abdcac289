import { every, type ServedLog } from "@portcullis/feed-server";
import {
  type Clock,
  hasCode,
  type Log,
  MODE_CODES,
  reasonOfCode,
  SCOPE_CODES,
  systemClock,
} from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";
import type { RetentionClock } from "../storage/log/retention-clock.ts";
import type { RevocationsTable } from "../storage/tables/revocations.ts";
import type { RedisConnection } from "./connect-redis.ts";
import { beginning, type Place, PlainPlace } from "./plain-place.ts";
import type { RedisDamage } from "./redis-damage.ts";
import { runScript, script } from "./run-script.ts";

export interface PlainKeysOptions {
  readonly redis: RedisConnection;
  readonly keyPrefix: string;
  readonly log: ServedLog;
  readonly read: Kysely<Database>;
  /** A key that was not written because this clock ran ahead would let a revoked token pass: the slower clock decides. */
  readonly retention: Pick<RetentionClock, "earliest">;
  readonly operatorLog: Log;
  readonly damage: RedisDamage;
  readonly clock?: Pick<Clock, "monotonicMs">;
  /** How often it is looked whether the keys are still there; default 3,000. */
  readonly compareMs?: number;
}

/** Keys of one slice: written together, before the next is read. */
const KEYS_PER_SLICE = 500;
const COMPARE_MS = 3000;
/** All keys are written again at most so often: while Redis goes on to evict, it would be without end. */
const REFILL_MS = 60_000;
/** Clocks of Redis and of the server may differ by less: a key that went a little early is not missed. */
const CHECK_MARGIN_SECONDS = 30;
const MAX_VALUE_BYTES = 64;
const NAMES: Readonly<Record<number, string>> = {
  [SCOPE_CODES.token]: "revoked:jti:",
  [SCOPE_CODES.session]: "revoked:sid:",
};
const SCOPES = Object.keys(NAMES).map(Number);

/**
 * ARGV: value, the Unix second at which it goes. A repeat never shortens what is there; what has no end, or is no such
 * value, is replaced. Gives 1 when the key was not as it must be, and 0 when it was.
 */
const SET_UNTIL = script(`
local kind = redis.call('TYPE', KEYS[1]).ok
local goesAt = redis.call('EXPIRETIME', KEYS[1])
if kind == 'string' and goesAt >= 0 and redis.call('STRLEN', KEYS[1]) <= ${MAX_VALUE_BYTES} then
  return redis.call('EXPIREAT', KEYS[1], ARGV[2], 'GT')
end
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'EXAT', ARGV[2])
return 1
`);

type PlainRow = Pick<RevocationsTable, "seq" | "scope" | "reason" | "key_text" | "expires_at">;

/**
 * Keeps `revoked:jti:<jti>` and `revoked:sid:<sid>`, for gateways that look a token up themselves. How far they are
 * written is kept in Redis beside them: a wipe takes that away as well, and all live ones are written again. What goes alone
 * (Redis evicts, a shard is lost, somebody deletes) is found by a walk over all that must be there, a slice at each
 * look: what is missing is written, and once something was, so are all. Any number of servers may write at the same time.
 */
export class PlainKeys {
  readonly #options: PlainKeysOptions;
  readonly #place: PlainPlace;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #stops: (() => unknown)[];
  #running: Promise<void> | undefined;
  #again = false;
  #mustCheck = false;
  /** Up to which seq this walk has looked. */
  #checked = 0;
  #refilledAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: PlainKeysOptions) {
    this.#options = options;
    this.#place = new PlainPlace(options.redis, options.keyPrefix);
    this.#clock = options.clock ?? systemClock;
    const wake = () => this.#wake();
    this.#stops = [
      options.log.subscribe(wake),
      options.redis.onUp(wake),
      every(options.compareMs ?? COMPARE_MS, () => {
        this.#mustCheck = true;
        this.#wake();
      }),
    ];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#stops.map((stop) => stop()));
    await this.#running;
  }

  #wake(): void {
    if (this.#closed || !this.#options.redis.isUp()) return;
    this.#again = true;
    this.#running ??= this.#run()
      .catch((error: unknown) => {
        if (hasCode(error, "redis_unavailable") || this.#closed) return;
        // Until they are written, whoever reads them takes revoked tokens.
        this.#options.operatorLog.error({ event: "redis_plain_keys_failed", error });
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      let written: Place | undefined;
      let place: Place | undefined = await this.#find();
      while (place !== undefined && !this.#closed) {
        written = place;
        place = await this.#writeAfter(place);
      }
      if (written !== undefined && this.#mustCheck && !this.#again && !this.#closed)
        await this.#check(written);
    }
  }

  async #find(): Promise<Place> {
    const { log } = this.#options;
    const found = await this.#place.read();
    if (found?.incarnation === log.incarnation && found.seq <= (await log.refresh())) return found;
    return this.#place.begin(log.incarnation);
  }

  /** Nothing when all is written, or when the keys were wiped meanwhile: then they are begun anew at the next look. */
  async #writeAfter(place: Place): Promise<Place | undefined> {
    const { log } = this.#options;
    const head = log.head();
    if (place.seq >= head) return undefined;
    const rows = await this.#rowsAfter(place.seq, head);
    await this.#write(rows);
    const seq = rows.length < KEYS_PER_SLICE ? head : rows.at(-1)!.seq;
    const next = { ...place, seq };
    // Only now: who reads the place relies on every key up to it.
    if (await this.#place.move(place, next)) return next;
    this.#again = true;
    return undefined;
  }

  /** Looks at one slice of what was written. */
  async #check(place: Place): Promise<void> {
    this.#mustCheck = false;
    const rows = await this.#rowsAfter(this.#checked, place.seq);
    const missing = await this.#write(rows, CHECK_MARGIN_SECONDS);
    this.#checked = rows.length < KEYS_PER_SLICE ? 0 : rows.at(-1)!.seq;
    if (missing > 0) await this.#refill(place, missing);
  }

  /** Begins all anew. When the place is gone as well it was a wipe, which is seen at the next look. */
  async #refill(place: Place, missing: number): Promise<void> {
    const { damage, operatorLog } = this.#options;
    const now = this.#clock.monotonicMs();
    const isDue = now >= this.#refilledAt + REFILL_MS;
    const to = isDue ? beginning(place.incarnation) : place;
    this.#again = isDue;
    if (!(await this.#place.move(place, to))) return;
    damage.found("plain_keys", missing);
    if (!isDue) return;
    this.#refilledAt = now;
    operatorLog.error({ event: "redis_plain_keys_missing", missing, head: place.seq });
  }

  #rowsAfter(seq: number, upTo: number): Promise<PlainRow[]> {
    return this.#options.read
      .selectFrom("revocations")
      .select(["seq", "scope", "reason", "key_text", "expires_at"])
      .where("seq", ">", seq)
      .where("seq", "<=", upTo)
      .where("scope", "in", SCOPES)
      .where("mode", "=", MODE_CODES.kill)
      .orderBy("seq")
      .limit(KEYS_PER_SLICE)
      .execute();
  }

  /** Gives how many were not there as they must be. Those that go within the margin are left out. */
  async #write(rows: readonly PlainRow[], marginSeconds = 0): Promise<number> {
    const answers = await Promise.all(rows.map((row) => this.#writeOne(row, marginSeconds)));
    return answers.filter(Boolean).length;
  }

  async #writeOne(row: PlainRow, marginSeconds: number): Promise<boolean> {
    // Through the last second in which a token could verify.
    const goesAt = row.expires_at + 1;
    if (row.key_text === null || goesAt <= this.#options.retention.earliest() + marginSeconds) return false;
    const key = `${NAMES[row.scope]}${row.key_text}`;
    const values = [reasonOfCode(row.reason), String(goesAt)];
    return (await runScript(this.#options.redis, SET_UNTIL, { key, values })) === 1;
  }
}

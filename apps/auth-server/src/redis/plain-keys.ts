import { randomUUID } from "node:crypto";
import { every, type ServedLog } from "@portcullis/feed-server";
import { hasCode, type Log, MODE_CODES, reasonOfCode, SCOPE_CODES } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";
import type { RetentionClock } from "../storage/log/retention-clock.ts";
import type { RevocationsTable } from "../storage/tables/revocations.ts";
import type { RedisConnection } from "./connect-redis.ts";
import { runScript, script } from "./run-script.ts";

export interface PlainKeysOptions {
  readonly redis: RedisConnection;
  readonly keyPrefix: string;
  readonly log: ServedLog;
  readonly read: Kysely<Database>;
  /** A key that was not written because this clock ran ahead would let a revoked token pass: the slower clock decides. */
  readonly retention: Pick<RetentionClock, "earliest">;
  readonly operatorLog: Log;
  /** How often it is looked whether the keys are still there; default 3,000. */
  readonly compareMs?: number;
}

/** Keys of one slice: written together, before the next is read. */
const KEYS_PER_SLICE = 500;
const COMPARE_MS = 3000;
const NAMES: Readonly<Record<number, string>> = {
  [SCOPE_CODES.token]: "revoked:jti:",
  [SCOPE_CODES.session]: "revoked:sid:",
};
const SCOPES = Object.keys(NAMES).map(Number);

/** ARGV: value, the Unix second at which it goes. A repeat never shortens what is there. */
const SET_UNTIL = script(`
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EXAT', ARGV[2])
redis.call('EXPIREAT', KEYS[1], ARGV[2], 'GT')
return 1
`);

/** ARGV: what it must be, what it becomes. */
const MOVE = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`);

type PlainRow = Pick<RevocationsTable, "seq" | "scope" | "reason" | "key_text" | "expires_at">;

interface Place {
  /** Of one life of the keys: after a wipe there is another, so that nobody goes on from before it. */
  readonly life: string;
  readonly incarnation: string;
  readonly seq: number;
}

/**
 * Keeps `revoked:jti:<jti>` and `revoked:sid:<sid>`, for gateways that look a token up themselves. How far they are
 * written is kept in Redis beside them: a wipe takes that away as well, and all live ones are written again. Any number
 * of servers may write at the same time.
 */
export class PlainKeys {
  readonly #options: PlainKeysOptions;
  readonly #placeKey: string;
  readonly #stops: (() => unknown)[];
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: PlainKeysOptions) {
    this.#options = options;
    this.#placeKey = `${options.keyPrefix}:plain`;
    const wake = () => this.#wake();
    this.#stops = [
      options.log.subscribe(wake),
      options.redis.onUp(wake),
      every(options.compareMs ?? COMPARE_MS, wake),
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
      let place: Place | undefined = await this.#place();
      while (place !== undefined && !this.#closed) place = await this.#writeAfter(place);
    }
  }

  async #place(): Promise<Place> {
    const { redis, log } = this.#options;
    const found = placeOf(await redis.call(this.#placeKey, "GET", this.#placeKey));
    if (found?.incarnation === log.incarnation && found.seq <= (await log.refresh())) return found;
    const fresh = { life: randomUUID(), incarnation: log.incarnation, seq: 0 };
    await redis.call(this.#placeKey, "SET", this.#placeKey, textOf(fresh));
    return fresh;
  }

  /** Nothing when all is written, or when the keys were wiped meanwhile: then they are begun anew at the next look. */
  async #writeAfter(place: Place): Promise<Place | undefined> {
    const { log, redis } = this.#options;
    const head = log.head();
    if (place.seq >= head) return undefined;
    const rows = await this.#rowsAfter(place.seq, head);
    await Promise.all(rows.map((row) => this.#write(row)));
    const seq = rows.length < KEYS_PER_SLICE ? head : rows.at(-1)!.seq;
    const next = { ...place, seq };
    // Only now: who reads the place relies on every key up to it.
    const values = [textOf(place), textOf(next)];
    if ((await runScript(redis, MOVE, { key: this.#placeKey, values })) === 1) return next;
    this.#again = true;
    return undefined;
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

  async #write(row: PlainRow): Promise<void> {
    // Through the last second in which a token could verify.
    const goesAt = row.expires_at + 1;
    if (row.key_text === null || goesAt <= this.#options.retention.earliest()) return;
    const key = `${NAMES[row.scope]}${row.key_text}`;
    await runScript(this.#options.redis, SET_UNTIL, {
      key,
      values: [reasonOfCode(row.reason), String(goesAt)],
    });
  }
}

const textOf = ({ life, incarnation, seq }: Place): string => `${life} ${incarnation} ${seq}`;

function placeOf(text: unknown): Place | undefined {
  const [, life, incarnation, seq] = /^(\S+) (\S+) (\d{1,15})$/.exec(String(text)) ?? [];
  return seq === undefined ? undefined : { life: life!, incarnation: incarnation!, seq: Number(seq) };
}

import { randomUUID } from "node:crypto";
import type { RedisConnection } from "./connect-redis.ts";
import { runScript, script } from "./run-script.ts";

/** How far the plain keys are written. */
export interface Place {
  /** Of one life of the keys: after a wipe there is another, so that nobody goes on from before it. */
  readonly life: string;
  readonly incarnation: string;
  readonly seq: number;
}

const MAX_PLACE_BYTES = 200;

/** Gives the text, or nothing. What is no short text is taken away: it would be read again and again. */
const READ = script(`
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'string' and redis.call('STRLEN', KEYS[1]) <= ${MAX_PLACE_BYTES} then return redis.call('GET', KEYS[1]) end
redis.call('UNLINK', KEYS[1])
return ''
`);

/** ARGV: what it must be, what it becomes. */
const MOVE = script(`
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return 0 end
if redis.call('STRLEN', KEYS[1]) ~= #ARGV[1] or redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`);

/** The key `<prefix>:plain`, which goes when Redis is wiped. Moved by compare-and-set, by any number of servers. */
export class PlainPlace {
  readonly #redis: RedisConnection;
  readonly #key: string;

  constructor(redis: RedisConnection, keyPrefix: string) {
    this.#redis = redis;
    this.#key = `${keyPrefix}:plain`;
  }

  async read(): Promise<Place | undefined> {
    return placeOf(await runScript(this.#redis, READ, { key: this.#key, values: [] }));
  }

  /** Whatever is there now: every key is to be written again. */
  async begin(incarnation: string): Promise<Place> {
    const fresh = beginning(incarnation);
    await this.#redis.call(this.#key, "SET", this.#key, textOf(fresh));
    return fresh;
  }

  /** Gives whether it was still where it was. */
  async move(from: Place, to: Place): Promise<boolean> {
    const values = [textOf(from), textOf(to)];
    return (await runScript(this.#redis, MOVE, { key: this.#key, values })) === 1;
  }
}

export const beginning = (incarnation: string): Place => ({ life: randomUUID(), incarnation, seq: 0 });

const textOf = ({ life, incarnation, seq }: Place): string => `${life} ${incarnation} ${seq}`;

function placeOf(text: unknown): Place | undefined {
  const [, life, incarnation, seq] = /^(\S+) (\S+) (\d{1,15})$/.exec(String(text)) ?? [];
  return seq === undefined ? undefined : { life: life!, incarnation: incarnation!, seq: Number(seq) };
}

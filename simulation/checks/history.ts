import { encodeRecords, type RevocationRecord } from "@portcullis/protocol";
import type { KeySpace } from "@portcullis/revocation";
import { SKEW_SECONDS } from "../server/data-file.ts";
import { covers, type IssuedToken, type Revoked } from "../tokens.ts";
import { START_MS } from "../world/node-clock.ts";
import type { Schedule } from "../world/schedule.ts";

/** Of those that were revoked, and of the fewer that were not. */
const MAX_EXPIRED_TOKENS = 12;

interface Committed {
  /** True time, ms. */
  readonly at: number;
  readonly bytes: Buffer;
  readonly expiresAt: number;
}

/**
 * What is true, kept beside the product: every record that was committed, in order, and every token that is out
 * there with what the records say of it.
 */
export class History {
  readonly #schedule: Schedule;
  readonly #committed: Committed[] = [];
  readonly #asked = new Map<string, Revoked>();
  readonly acknowledged = new Set<number>();
  tokens: IssuedToken[] = [];
  /** Expired: somebody tries them still, where a clock is slow. */
  expiredTokens: IssuedToken[] = [];

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  get head(): number {
    return this.#committed.length;
  }

  get nowSeconds(): number {
    return (START_MS + this.#schedule.now) / 1000;
  }

  committedAt(seq: number): number | undefined {
    return this.#committed[seq - 1]?.at;
  }

  /** Before it is sent: the log has only the hash of what was named. */
  ask(revoked: Revoked, keySpace: KeySpace): void {
    const key = Buffer.from(keySpace.keyOf(revoked.scope, revoked.key)).toString("hex");
    this.#asked.set(`${revoked.scope} ${revoked.mode} ${key}`, revoked);
  }

  /** Gives what is wrong with the records, if anything. */
  commit(records: readonly RevocationRecord[]): string | undefined {
    for (const record of records) {
      if (record.seq !== this.head + 1) return `seq ${record.seq} was committed after ${this.head}`;
      const key = `${record.scope} ${record.mode} ${Buffer.from(record.key).toString("hex")}`;
      const revoked = this.#asked.get(key);
      if (revoked === undefined) return `seq ${record.seq} was never asked for`;
      const { expiresAt } = record;
      const bytes = Buffer.from(encodeRecords([record]));
      this.#committed.push({ at: this.#schedule.now, bytes, expiresAt });
      for (const token of [...this.tokens, ...this.expiredTokens]) markToken(token, revoked, record.seq);
    }
    return undefined;
  }

  /** Compares what a database holds with what was committed; what has expired may be gone from its old end. */
  differenceFrom(records: readonly RevocationRecord[], head: number): string | undefined {
    if (head !== this.head) return `the database ends at ${head}, ${this.head} were committed`;
    const first = records[0]?.seq ?? head + 1;
    const lost = this.#committed.slice(0, first - 1).findIndex((one) => one.expiresAt >= this.nowSeconds);
    if (lost !== -1) return `seq ${lost + 1} is gone before it has expired`;
    for (const [index, record] of records.entries()) {
      if (!this.#committed[first - 1 + index]?.bytes.equals(encodeRecords([record]))) {
        return `seq ${first + index} is not what was committed`;
      }
    }
    const missing = [...this.acknowledged].find((seq) => seq > head);
    return missing === undefined ? undefined : `seq ${missing} was acknowledged and is lost`;
  }

  forgetExpiredTokens(): void {
    const { nowSeconds } = this;
    const isAlive = ({ claims }: IssuedToken) => claims.exp + SKEW_SECONDS > nowSeconds;
    const expired = this.tokens.filter((token) => !isAlive(token));
    const all = [...this.expiredTokens, ...expired];
    const isRevoked = ({ killedFrom, staleFrom }: IssuedToken) => Math.min(killedFrom, staleFrom) < Infinity;
    this.expiredTokens = [
      ...all.filter(isRevoked).slice(-MAX_EXPIRED_TOKENS),
      ...all.filter((token) => !isRevoked(token)).slice(-MAX_EXPIRED_TOKENS),
    ];
    this.tokens = this.tokens.filter(isAlive);
  }
}

function markToken(token: IssuedToken, revoked: Revoked, seq: number): void {
  if (!covers(revoked, seq, token.claims)) return;
  if (revoked.mode === "kill") token.killedFrom = Math.min(token.killedFrom, seq);
  else token.staleFrom = Math.min(token.staleFrom, seq);
}

export function expectedOutcome(token: IssuedToken, applied: number): "allow" | "killed" | "stale" {
  if (token.killedFrom <= applied) return "killed";
  return token.staleFrom <= applied ? "stale" : "allow";
}

/** Parts of Redis in which something can be found that no server of ours left there, or that is gone before its time. */
export const DAMAGED_PARTS = ["feed", "plain_keys", "bus", "limits", "sign_ins"] as const;

export type DamagedPart = (typeof DAMAGED_PARTS)[number];

/** Counts what was found wrong in Redis since this server began. All of it is put right or left out at once. */
export class RedisDamage {
  readonly #counts = new Map<DamagedPart, number>();

  found(part: DamagedPart, count = 1): void {
    this.#counts.set(part, this.count(part) + count);
  }

  count(part: DamagedPart): number {
    return this.#counts.get(part) ?? 0;
  }
}

/** What can be asked about the Redis of this server. */
export interface RedisHealth {
  isUp(): boolean;
  readonly damage: Pick<RedisDamage, "count">;
}

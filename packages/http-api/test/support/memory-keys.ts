import type { Claimed, IdempotencyKeys, KeyedCall, StoredAnswer } from "@portcullis/http-api";

interface Row {
  readonly fingerprint: string;
  answer?: StoredAnswer;
}

/** The port in memory: for one server, and for tests. */
export class MemoryKeys implements IdempotencyKeys {
  readonly rows = new Map<string, Row>();

  async claim(call: Claimed) {
    const fingerprint = Buffer.from(call.fingerprint).toString("hex");
    const row = this.rows.get(idOf(call));
    if (row === undefined) {
      this.rows.set(idOf(call), { fingerprint });
      return { state: "fresh" } as const;
    }
    if (row.fingerprint !== fingerprint) return { state: "conflict" } as const;
    return row.answer === undefined
      ? ({ state: "in_progress" } as const)
      : ({ state: "replay", answer: row.answer } as const);
  }

  async complete(call: KeyedCall, answer: StoredAnswer): Promise<void> {
    this.rows.get(idOf(call))!.answer = answer;
  }

  async release(call: KeyedCall): Promise<void> {
    this.rows.delete(idOf(call));
  }
}

const idOf = ({ key, callerId }: KeyedCall): string => JSON.stringify([callerId, key]);

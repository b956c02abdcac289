import { type Batch, encodeBase64url, encodeRecords, formatCursor, type Reset } from "@portcullis/protocol";
import type { ChainedRecord } from "./served-log.ts";

export const HEARTBEAT = Buffer.from(": heartbeat\n\n");

interface BatchContent {
  readonly incarnation: string;
  readonly prev: number;
  /** They follow on `prev` without a gap. */
  readonly records: readonly ChainedRecord[];
  /** The issuer's word on the last of them. */
  readonly signedHead?: string | undefined;
}

/** The event `batch`. Its id is the cursor after it. */
export function batchEvent({ incarnation, prev, records, signedHead }: BatchContent): Buffer {
  const { seq: to, chain } = records.at(-1)!;
  const batch: Batch = {
    incarnation,
    prev,
    from: records[0]!.seq,
    to,
    records: Buffer.from(encodeRecords(records).buffer).toString("base64url"),
    chain: encodeBase64url(chain),
    ...(signedHead !== undefined && { signedHead }),
  };
  return Buffer.from(
    `id: ${formatCursor(incarnation, to)}\nevent: batch\ndata: ${JSON.stringify(batch)}\n\n`,
  );
}

export function resetEvent(reset: Reset): Buffer {
  return Buffer.from(`event: reset\ndata: ${JSON.stringify(reset)}\n\n`);
}

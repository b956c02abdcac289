import {
  type Batch,
  encodeRecords,
  formatCursor,
  type Reset,
  type RevocationRecord,
} from "@portcullis/protocol";

export const HEARTBEAT = Buffer.from(": heartbeat\n\n");

/** The event `batch`. Its id is the cursor after it. `records` follow on `prev` without a gap. */
export function batchEvent(incarnation: string, prev: number, records: readonly RevocationRecord[]): Buffer {
  const to = records.at(-1)!.seq;
  const batch: Batch = {
    incarnation,
    prev,
    from: records[0]!.seq,
    to,
    records: Buffer.from(encodeRecords(records).buffer).toString("base64url"),
  };
  return Buffer.from(
    `id: ${formatCursor(incarnation, to)}\nevent: batch\ndata: ${JSON.stringify(batch)}\n\n`,
  );
}

export function resetEvent(reset: Reset): Buffer {
  return Buffer.from(`event: reset\ndata: ${JSON.stringify(reset)}\n\n`);
}

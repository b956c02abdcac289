import { batchSchema, RECORD_BYTES } from "@portcullis/protocol";
import { revocationError } from "../errors.ts";
import type { DecodedBatch } from "../feed.ts";
import type { RawEntry } from "./stream-client.ts";

/**
 * A batch from the fields of an entry. Throws `malformed_feed` for what no publisher of ours writes. Whether it says
 * the truth is for the replica to find out, from the chain and from the issuer's word on it.
 */
export function readEntry({ id, fields }: RawEntry): DecodedBatch {
  if (isOutOfBounds(fields)) throw malformed(id);
  const { records } = fields;
  const head = textOf(fields.head);
  const parsed = batchSchema.safeParse({
    incarnation: textOf(fields.incarnation),
    prev: Number(textOf(fields.prev)),
    from: Number(textOf(fields.from)),
    to: Number(textOf(fields.to)),
    records: "",
    chain: textOf(fields.chain),
    ...(head === "" ? {} : { signedHead: head }),
  });
  if (!parsed.success || !(records instanceof Uint8Array)) throw malformed(id);
  const { records: _none, ...batch } = parsed.data;
  const { prev, from, to } = batch;
  const isWhole = records.length === (to - prev) * RECORD_BYTES;
  if (id !== `${to}-0` || from !== prev + 1 || to < from || !isWhole) throw malformed(id);
  return { ...batch, records };
}

/** What publishers write has seven fields of up to 40 KB. Nothing longer is turned into text, nor run through the chain. */
const MAX_FIELDS = 16;
const MAX_FIELD_BYTES = 64 * 1024;

function isOutOfBounds(fields: RawEntry["fields"]): boolean {
  const values = Object.values(fields);
  return (
    values.length > MAX_FIELDS ||
    values.some((value) => value instanceof Uint8Array && value.length > MAX_FIELD_BYTES)
  );
}

const textOf = (value: unknown): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : "";

const malformed = (id: string) =>
  revocationError("malformed_feed", { detail: `the entry ${id.slice(0, 40)} in Redis cannot be read` });

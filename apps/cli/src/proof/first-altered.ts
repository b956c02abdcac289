import { hash } from "node:crypto";
import {
  decodeBase64url,
  encodeBase64url,
  extendChain,
  type LogPage,
  RECORD_BYTES,
} from "@portcullis/protocol";

/**
 * The first row of a page whose record does not give the value of the chain that is stored with it: once one does not,
 * none after it does, so it is found by halving.
 */
export async function firstAltered(
  page: LogPage,
  readOne: (after: number) => Promise<LogPage>,
): Promise<number | undefined> {
  const values = valuesOf(page);
  let good = 0;
  let bad = values.length - 1;
  if (bad < 1 || values[bad] === page.chain) return undefined;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    const { chain } = await readOne(page.after + middle - 1);
    if (chain === values[middle]) good = middle;
    else bad = middle;
  }
  return page.after + bad;
}

/** Values of the chain at `after`, and after each record, as the records give them. */
function valuesOf(page: LogPage): string[] {
  const records = decodeBase64url(page.records)!;
  let chain = decodeBase64url(page.chainBefore ?? "")!;
  const values = [encodeBase64url(chain)];
  for (let at = 0; at < records.length && chain.length > 0; at += RECORD_BYTES) {
    chain = extendChain(chain, records.subarray(at, at + RECORD_BYTES), sha256);
    values.push(encodeBase64url(chain));
  }
  return values;
}

const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

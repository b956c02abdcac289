import { createHash } from "node:crypto";

/** Returns what a process of this name would make at its start for its leases: the same each time. */
export const leaseSecretOf = (process: string): string =>
  createHash("sha256").update(process).digest("base64url");

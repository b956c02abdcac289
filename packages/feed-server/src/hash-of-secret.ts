import { createHash } from "node:crypto";

/** Returns what is kept of a lease holder's secret: it has 256 random bits, so one plain hash hides it. */
export const hashOfSecret = (secret: string): string =>
  createHash("sha256").update(secret).digest("base64url");

/** How tokens for scripts are shown. */
import type { ScriptToken } from "@portcullis/protocol";
import { EXAMPLE_SID } from "../../revocations/index.ts";
import type { StoredToken } from "../../tokens/script-tokens.ts";

export const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** Whose it is, in words. */
export type ShownOwner = Pick<ScriptToken, "user" | "app">;

export const shownToken = (token: StoredToken, owner: ShownOwner, isLive: boolean): ScriptToken => ({
  id: token.id,
  kind: token.kind,
  name: token.name,
  ...owner,
  api: token.api,
  permissions: Object.keys(token.permissions),
  ...(token.allowedAddresses === undefined ? {} : { allowedAddresses: [...token.allowedAddresses] }),
  createdAt: timeOf(token.createdAt),
  createdBy: token.createdBy,
  ...(token.expiresAt === null ? {} : { expiresAt: timeOf(token.expiresAt) }),
  ...(token.lastUsedAt === null ? {} : { lastUsedAt: timeOf(token.lastUsedAt) }),
  ...(token.lastUsedAddress === null ? {} : { lastUsedAddress: token.lastUsedAddress }),
  ...(token.lastUsedVia === null ? {} : { lastUsedVia: token.lastUsedVia }),
  active: isLive,
  ...(token.rotatedTo === null ? {} : { rotatedTo: token.rotatedTo }),
  ...(token.ended === undefined ? {} : { endedAt: timeOf(token.ended.at), reason: token.ended.reason }),
});

export const EXAMPLE_TOKEN = {
  id: EXAMPLE_SID,
  kind: "personal",
  name: "Nightly export",
  user: { sub: "q0hZ0AVt8Vt7mGQf2bqfYk", username: "alice" },
  api: "https://orders.example",
  permissions: ["orders.read"],
  createdAt: "2026-03-01T12:00:00.000Z",
  createdBy: "q0hZ0AVt8Vt7mGQf2bqfYk",
  expiresAt: "2026-09-01T12:00:00.000Z",
  lastUsedAt: "2026-03-02T08:30:00.000Z",
  lastUsedAddress: "203.0.113.7",
  lastUsedVia: "gateway",
  active: true,
} as const satisfies ScriptToken;

/** Of 32 bytes that are zero: nobody was ever given it. */
export const EXAMPLE_TEXT = "pcl_pat_0000000000000000000000000000000000000000000_4gVtiF";

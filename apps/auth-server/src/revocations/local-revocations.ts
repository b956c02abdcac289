import type { RevocationView } from "@portcullis/revocation";

/**
 * The log as this server itself sees it: its records are in the index when the write that made them resolves.
 * Always fresh.
 */
export interface LocalRevocations extends RevocationView {
  statistics(): { membership: number; cutoffs: number; bytes: number };
}

import type { AdapterPayload } from "oidc-provider";
import type { ArtefactStore } from "./artefact-store.ts";
import { checkStoredSize } from "./stored-size.ts";

/** Keeps what may be lost: whoever loses it begins the sign-in again. Only `find` throws. */
export interface InteractionCache {
  /** False when it could not be kept. */
  save(id: string, payload: AdapterPayload, ttlSeconds: number): Promise<boolean>;
  /** Only what servers of this issuer saved there. Throws when that cannot be said. */
  find(id: string): Promise<AdapterPayload | undefined>;
  destroy(id: string): Promise<void>;
}

/**
 * Interactions that name nobody yet are kept in the cache, since anybody can make any number of them. From the moment
 * at which somebody has signed in they are in SQL alone: ending a user or a session ends them, too.
 */
export function interactionAdapter(
  artefacts: ArtefactStore,
  cache: InteractionCache,
  maxStoredBytes: number,
) {
  const model = "Interaction";
  return {
    upsert: async (id: string, payload: AdapterPayload, ttlSeconds: number): Promise<void> => {
      checkStoredSize(payload.params, maxStoredBytes);
      if (namesNobody(payload) && (await cache.save(id, payload, ttlSeconds))) return;
      await artefacts.save({ model, id, payload, ttlSeconds });
    },
    // What SQL has is newer: nothing that was there goes back to naming nobody.
    find: async (id: string) => (await artefacts.find(model, id)) ?? cache.find(id),
    destroy: async (id: string): Promise<void> => {
      await Promise.all([artefacts.destroy(model, id), cache.destroy(id)]);
    },
  };
}

function namesNobody({ result, session, grantId, accountId }: AdapterPayload): boolean {
  const signedIn = (session as { accountId?: string } | undefined)?.accountId;
  return [result, grantId, accountId, signedIn].every((named) => named === undefined);
}

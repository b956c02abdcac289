/**
 * All migrations, in order. To add one: a file `NNNN-what.ts` beside this one and a line here. A migration that was
 * released never changes, and so imports nothing that may: Kysely, Node, and migrations before it (tools/check-imports.ts).
 */
import type { Migration } from "kysely/migration";
import { createRevocations } from "./0001-revocations.ts";
import { createOidcAndPeople } from "./0002-oidc-and-people.ts";
import { createTokenLifetimes } from "./0003-token-lifetimes.ts";
import { addChain } from "./0004-chain.ts";
import { addManyNodes } from "./0005-many-nodes.ts";
import { addSearchByKey } from "./0006-search-by-key.ts";
import { addKeyRing } from "./0007-key-ring.ts";
import { addSpentCodes } from "./0009-spent-codes.ts";
import { addRemovals } from "./0011-removals.ts";
import { addSpace } from "./0013-space.ts";
import { addKnownPlaces } from "./0014-known-places.ts";
import { addConsents } from "./0015-consents.ts";
import { addPeople } from "./0017-people.ts";
import { addRoles } from "./0018-roles.ts";
import { addBans } from "./0019-bans.ts";
import { addSessions } from "./0020-sessions.ts";
import { addApps } from "./0021-apps.ts";
import { addApis } from "./0022-apis.ts";
import { addIdempotencyKeys } from "./0024-idempotency-keys.ts";
import { addKeyAlgorithms } from "./0025-key-algorithms.ts";
import { addGranularConsents } from "./0026-granular-consents.ts";
import { addLimitsPerApp } from "./0028-limits-per-app.ts";
import { addBulkEndings } from "./0030-bulk-endings.ts";
import { giveUuidsOnce } from "./0032-one-user-a-uuid.ts";
import { addUserProfiles } from "./0033-user-profiles.ts";
import { addOutbox } from "./0035-outbox.ts";
import { addSessionsOfApps } from "./0037-sessions-of-apps.ts";
import { addScriptTokens } from "./0038-script-tokens.ts";
import { addPruneClock } from "./0039-prune-clock.ts";
import { addLeasesOfVerifiers } from "./0040-leases-of-verifiers.ts";
import { addReceiptsOfMany } from "./0041-receipts-of-many.ts";
import { addEpochs } from "./0042-epochs.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  "0001-revocations": createRevocations,
  "0002-oidc-and-people": createOidcAndPeople,
  "0003-token-lifetimes": createTokenLifetimes,
  "0004-chain": addChain,
  "0005-many-nodes": addManyNodes,
  "0006-search-by-key": addSearchByKey,
  "0007-key-ring": addKeyRing,
  "0009-spent-codes": addSpentCodes,
  "0011-removals": addRemovals,
  "0013-space": addSpace,
  "0014-known-places": addKnownPlaces,
  "0015-consents": addConsents,
  "0017-people": addPeople,
  "0018-roles": addRoles,
  "0019-bans": addBans,
  "0020-sessions": addSessions,
  "0021-apps": addApps,
  "0022-apis": addApis,
  "0024-idempotency-keys": addIdempotencyKeys,
  "0025-key-algorithms": addKeyAlgorithms,
  "0026-granular-consents": addGranularConsents,
  "0028-limits-per-app": addLimitsPerApp,
  "0030-bulk-endings": addBulkEndings,
  "0032-one-user-a-uuid": giveUuidsOnce,
  "0033-user-profiles": addUserProfiles,
  "0035-outbox": addOutbox,
  "0037-sessions-of-apps": addSessionsOfApps,
  "0038-script-tokens": addScriptTokens,
  "0039-prune-clock": addPruneClock,
  "0040-leases-of-verifiers": addLeasesOfVerifiers,
  "0041-receipts-of-many": addReceiptsOfMany,
  "0042-epochs": addEpochs,
};

/** Everything of this feature, wired: stores, keys, the issuing phase, and the library around them. */
import type { IncomingMessage } from "node:http";
import type { Clock, Log, RevocableClaims } from "@portcullis/protocol";
import type { Client, Provider } from "oidc-provider";
import type { Apis } from "../apis/apis.ts";
import { FIRST_PARTY } from "../apps/app-settings.ts";
import type { ClientSecrets } from "../apps/client-secrets.ts";
import type { Clients } from "../apps/clients.ts";
import type { Bans } from "../bans/bans.ts";
import type { Configuration } from "../config/load.ts";
import type { KeyRing, RingState } from "../keys/key-ring.ts";
import type { Outgoing } from "../outgoing/index.ts";
import type { Users } from "../people/users.ts";
import type { LocalRevocations, Receipts, Revocations, Revoker } from "../revocations/index.ts";
import type { Roles } from "../roles/roles.ts";
import { createFormTokens, type FormTokens } from "../secrets/form-tokens.ts";
import type { RandomBytes } from "../secrets/identifiers.ts";
import type { LastSeen } from "../sessions/last-seen.ts";
import type { Policies } from "../sessions/policies.ts";
import type { SessionLimits } from "../sessions/session-limit.ts";
import type { Storage } from "../storage/storage.ts";
import { type StoredTimes, wholeSeconds } from "../storage/stored-time.ts";
import type { LastUsed } from "../tokens/last-used.ts";
import type { ScriptTokens } from "../tokens/script-tokens.ts";
import { type AuthSessions, createAuthSessions } from "./challenge/auth-sessions.ts";
import { createEndings, type Endings } from "./endings/endings.ts";
import { createEndSessions } from "./endings/lineage.ts";
import { Horizons, withFastPath } from "./fast-path/index.ts";
import { createAdapter } from "./provider/adapter.ts";
import type { RoomForApp } from "./provider/app-limit-prompt.ts";
import { type CallLibrary, createLibraryWithin } from "./provider/library-within.ts";
import type { LibraryHandler } from "./provider/mount.ts";
import { openSignInBy } from "./provider/open-sign-in.ts";
import { createProvider } from "./provider/provider.ts";
import { AppLimits } from "./state/app-limit.ts";
import { ArtefactStore } from "./state/artefact-store.ts";
import { Consents } from "./state/consents.ts";
import { GrantStore } from "./state/grant-store.ts";
import type { InteractionCache } from "./state/interaction-adapter.ts";
import { RefreshSuccessors } from "./state/refresh-successors.ts";
import { rowsOfStrangers } from "./state/rows-of-strangers.ts";
import { SessionStore } from "./state/session-store.ts";
import { withTokenRules } from "./tokens/grant-handlers.ts";
import {
  createIssuingPhase,
  type Failpoint,
  type IssuingStep,
  issuingSteps,
} from "./tokens/issuing-phase.ts";
import { opaqueTokenCheck, verdictOf } from "./tokens/local-verdict.ts";
import type { OwnApiAccess } from "./tokens/own-api-access.ts";
import { verifyOwnTokens } from "./tokens/own-token.ts";
import { renewSignatures } from "./tokens/renew-signature.ts";
import { type SessionLifetimes, sessionLifetimes } from "./tokens/session-lifetimes.ts";
import { userinfoTokens } from "./tokens/userinfo-tokens.ts";

export interface OidcTestHooks {
  /** Gives the steps in another order, to show what that would break. */
  readonly reorder?: (steps: readonly IssuingStep[]) => readonly IssuingStep[];
  readonly failpoint?: Failpoint;
  /** Puts the fast path before the library, or not, to compare them. */
  readonly handlerOf?: (
    library: LibraryHandler,
    withFastPath: (library: LibraryHandler) => LibraryHandler,
  ) => LibraryHandler;
}

export interface OidcOptions {
  readonly configuration: Configuration;
  readonly storage: Storage;
  readonly ring: KeyRing;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
  readonly local: LocalRevocations;
  readonly isRefusedForGood: Revocations["isRefusedForGood"];
  readonly users: Users;
  readonly bans: Pick<Bans, "standing">;
  readonly apis: Apis;
  readonly roles: Roles;
  readonly clients: Clients;
  readonly clientSecrets: ClientSecrets;
  readonly policies: Policies;
  readonly lastSeen: LastSeen;
  readonly scriptTokens: ScriptTokens;
  readonly tokensLastUsed: LastUsed;
  readonly limits: SessionLimits;
  readonly outgoing: Outgoing;
  readonly addressOf: (request: IncomingMessage) => string;
  readonly operatorLog: Log;
  readonly clock: Clock;
  readonly times: StoredTimes;
  readonly randomBytes: RandomBytes;
  /** The first signs, all verify. */
  readonly cookieKeys: readonly string[];
  readonly testHooks?: OidcTestHooks | undefined;
  /** Default: interactions are in SQL. */
  readonly interactions?: InteractionCache | undefined;
}

export interface Oidc {
  /** For what signs nothing and verifies nothing: cookies, sessions, interactions. */
  readonly provider: Provider;
  /** The library with the signing keys of this moment. */
  readonly currentHandler: () => Promise<LibraryHandler>;
  /** An app as the library of this moment reads it: one of before refuses an app with an algorithm that came later. */
  readonly findClient: (clientId: string) => Promise<Client | undefined>;
  readonly sessions: SessionStore;
  readonly grants: GrantStore;
  readonly consents: Consents;
  readonly clients: Clients;
  readonly endings: Endings;
  readonly forms: FormTokens;
  readonly lifetimes: SessionLifetimes;
  /** Who may call this server's own APIs. */
  readonly ownApi: OwnApiAccess;
  readonly roomForApp: RoomForApp;
  /** Calls the library within the process. */
  readonly callLibrary: CallLibrary;
  /** What is kept between two steps of a sign-in by JSON. */
  readonly authSessions: AuthSessions;
}

export async function composeOidc(options: OidcOptions): Promise<Oidc> {
  const { configuration, storage, ring, apis, clients, users, clock, times, randomBytes, operatorLog } =
    options;
  const { revoker, receipts, local, cookieKeys, interactions, policies, lastSeen, addressOf } = options;
  const { issuer, limits } = configuration;
  const maxStoredBytes = limits.requestBytes;
  const ofStrangers = rowsOfStrangers({ storage, most: limits.rowsOfStrangers, operatorLog });
  const sessions = new SessionStore({
    storage,
    clock,
    times,
    randomBytes,
    ofStrangers,
    policies,
    lastSeen,
    limits: options.limits,
    endAll: createEndSessions(clock),
  });
  const lifetimes = sessionLifetimes(policies, clock);
  const openSignIn = openSignInBy({
    isLimited: () => policies.known.sessionLimit !== undefined,
    lifeOf: lifetimes.leftOf,
  });
  const consents = new Consents({ storage, clock });
  const limitOfApp = (db: Parameters<Clients["sessionLimitOf"]>[0], clientId: string) =>
    clients.sessionLimitOf(db, clientId);
  const appLimits = new AppLimits({ clock, policies, limitOfApp });
  const grants = new GrantStore({ storage, clock, consents, limits: appLimits });
  const roomForApp: RoomForApp = (joining) => appLimits.roomFor(storage.read, joining);
  const endings = createEndings({ storage, clock });
  const ownApi = ownApiOf(options);
  const steps = stepsOf(options, { sessions, grants, ownApi });
  const issuing = createIssuingPhase(steps, options.testHooks?.failpoint);
  const allowsOpaqueToken = opaqueTokenCheck(local, issuer);
  const artefacts = new ArtefactStore({
    storage,
    grants,
    clock,
    allowsOpaqueToken,
    ofStrangers,
    maxStoredBytes,
  });
  const verify = verifyOwnTokens({ issuer, keys: () => ring.state().publicKeys, clock });
  const library = createLibraryWithin({ issuer, currentHandler: async () => (await current()).handle });
  const adapter = createAdapter({
    artefacts,
    sessions,
    grants,
    clients,
    apis,
    users,
    interactions,
    maxStoredBytes,
    addressOf: (request) => library.addressOf(request) ?? addressOf(request),
    endGrant: (id) => endings.endGrant(id),
    findUserinfoToken: userinfoTokens({ issuer, verify, local }),
  });
  const renewSignature = renewSignatures(ring);
  const successors = new RefreshSuccessors({ storage, clock, times, randomBytes });
  const horizons = new Horizons(issuing);
  const providerOf = ({ keys: signingKeys }: RingState) => {
    return createProvider({
      configuration,
      adapter,
      signingKeys,
      cookieKeys,
      users,
      clients,
      apis,
      clock,
      grants,
      consents,
      issuing,
      horizonOf: (request) => horizons.of(request),
      ownApi,
      outgoing: options.outgoing,
      lifetimes,
      openSignIn,
      roomForApp,
      times,
      randomBytes,
      endSession: (session) => endings.endSession(session),
      noteSecretUse: (id) => options.clientSecrets.noteUse(id),
      verify,
      revoker,
      receipts,
      local,
      head: () => storage.log.head(),
      catchUp: () => storage.log.refresh(),
      isWithin: (request) => library.addressOf(request) !== undefined,
      operatorLog,
      ofScripts: {
        scriptTokens: options.scriptTokens,
        lastUsed: options.tokensLastUsed,
        rights: { users, clients, bans: options.bans, apis },
        revoker,
        local,
        head: () => storage.log.head(),
        issuer,
        now: () => wholeSeconds(clock),
      },
      wrapGrantHandler: withTokenRules({
        storage,
        successors,
        issuing,
        endings,
        renewSignature,
        grants,
        bans: options.bans,
      }),
    });
  };
  const handlerOf = (provider: Provider, { keys: signingKeys }: RingState): LibraryHandler => {
    const before = (library: LibraryHandler) =>
      withFastPath({
        library,
        horizons,
        issuer,
        maxAccessTokenLifetimeSeconds: configuration.maxAccessTokenLifetimeSeconds,
        findClient: (clientId) => provider.Client.find(clientId),
        apis,
        issuing,
        signingKeys,
        clock,
        randomBytes,
      });
    const library = provider.callback();
    return options.testHooks?.handlerOf?.(library, before) ?? before(library);
  };
  const { provider, current } = await withKeysOf(ring, { providerOf, handlerOf, operatorLog });
  const forms = createFormTokens(cookieKeys[0]!);
  return {
    provider,
    currentHandler: async () => (await current()).handle,
    findClient: async (clientId) => (await current()).provider.Client.find(clientId),
    sessions,
    grants,
    consents,
    clients,
    endings,
    forms,
    lifetimes,
    ownApi,
    roomForApp,
    callLibrary: library.call,
    authSessions: createAuthSessions({ artefacts, randomBytes }),
  };
}

/** The library takes its keys when it is made, so that another takes its place when they change: some milliseconds. */
async function withKeysOf(
  ring: KeyRing,
  { providerOf, handlerOf, operatorLog }: LibraryMaking,
): Promise<{ readonly provider: Provider; readonly current: () => Promise<LibraryOfNow> }> {
  await ring.signing();
  const libraryOf = (state: RingState): LibraryOfNow => {
    const provider = providerOf(state);
    return { state, provider, handle: handlerOf(provider, state) };
  };
  let current = libraryOf(ring.state());
  return {
    provider: current.provider,
    async current() {
      // The database is away: what is known is shown, and nothing is issued (issuing-phase.ts reads it again).
      await ring.refresh().catch((error: unknown) => operatorLog.warn({ event: "keys_not_read", error }));
      const now = ring.state();
      if (now !== current.state && now.isWhole) current = libraryOf(now);
      return current;
    },
  };
}

interface LibraryMaking {
  readonly providerOf: (state: RingState) => Provider;
  /** With what stands before it. */
  readonly handlerOf: (provider: Provider, state: RingState) => LibraryHandler;
  readonly operatorLog: Log;
}

interface LibraryOfNow {
  readonly state: RingState;
  readonly provider: Provider;
  readonly handle: LibraryHandler;
}

const ownApiOf = ({ configuration, roles, clients }: OidcOptions): OwnApiAccess => ({
  apiResource: configuration.apiResource,
  accountResource: configuration.accountResource,
  isAdministrator: (id) => roles.isAdministrator(id),
  isFirstParty: async (id) => (await clients.find(id))?.[FIRST_PARTY] === true,
});

function stepsOf(
  options: OidcOptions,
  {
    sessions,
    grants,
    ownApi,
  }: { readonly sessions: SessionStore; readonly grants: GrantStore; readonly ownApi: OwnApiAccess },
): readonly IssuingStep[] {
  const { storage, users, bans, clients, local, ring, isRefusedForGood, configuration, clock } = options;
  const steps = issuingSteps({
    readHead: () => storage.log.refresh(),
    bansOf: (id) => bans.standing(id),
    isUserActive: async (id) => (await users.findActive(id)) !== undefined,
    sessionEnd: (uid) => sessions.endOf(uid),
    isGrantLive: async (id) => (await grants.find(id)) !== undefined,
    heldBy: (query) => grants.heldBy({ ...query, now: wholeSeconds(clock) }),
    isClientEnabled: (id) => clients.isEnabled(id),
    ownApi,
    isKeyLive: (kid) => ring.isLive(kid),
    refreshKeys: () => ring.refresh(),
    isProofKeyRefused: (thumbprint) => isRefusedForGood("dpop-key", thumbprint),
    isDenied: (claims: RevocableClaims) => verdictOf(local, claims) === "killed",
    issuer: configuration.issuer,
    clock,
  });
  return options.testHooks?.reorder?.(steps) ?? steps;
}

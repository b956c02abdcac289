/** Everything of this feature, wired: stores, keys, the issuing phase, and the library around them. */
import type { RevocableClaims } from "@portcullis/protocol";
import type { JWK } from "jose";
import type { Provider } from "oidc-provider";
import type { Configuration } from "../config/load.ts";
import type { Report } from "../logging/report.ts";
import type { Users } from "../people/users.ts";
import type { LocalRevocations, Receipts, Revoker } from "../revocations/index.ts";
import type { Storage } from "../storage/storage.ts";
import type { StoredTimes } from "../storage/stored-time.ts";
import { createAdapter } from "./adapter.ts";
import { ArtefactStore } from "./artefact-store.ts";
import { Clients } from "./clients.ts";
import { createEndings, type Endings } from "./endings.ts";
import { createFormTokens, type FormTokens } from "./form-tokens.ts";
import { withTokenRules } from "./grant-handlers.ts";
import { GrantStore } from "./grant-store.ts";
import type { RandomBytes } from "./identifiers.ts";
import type { InteractionCache } from "./interaction-adapter.ts";
import { createIssuingPhase, type Failpoint, type IssuingStep, issuingSteps } from "./issuing-phase.ts";
import { loadCookieKeys, loadSigningKeys, publicKeysOf } from "./keys.ts";
import { opaqueTokenCheck, verdictOf } from "./local-verdict.ts";
import { verifyOwnTokens } from "./own-token.ts";
import { createProvider } from "./provider.ts";
import { SessionStore } from "./session-store.ts";

export interface OidcTestHooks {
  /** Gives the steps in another order, to show what that would break. */
  readonly reorder?: (steps: readonly IssuingStep[]) => readonly IssuingStep[];
  readonly failpoint?: Failpoint;
}

export interface OidcOptions {
  readonly configuration: Configuration;
  readonly storage: Storage;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
  readonly local: LocalRevocations;
  readonly users: Users;
  readonly report: Report;
  readonly nowMs: () => number;
  readonly times: StoredTimes;
  readonly nowSeconds: () => number;
  readonly randomBytes: RandomBytes;
  readonly testHooks?: OidcTestHooks;
  readonly interactions?: InteractionCache;
}

export interface Oidc {
  readonly provider: Provider;
  readonly sessions: SessionStore;
  readonly grants: GrantStore;
  readonly clients: Clients;
  readonly endings: Endings;
  readonly forms: FormTokens;
  readonly publicKeys: { keys: JWK[] };
}

export async function composeOidc(options: OidcOptions): Promise<Oidc> {
  const { configuration, local } = options;
  const { issuer } = configuration;
  const signingKeys = await loadSigningKeys(options);
  const cookieKeys = await loadCookieKeys(options);
  const publicKeys = publicKeysOf(signingKeys);
  const sessions = new SessionStore(options);
  const grants = new GrantStore(options);
  const clients = new Clients(options);
  await clients.configure(configuration.clients);
  const endings = createEndings(options);
  const issuing = createIssuingPhase(
    stepsOf(options, { sessions, grants, clients }),
    options.testHooks?.failpoint,
  );
  const artefacts = new ArtefactStore({
    ...options,
    grants,
    allowsOpaqueToken: opaqueTokenCheck(local, issuer),
  });
  const provider = createProvider({
    ...options,
    ...endings,
    grants,
    issuing,
    signingKeys,
    cookieKeys,
    adapter: createAdapter({
      ...options,
      artefacts,
      sessions,
      grants,
      clients,
      endGrant: (id) => endings.endGrant(id),
    }),
    head: () => options.storage.log.head(),
    catchUp: () => options.storage.log.refresh(),
    verify: verifyOwnTokens({ issuer, keys: publicKeys, nowSeconds: options.nowSeconds }),
    wrapGrantHandler: withTokenRules({ ...options, issuing, endings }),
  });
  const forms = createFormTokens(cookieKeys[0]!);
  return { provider, sessions, grants, clients, endings, forms, publicKeys };
}

function stepsOf(
  options: OidcOptions,
  { sessions, grants, clients }: { sessions: SessionStore; grants: GrantStore; clients: Clients },
): readonly IssuingStep[] {
  const { storage, users, local, configuration, nowSeconds } = options;
  const steps = issuingSteps({
    readHead: () => storage.log.refresh(),
    isUserActive: async (id) => (await users.findActive(id)) !== undefined,
    isSessionLive: async (uid) => (await sessions.findLive(uid)) !== undefined,
    isGrantLive: async (id) => (await grants.find(id)) !== undefined,
    isClientEnabled: (id) => clients.isEnabled(id),
    isDenied: (claims: RevocableClaims) => verdictOf(local, claims) === "killed",
    issuer: configuration.issuer,
    nowSeconds,
  });
  return options.testHooks?.reorder?.(steps) ?? steps;
}

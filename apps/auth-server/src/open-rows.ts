/** Everybody and everything that is administered: users, apps, APIs and what hangs below them, with the seeds of the file. */
import type { Log } from "@portcullis/protocol";
import { Apis } from "./apis/apis.ts";
import { seedApis } from "./apis/seed-apis.ts";
import { ClientSecrets } from "./apps/client-secrets.ts";
import { Clients } from "./apps/clients.ts";
import { ensureCommandApp } from "./apps/command-app.ts";
import { seedApps } from "./apps/seed-apps.ts";
import { Bans } from "./bans/bans.ts";
import type { Configuration } from "./config/load.ts";
import type { Ground } from "./ground.ts";
import type { KeyRing } from "./keys/key-ring.ts";
import { offerOf } from "./mount-apis.ts";
import { createEndSessions as createEndAllOf, createEndUntrueClaims } from "./oidc/index.ts";
import { Users } from "./people/users.ts";
import { keepAnAdministrator } from "./roles/keep-an-administrator.ts";
import { Roles } from "./roles/roles.ts";
import { LastSeen } from "./sessions/last-seen.ts";
import { Policies } from "./sessions/policies.ts";
import { SessionLimits } from "./sessions/session-limit.ts";
import { LastUsed } from "./tokens/last-used.ts";
import { ScriptTokens } from "./tokens/script-tokens.ts";

export async function openRows(
  { configuration, storage, clock, randomBytes, operatorLog, started }: Omit<Ground, "times">,
  ring: KeyRing,
) {
  const apis = new Apis({ storage, clock, issuer: configuration.issuer });
  const clients = new Clients({ storage, clock, issuer: configuration.issuer });
  const clientSecrets = new ClientSecrets({ storage, clock, randomBytes });
  started.defer(() => storeUsesAtTheEnd(clientSecrets, operatorLog));
  const offer = offerOf(ring);
  await seedApis({ apis, storage, file: ownApisLeftOut(configuration, apis), offer, operatorLog });
  await ensureCommandApp({ clients, storage, ownApi: apis.own.identifier, operatorLog });
  await seedApps({
    clients,
    secrets: clientSecrets,
    storage,
    file: configuration.clients,
    offer,
    operatorLog,
  });
  const users = new Users({
    storage,
    clock,
    randomBytes,
    endUntrue: createEndUntrueClaims({ apis, clients }),
    keepAnAdministrator,
  });
  const roles = new Roles({ storage, clock });
  const bans = new Bans({ storage, clock, randomBytes });
  const endAll = createEndAllOf(clock);
  const policies = await Policies.open({ storage, clock, endAll });
  const lastSeen = new LastSeen({ storage, clock });
  const limits = new SessionLimits({ clock, policies, endAll });
  const scriptTokens = new ScriptTokens({ storage, clock, randomBytes });
  const tokensLastUsed = new LastUsed({ storage, clock });
  // After the app has closed: its last requests are visits too.
  started.defer(() => storeSeenAtTheEnd(lastSeen, operatorLog));
  started.defer(() => storeTokenUsesAtTheEnd(tokensLastUsed, operatorLog));
  return {
    apis,
    clients,
    clientSecrets,
    users,
    roles,
    bans,
    policies,
    lastSeen,
    limits,
    scriptTokens,
    tokensLastUsed,
  };
}

/** Dates of last use alone: not worth a failure to close. */
const storeUsesAtTheEnd = (secrets: ClientSecrets, operatorLog: Log): Promise<void> =>
  secrets.storeUses().catch((error: unknown) => operatorLog.warn({ event: "secret_uses_not_stored", error }));

/** The same of tokens for scripts. */
const storeTokenUsesAtTheEnd = (lastUsed: LastUsed, operatorLog: Log): Promise<void> =>
  lastUsed.store().catch((error: unknown) => operatorLog.warn({ event: "token_uses_not_stored", error }));

/** A session may be idle for longer than that: nobody is signed out by it. */
const storeSeenAtTheEnd = (lastSeen: LastSeen, operatorLog: Log): Promise<void> =>
  lastSeen.store().catch((error: unknown) => operatorLog.warn({ event: "last_seen_not_stored", error }));

const ownApisLeftOut = ({ resources }: Configuration, apis: Apis) =>
  resources.filter(({ identifier }) => apis.builtIn(identifier) === undefined);

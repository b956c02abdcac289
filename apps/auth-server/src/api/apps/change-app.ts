/**
 * Acts on apps: each is one transaction of the row, of what it ends, and of the record that says so to verifiers. Deleting and
 * disabling end all that an app holds; something that is taken away makes its tokens stale, so that the next refresh brings the
 * truth; a name or a redirect URI ends nothing.
 */
import { isDeepStrictEqual } from "node:util";
import {
  actorOf,
  applyMergePatch,
  type Caller,
  checkInput,
  type IfMatch,
  requireMatch,
} from "@portcullis/http-api";
import { appSettingsSchema, type NewApp } from "@portcullis/protocol";
import type { AppSettings, NamedSettings } from "../../apps/app-settings.ts";
import type { ClientSecrets } from "../../apps/client-secrets.ts";
import { type App, endClient } from "../../apps/clients.ts";
import { appsError } from "../../apps/errors.ts";
import { withoutLostChoices } from "../../apps/withdraw-permissions.ts";
import type { EndOutlived, EndUnasked } from "../../oidc/index.ts";
import type { EndBelow, Revoker } from "../../revocations/index.ts";
import type { Storage } from "../../storage/storage.ts";
import type { Appended, WriteTransaction } from "../../storage/write-transaction.ts";
import { assertValidApp, type CheckAppOptions } from "./check-app.ts";
import { giverOf } from "./may-give.ts";
import { settingsOf } from "./show-app.ts";

export interface AppActs extends CheckAppOptions {
  readonly secrets: ClientSecrets;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  /** Ends what an app was given without asking. */
  readonly endUnasked: EndUnasked;
  /** Ends what an app holds of sessions for too long by its new times. */
  readonly endOutlived: EndOutlived;
  readonly revoker: Pick<Revoker, "seqOf">;
  readonly randomBytes: (size: number) => Uint8Array;
}

export interface Changed {
  readonly app: App;
  /** Of the newest record that ended something; undefined when the change ends nothing. */
  readonly seq: number | undefined;
}

export interface Made {
  readonly app: App;
  /** Undefined for an app that has none. */
  readonly clientSecret: string | undefined;
}

export async function makeApp(acts: AppActs, caller: Caller, wanted: NewApp): Promise<Made> {
  const { storage, clients, secrets } = acts;
  const clientId = wanted.clientId ?? `app-${Buffer.from(acts.randomBytes(8)).toString("hex")}`;
  const app = settingsOfNew(wanted);
  const clientSecret = app.clientAuthentication === "secret" ? secrets.generate() : undefined;
  const assertMayGive = await giverOf(acts, caller);
  assertMayGive(app);
  const made = await storage.write(async (transaction) => {
    await assertValidApp(transaction, acts, { app });
    if (!(await clients.insert(transaction, { ...app, clientId, origin: "api" }))) throw taken(clientId);
    if (clientSecret !== undefined) await secrets.add(transaction, { clientId, secret: clientSecret });
    return clients.lock(transaction, clientId);
  });
  return { app: made, clientSecret };
}

const taken = (clientId: string) =>
  appsError("client_exists", {
    text: `clientId: found ${clientId}, and there is, or was, an app of this name: it is never given again. Nothing was changed.`,
  });

function settingsOfNew({ clientId: _named, type, ...wanted }: NewApp): NamedSettings {
  const isOfServer = type === "web" || type === "service";
  const { clientAuthentication = isOfServer ? "secret" : "none" } = wanted;
  const {
    grantTypes = type === "service" ? ["client_credentials"] : ["authorization_code", "refresh_token"],
  } = wanted;
  return { ...wanted, type, clientAuthentication, grantTypes };
}

export interface AppPatch {
  readonly clientId: string;
  readonly patch: unknown;
  readonly ifMatch: IfMatch | undefined;
}

export async function changeApp(
  acts: AppActs,
  caller: Caller,
  { clientId, patch, ifMatch }: AppPatch,
): Promise<Changed> {
  const { storage, clients } = acts;
  const assertMayGive = await giverOf(acts, caller);
  const { app, appended } = await storage.write(async (transaction) => {
    const before = await clients.lock(transaction, clientId);
    requireMatch(ifMatch, before.revision);
    const wanted = checkInput(appSettingsSchema, applyMergePatch(settingsOf(before), patch));
    // Who names them is told of one that is lost, and not helped in silence.
    const settings = Object.hasOwn(patch as object, "optionalScopes")
      ? wanted
      : withoutLostChoices(before, wanted);
    const { type, clientAuthentication } = before;
    const after: NamedSettings = { ...settings, type, clientAuthentication };
    assertMayGive(before, after);
    await assertValidApp(transaction, acts, { app: after, before });
    if (isDeepStrictEqual(settingsOf(before), settings)) return { app: before, appended: [] };
    await clients.update(transaction, clientId, after);
    const appended = await endWhatWasTaken(transaction, acts, {
      clientId,
      before,
      after,
      actor: actorOf(caller),
    });
    return { app: await clients.lock(transaction, clientId), appended };
  });
  return { app, seq: newestOf(appended) };
}

const newestOf = (appended: readonly Appended[]): number | undefined =>
  appended.length === 0 ? undefined : Math.max(...appended.map(({ seq }) => seq));

interface Difference {
  readonly clientId: string;
  readonly before: AppSettings;
  readonly after: AppSettings;
  readonly actor: string;
}

async function endWhatWasTaken(
  transaction: WriteTransaction,
  { endUnasked, endOutlived }: AppActs,
  { clientId, before, after, actor }: Difference,
): Promise<Appended[]> {
  const ended: Appended[] = [];
  if (before.firstParty && !after.firstParty) {
    const unasked = await endUnasked(transaction, { clientId, actor });
    if (unasked !== undefined) ended.push(unasked);
  }
  const times = { before: sessionTimes(before), after: sessionTimes(after) };
  const outlived = await endOutlived(transaction, { of: { clientId }, ...times, actor });
  if (outlived !== undefined) ended.push(outlived);
  if (takesAway(before, after)) {
    const stale = { scope: "client", key: clientId, mode: "stale", reason: "claims_changed" } as const;
    ended.push(transaction.append([{ ...stale, actor, note: "the app may do less" }]));
  }
  return ended;
}

const sessionTimes = ({ sessionIdleSeconds, sessionAbsoluteSeconds }: AppSettings) => ({
  idleSeconds: sessionIdleSeconds,
  absoluteSeconds: sessionAbsoluteSeconds,
});

const takesAway = (before: AppSettings, after: AppSettings): boolean =>
  before.grantTypes.some((grantType) => !after.grantTypes.includes(grantType)) ||
  Object.entries(before.apis).some(([identifier, scopes]) =>
    scopes.some((scope) => !(after.apis[identifier] ?? []).includes(scope)),
  );

export interface Ending {
  readonly clientId: string;
  readonly caller: Caller;
  readonly ifMatch?: IfMatch | undefined;
  readonly note?: string | undefined;
}

/** `changed` is false when it was disabled before. */
export async function disableApp(
  acts: AppActs,
  { clientId, caller, note, ifMatch }: Ending,
): Promise<Changed & { readonly changed: boolean }> {
  const { clients, storage, endBelow, revoker } = acts;
  assertNotItself(clientId, caller);
  const assertMayGive = await giverOf(acts, caller);
  const { app, appended } = await storage.write(async (transaction) => {
    const app = await clients.lock(transaction, clientId);
    assertMayGive(app);
    requireMatch(ifMatch, app.revision);
    if (!app.enabled) return { app };
    await clients.disable(transaction, clientId);
    return { app, appended: await endClient(transaction, endingBy(clientId, caller, note), endBelow) };
  });
  const seq = appended?.seq ?? (await revoker.seqOf([{ scope: "client", key: clientId }]));
  return { app, seq, changed: appended !== undefined };
}

const endingBy = (clientId: string, caller: Caller, note: string | undefined) => ({
  clientId,
  actor: actorOf(caller),
  ...(note === undefined ? {} : { note }),
});

/** Whoever may disable and delete apps stays able to make others: nobody can lock everybody out by this. */
function assertNotItself(clientId: string, caller: Caller): void {
  if (clientId !== caller.clientId) return;
  throw appsError("own_app", {
    text: `clientId: found ${clientId}, which is the app that makes this call: it would lock itself out. Let another app do it. Nothing was changed.`,
  });
}

export async function enableApp(
  acts: AppActs,
  { clientId, caller, ifMatch }: Omit<Ending, "note">,
): Promise<{ readonly app: App; readonly changed: boolean }> {
  const { clients, storage } = acts;
  const assertMayGive = await giverOf(acts, caller);
  const app = await storage.write(async (transaction) => {
    const found = await clients.lock(transaction, clientId);
    assertMayGive(found);
    requireMatch(ifMatch, found.revision);
    if (!found.enabled) await clients.enable(transaction, clientId);
    return found;
  });
  return { app, changed: !app.enabled };
}

/** What its users have allowed it stays to be seen: they are told its name, and that it can do nothing. */
export async function deleteApp(acts: AppActs, { clientId, caller, ifMatch }: Ending): Promise<Changed> {
  const { clients, storage, endBelow } = acts;
  assertNotItself(clientId, caller);
  const assertMayGive = await giverOf(acts, caller);
  const { app, appended } = await storage.write(async (transaction) => {
    const app = await clients.lock(transaction, clientId);
    assertMayGive(app);
    requireMatch(ifMatch, app.revision);
    await clients.delete(transaction, app, actorOf(caller));
    return { app, appended: await endClient(transaction, endingBy(clientId, caller, "deleted"), endBelow) };
  });
  return { app, seq: appended.seq };
}

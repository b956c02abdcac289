/**
 * Acts on APIs: each is one transaction of the row, of what it ends, and of the record that says so to verifiers. Deleting and
 * disabling refuse every token for the API; a permission or a claim that is taken away makes its tokens stale, and issuing leaves it
 * out from then on.
 */
import { isDeepStrictEqual } from "node:util";
import {
  actorOf,
  applyMergePatch,
  type Caller,
  checkInput,
  type IfMatch,
  ProblemsError,
  requireMatch,
} from "@portcullis/http-api";
import { apiSettingsSchema, type newApiSchema } from "@portcullis/protocol";
import type { z } from "zod";
import { type Api, type ApiSettings, type Apis, sessionTimesOf } from "../../apis/apis.ts";
import { apisError } from "../../apis/errors.ts";
import type { Clients } from "../../apps/clients.ts";
import { withdrawFromApps } from "../../apps/withdraw-permissions.ts";
import { checkAccessTokenLifetime } from "../../config/access-token-lifetime.ts";
import { personalTokenProblems, sessionTimesProblems } from "../../config/app-rules.ts";
import { problemOfApiIdentifier } from "../../config/own-api.ts";
import type { EndOutlived, ForgetApi } from "../../oidc/index.ts";
import type { EndBelow, Revoker } from "../../revocations/index.ts";
import type { Storage } from "../../storage/storage.ts";
import type { Appended, WriteTransaction } from "../../storage/write-transaction.ts";

export interface ApiActs {
  readonly apis: Apis;
  readonly storage: Storage;
  readonly revoker: Pick<Revoker, "seqOf">;
  /** Ends the tokens for scripts that are for it. */
  readonly endBelow: EndBelow;
  /** Takes what users have allowed there out of consents and grants. */
  readonly forgetApi: ForgetApi;
  readonly clients: Clients;
  /** Ends what apps with access to it hold of sessions for too long by its new times. */
  readonly endOutlived: EndOutlived;
  readonly maxAccessTokenLifetimeSeconds: number;
}

export interface ApiChange {
  readonly api: Api;
  /** Of the record that ended something; undefined when the change ends nothing. */
  readonly seq: number | undefined;
  /** How many apps have lost what went: the API, or permissions of it. Undefined when nothing of that went. */
  readonly withdrawnFromApps?: number | undefined;
}

export interface AskedOfApi {
  readonly identifier: string;
  readonly caller: Caller;
  readonly ifMatch?: IfMatch | undefined;
  readonly note?: string | undefined;
  /** Called with `withdrawnFromApps` before anything is committed: a trial gets no further. */
  readonly onWithdrawn?: (apps: number) => void;
}

/** What can be changed of an API, as it is shown and patched. */
export const settingsOf = (api: ApiSettings) => ({
  name: api.name,
  permissions: api.permissions,
  accessTokenTtlSeconds: api.accessTokenTtlSeconds,
  algorithm: api.algorithm,
  claims: api.claims,
  personalTokenPermissions: api.personalTokenPermissions,
  ...sessionTimesOf(api),
});

export async function makeApi(
  acts: ApiActs,
  wanted: z.output<typeof newApiSchema>,
): Promise<Omit<ApiChange, "seq">> {
  const { identifier } = wanted;
  const { apis, storage } = acts;
  if (apis.builtIn(identifier) !== undefined) throw exists(identifier);
  assertIdentifier(apis, identifier);
  assertSettings(acts, wanted);
  const api = await storage.write(async (transaction) => {
    const isNew = await apis.insert(transaction, { ...settingsOf(wanted), identifier, origin: "api" });
    if (!isNew) throw exists(identifier);
    return apis.lock(transaction, identifier);
  });
  return { api };
}

function assertIdentifier({ issuer }: Pick<Apis, "issuer">, identifier: string): void {
  const message = problemOfApiIdentifier(identifier, issuer);
  if (message !== undefined) throw new ProblemsError([{ field: "identifier", message }]);
}

const exists = (identifier: string) =>
  apisError("api_exists", {
    text: `identifier: found ${JSON.stringify(identifier)}, and there is an API of this identifier. Nothing was changed.`,
  });

function assertSettings({ maxAccessTokenLifetimeSeconds: maxSeconds }: ApiActs, api: ApiSettings): void {
  const { accessTokenTtlSeconds: seconds } = api;
  const ofToken = checkAccessTokenLifetime({ field: "accessTokenTtlSeconds", seconds, maxSeconds });
  const others = [...sessionTimesProblems(api), ...personalTokenProblems(api)].map(({ path, message }) => ({
    field: path.join("."),
    message,
  }));
  const problems = [...(ofToken === undefined ? [] : [ofToken]), ...others];
  if (problems.length > 0) throw new ProblemsError(problems);
}

export async function changeApi(
  acts: ApiActs,
  { identifier, caller, ifMatch, onWithdrawn }: AskedOfApi,
  patch: unknown,
): Promise<ApiChange> {
  const { apis, storage, clients, endOutlived } = acts;
  const { api, appended, withdrawnFromApps } = await storage.write(async (transaction) => {
    const before = await apis.lock(transaction, identifier);
    requireMatch(ifMatch, before.revision);
    const wanted = checkInput(apiSettingsSchema, applyMergePatch(settingsOf(before), patch));
    const after = withoutLost(before, wanted, patch);
    assertSettings(acts, after);
    if (isDeepStrictEqual(settingsOf(before), after)) return { api: before };
    await apis.update(transaction, before, after);
    const permissions = lostPermissions(before, after);
    const withdrawn = { identifier, permissions };
    const withdrawnFromApps =
      permissions.length === 0 ? undefined : await withdrawFromApps(clients, transaction, withdrawn);
    if (withdrawnFromApps !== undefined) onWithdrawn?.(withdrawnFromApps);
    const stale = { scope: "audience", key: identifier, mode: "stale", reason: "claims_changed" } as const;
    const actor = actorOf(caller);
    const times = { before: timesOf(before), after: timesOf(after) };
    const outlived = await endOutlived(transaction, { of: { api: identifier }, ...times, actor });
    const draft = { ...stale, actor, note: "the API has less" };
    // The newer of both, if there are both: its receipt covers what was before.
    const appended = takesAway(before, after) ? transaction.append([draft]) : outlived;
    return { api: await apis.lock(transaction, identifier), appended, withdrawnFromApps };
  });
  return { api, seq: appended?.seq, withdrawnFromApps };
}

/** A permission that the API has no more is in no personal token either, unless the patch itself asks for that. */
function withoutLost(before: Api, settings: ApiSettings, patch: unknown): ApiSettings {
  if (Object.hasOwn(patch as object, "personalTokenPermissions")) return settings;
  const lost = lostPermissions(before, settings);
  const personalTokenPermissions = settings.personalTokenPermissions.filter((word) => !lost.includes(word));
  return { ...settings, personalTokenPermissions };
}

const lostPermissions = (before: ApiSettings, after: ApiSettings): string[] =>
  Object.keys(before.permissions).filter((word) => !Object.hasOwn(after.permissions, word));

const timesOf = ({ sessionIdleSeconds, sessionAbsoluteSeconds }: ApiSettings) => ({
  idleSeconds: sessionIdleSeconds,
  absoluteSeconds: sessionAbsoluteSeconds,
});

/** A claim of another source counts as taken away: tokens of before say something else. */
const takesAway = (before: ApiSettings, after: ApiSettings): boolean =>
  before.personalTokenPermissions.some((word) => !after.personalTokenPermissions.includes(word)) ||
  lostPermissions(before, after).length > 0 ||
  Object.entries(before.claims).some(([claim, source]) => after.claims[claim] !== source);

export async function deleteApi(
  { apis, storage, clients, forgetApi, endBelow }: ApiActs,
  { identifier, caller, ifMatch, onWithdrawn }: AskedOfApi,
): Promise<ApiChange> {
  const { api, appended, withdrawnFromApps } = await storage.write(async (transaction) => {
    const api = await apis.lock(transaction, identifier);
    requireMatch(ifMatch, api.revision);
    await apis.delete(transaction, api, actorOf(caller));
    // Whoever gets this identifier later is another API, perhaps: no app was given it, and users have allowed nothing there.
    const withdrawnFromApps = await withdrawFromApps(clients, transaction, { identifier });
    onWithdrawn?.(withdrawnFromApps);
    await forgetApi(transaction, identifier);
    const ending = { identifier, caller, note: "deleted" };
    return { api, withdrawnFromApps, appended: await endTokens(transaction, { endBelow }, ending) };
  });
  return { api, withdrawnFromApps, seq: appended.seq };
}

async function endTokens(
  transaction: WriteTransaction,
  { endBelow }: Pick<ApiActs, "endBelow">,
  { identifier, caller, note }: AskedOfApi,
): Promise<Appended> {
  const target = { scope: "audience", key: identifier, mode: "kill", reason: "revoked" } as const;
  await endBelow(transaction, target);
  return transaction.append([{ ...target, actor: actorOf(caller), ...(note === undefined ? {} : { note }) }]);
}

/** `changed` is false when it was so before; of a disabled one the receipt is repeated. */
export async function setApiEnabled(
  { apis, storage, revoker, endBelow }: ApiActs,
  asked: AskedOfApi,
  enabled: boolean,
): Promise<ApiChange & { readonly changed: boolean }> {
  const { identifier } = asked;
  const { api, appended } = await storage.write(async (transaction) => {
    const api = await apis.lock(transaction, identifier);
    if (api.enabled === enabled) return { api };
    await apis.setEnabled(transaction, identifier, enabled);
    return { api, appended: enabled ? undefined : await endTokens(transaction, { endBelow }, asked) };
  });
  const changed = api.enabled !== enabled;
  const isRepeated = !enabled && appended === undefined;
  const seq = isRepeated ? await revoker.seqOf([{ scope: "audience", key: identifier }]) : appended?.seq;
  return { api, seq, changed };
}

/**
 * Takes an API, or permissions of one, out of what apps may ask for. One of the same name that comes later is another: no app was
 * given it, and a service asks no user. In the transaction in which it goes, so that there is no list left which could bring it back.
 */
import type { WriteTransaction } from "../storage/write-transaction.ts";
import type { App, Clients } from "./clients.ts";

export interface Withdrawn {
  readonly identifier: string;
  /** Undefined: the API itself. */
  readonly permissions?: readonly string[];
}

/** Returns how many apps have lost it. The API's row is locked: nobody gives it to an app meanwhile. */
export async function withdrawFromApps(
  clients: Clients,
  transaction: WriteTransaction,
  withdrawn: Withdrawn,
): Promise<number> {
  let lost = 0;
  for (const clientId of await clients.thoseOfApi(transaction, withdrawn.identifier)) {
    const before = await clients.lock(transaction, clientId);
    const after = withoutWithdrawn(before, withdrawn);
    if (after === before) continue;
    await clients.update(transaction, clientId, after);
    lost++;
  }
  return lost;
}

function withoutWithdrawn(app: App, { identifier, permissions }: Withdrawn): App {
  const { [identifier]: had, ...others } = app.apis;
  if (had === undefined) return app;
  const left = permissions === undefined ? [] : had.filter((word) => !permissions.includes(word));
  if (left.length === had.length) return app;
  const isGone = left.length === 0;
  const apis = isGone ? others : { ...others, [identifier]: left };
  const defaultApi = isGone && app.defaultApi === identifier ? undefined : app.defaultApi;
  return withoutLostChoices(app, { ...app, apis, defaultApi });
}

/** A scope that the app may have no more cannot be declined either. */
export function withoutLostChoices<Settings extends Pick<App, "apis" | "optionalScopes">>(
  before: Pick<App, "apis">,
  settings: Settings,
): Settings {
  const [had, has] = [before, settings].map(({ apis }) => new Set(Object.values(apis).flat()));
  const isLost = (scope: string) => had!.has(scope) && !has!.has(scope);
  return { ...settings, optionalScopes: settings.optionalScopes.filter((scope) => !isLost(scope)) };
}

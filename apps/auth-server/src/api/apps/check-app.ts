/** Whether an app may be as it is asked for: the rules between its settings. */
import { ProblemsError } from "@portcullis/http-api";
import type { Apis } from "../../apis/apis.ts";
import type { NamedSettings } from "../../apps/app-settings.ts";
import type { App, Clients } from "../../apps/clients.ts";
import { checkAccessTokenLifetime } from "../../config/access-token-lifetime.ts";
import { appKeyProblems } from "../../config/app-key-problems.ts";
import {
  accountApiProblems,
  apiProblems,
  backchannelLogoutProblems,
  defaultApiProblems,
  frontchannelLogoutProblems,
  grantTypeProblems,
  jsonSignInProblems,
  type KnownApi,
  optionalScopeProblems,
  pkceProblems,
  redirectUriProblems,
  refreshLifetimeProblems,
  sessionTimesProblems,
  typeProblems,
} from "../../config/app-rules.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export interface CheckAppOptions {
  readonly apis: Apis;
  readonly clients: Clients;
  readonly maxAccessTokenLifetimeSeconds: number;
  /** What is wrong with a URL that this server is to ask. */
  readonly problemOfTarget: (url: string) => string | undefined;
}

export interface AppCheck {
  readonly app: NamedSettings;
  /** As it is before the change; undefined for a new one. */
  readonly before?: App | undefined;
}

/** Throws with every problem. In the transaction that stores it: the APIs that it names are locked until then. */
export async function assertValidApp(
  transaction: WriteTransaction,
  { apis, maxAccessTokenLifetimeSeconds, problemOfTarget }: CheckAppOptions,
  { app, before }: AppCheck,
): Promise<void> {
  const keeping = {
    isConfidential: app.clientAuthentication !== "none",
    secretSetting: "clientAuthentication",
  } as const;
  const { type, grantTypes, redirectUris, requirePkce, accessTokenTtlSeconds: seconds } = app;
  const known = await knownApis(transaction, apis, { app, before });
  const problems = [
    ...grantTypeProblems({ grantTypes, redirectUris, ...keeping }),
    ...typeProblems({ type, grantTypes, ...keeping }),
    ...redirectUriProblems(app, "redirectUris"),
    ...redirectUriProblems(app, "postLogoutRedirectUris"),
    ...appKeyProblems(
      { usesKeys: app.clientAuthentication === "private_key_jwt", jwks: app.jwks, jwksUri: app.jwksUri },
      problemOfTarget,
    ),
    ...pkceProblems({ requirePkce, ...keeping }),
    ...backchannelLogoutProblems(app, problemOfTarget),
    ...jsonSignInProblems(app),
    ...frontchannelLogoutProblems(app),
    ...refreshLifetimeProblems(app),
    ...sessionTimesProblems(app),
    ...apiProblems(app.apis, { setting: "apis", known }),
    ...accountApiProblems(app, { setting: "apis", account: apis.account.identifier }),
    ...defaultApiProblems(app, "apis"),
    ...optionalScopeProblems(app, "apis"),
  ].map(({ path, message }) => ({ field: path.join("."), message }));
  const lifetime =
    seconds === undefined
      ? undefined
      : checkAccessTokenLifetime({
          field: "accessTokenTtlSeconds",
          seconds,
          maxSeconds: maxAccessTokenLifetimeSeconds,
        });
  const all = lifetime === undefined ? problems : [...problems, lifetime];
  if (all.length > 0) throw new ProblemsError(all);
}

/** What it had before stands, though the API has it no more: another change of the app is not stopped by that. */
async function knownApis(
  transaction: WriteTransaction,
  apis: Apis,
  { app, before }: AppCheck,
): Promise<KnownApi[]> {
  const found = await apis.namedIn(transaction, Object.keys(app.apis));
  const ofBefore = Object.entries(before?.apis ?? {});
  const there = new Map(found.map(({ identifier, permissions }) => [identifier, { ...permissions }]));
  for (const [identifier, scopes] of ofBefore) {
    const known = there.get(identifier) ?? {};
    for (const scope of scopes) known[scope] ??= scope;
    there.set(identifier, known);
  }
  return [...there].map(([identifier, scopes]) => ({ identifier, scopes }));
}

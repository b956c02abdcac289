/** How long what an app holds of a session may live: by its own settings, and by those of the APIs that it has access to there. */
import type { KoaContextWithOIDC } from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import { type AppLifetimes, LIFETIMES } from "../../apps/app-settings.ts";
import { requestState } from "../request-state.ts";
import { type SessionTimes, shortestOf } from "../state/outlived-grants.ts";

/** Of the app and grant of a request, and the APIs that it asks for. */
export async function timesHeld(
  ctx: KoaContextWithOIDC,
  apis: Pick<Apis, "sessionTimes">,
): Promise<SessionTimes> {
  const { sessionIdle, sessionAbsolute } = (ctx.oidc.client?.[LIFETIMES] ?? {}) as AppLifetimes;
  const ofApp = { idleSeconds: sessionIdle, absoluteSeconds: sessionAbsolute };
  return shortestOf([ofApp, ...(await timesOfApis(ctx, apis))]);
}

/** The API of a token request has been looked up for it already: as a rule it is the only one. */
async function timesOfApis(
  ctx: KoaContextWithOIDC,
  apis: Pick<Apis, "sessionTimes">,
): Promise<readonly SessionTimes[]> {
  const { api } = requestState(ctx);
  const others = apisOf(ctx).filter((identifier) => identifier !== api?.identifier);
  const known = api === undefined ? [] : [api];
  return [...known, ...(await apis.sessionTimes(others))].map((one) => ({
    idleSeconds: one.sessionIdleSeconds,
    absoluteSeconds: one.sessionAbsoluteSeconds,
  }));
}

/** Of the grant, and of the request. */
function apisOf({ oidc }: KoaContextWithOIDC): string[] {
  const { resources = {} } = (oidc.entities.Grant ?? {}) as { readonly resources?: object };
  const asked = (oidc as { readonly resourceServers?: object }).resourceServers ?? {};
  return [...new Set([...Object.keys(resources), ...Object.keys(asked)])];
}

import { isLoopback } from "@portcullis/protocol";
import { type Environment, type GivenEnvironment, resolveEnvironment } from "./environment.ts";
import { clientError } from "./errors.ts";

export interface ClientOptions {
  /** Issuer identifier, as in the discovery document. */
  readonly issuer: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly postLogoutRedirectUri?: string | undefined;
  /** Default `openid`. */
  readonly scope?: string | undefined;
  /** Resource indicator (RFC 8707): the audience of the access token. */
  readonly resource?: string | undefined;
  /** Origins that may see the access token, as `https://api.example`. Nothing else ever gets it. */
  readonly resourceServers: readonly string[];
  /** An access token is refreshed this long before it expires. Default 10 s. */
  readonly refreshBeforeExpiryMs?: number | undefined;
  /**
   * Whether to hold a stream by which the issuer tells at once that the session was ended. Default: where there is a page. An
   * issuer without such an endpoint is not asked.
   */
  readonly sessionEvents?: boolean | undefined;
  readonly environment?: GivenEnvironment | undefined;
}

export interface Settings {
  readonly issuer: URL;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly postLogoutRedirectUri: string | undefined;
  readonly scope: string;
  readonly resource: string | undefined;
  readonly resourceServers: ReadonlySet<string>;
  readonly refreshBeforeExpiryMs: number;
  /** Plain http is spoken to the issuer: loopback only. */
  readonly insecure: boolean;
  /** Names what belongs to this client at this issuer in storage, locks and channels. */
  readonly prefix: string;
  /** Whether the issuer is to tell of the session's end. */
  readonly listens: boolean;
  readonly environment: Environment;
}

export function resolveSettings(options: ClientOptions): Settings {
  const issuer = new URL(options.issuer);
  if (!isSecure(issuer)) throw clientError("insecure_issuer", { detail: options.issuer });
  const environment = resolveEnvironment(options.environment);
  return {
    issuer,
    clientId: options.clientId,
    redirectUri: options.redirectUri,
    postLogoutRedirectUri: options.postLogoutRedirectUri,
    scope: options.scope ?? "openid",
    resource: options.resource,
    resourceServers: new Set(options.resourceServers.map(originOfServer)),
    refreshBeforeExpiryMs: options.refreshBeforeExpiryMs ?? 10_000,
    insecure: issuer.protocol === "http:",
    prefix: `portcullis:${options.issuer}:${options.clientId}`,
    listens: options.sessionEvents ?? environment.page !== undefined,
    environment,
  };
}

function originOfServer(text: string): string {
  const url = new URL(text);
  if (!isSecure(url)) throw clientError("insecure_resource_server", { detail: text });
  return url.origin;
}

/** What is sent there is not read on the way: https, or plain http that stays on this machine. */
export const isSecure = ({ protocol, hostname }: URL): boolean =>
  protocol === "https:" || (protocol === "http:" && isLoopback(hostname));

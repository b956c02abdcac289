/**
 * Public clients that send `Authorization: Basic` with their name and an empty secret, as many libraries do where nobody has given them
 * a secret. It says no more than `client_id` in the body (RFC 6749, section 2.3.1), and is read as that. Only for apps that have nothing
 * to prove themselves by: what any other app sends so is refused as before.
 */
import { errors, type KoaContextWithOIDC, type Provider } from "oidc-provider";
import type { Clients } from "../../apps/clients.ts";
import { ROUTES } from "../../paths.ts";
import { requestState } from "../request-state.ts";

const AUTHENTICATING: ReadonlySet<string> = new Set([
  ROUTES.token,
  ROUTES.revocation,
  ROUTES.introspection,
  ROUTES.pushed_authorization_request,
]);

export function acceptPublicBasic(provider: Provider, clients: Pick<Clients, "find">): void {
  nameClientInParameters(provider);
  provider.use(async (ctx, next) => {
    const clientId = AUTHENTICATING.has(ctx.path) ? nameAlone(ctx.headers.authorization) : undefined;
    if (clientId !== undefined && (await isPublic(clients, clientId))) {
      requestState(ctx).publicClientId = clientId;
      delete ctx.headers.authorization;
    }
    await next();
  });
}

async function isPublic(clients: Pick<Clients, "find">, clientId: string): Promise<boolean> {
  return (await clients.find(clientId))?.token_endpoint_auth_method === "none";
}

/** Returns the name that stands in the header with an empty secret behind it. Both are form-encoded. */
function nameAlone(authorization: string | undefined): string | undefined {
  const [, encoded] = /^basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? "") ?? [];
  const [name, secret, ...more] = Buffer.from(encoded ?? "", "base64")
    .toString("utf8")
    .split(":");
  if (name === undefined || name === "" || secret !== "" || more.length > 0) return undefined;
  try {
    return decodeURIComponent(name.replaceAll("+", "%20"));
  } catch {
    return undefined;
  }
}

interface Parameters {
  client_id?: string | undefined;
}

interface Context {
  readonly ctx: KoaContextWithOIDC;
  read?: Parameters;
}

/** The library reads bodies by itself: this is where it says what was in one. Two names that differ are one too many. */
function nameClientInParameters(provider: Provider): void {
  const { prototype } = (provider as unknown as { OIDCContext: { prototype: object } }).OIDCContext;
  Object.defineProperty(prototype, "params", {
    get(this: Context) {
      return this.read;
    },
    set(this: Context, parameters: Parameters) {
      const { publicClientId } = requestState(this.ctx);
      if (publicClientId !== undefined) parameters.client_id ??= publicClientId;
      if (publicClientId !== undefined && parameters.client_id !== publicClientId)
        throw new errors.InvalidRequest("client_id mismatch");
      this.read = parameters;
    },
  });
}

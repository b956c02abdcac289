/** Puts the library together with our storage and our rules. The order of `use` is that of the request. */
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { levelOfFailure } from "@portcullis/http-api";
import {
  formatIntrospects,
  hasCode,
  INTROSPECTS_HEADER,
  type Log,
  PortcullisError,
} from "@portcullis/protocol";
import { errors, type KoaContextWithOIDC, Provider } from "oidc-provider";
import type { Clients } from "../../apps/clients.ts";
import { pathOfIssuer, placePage } from "../../pages/below-issuer.ts";
import { ROUTES } from "../../paths.ts";
import type { Receipts } from "../../revocations/index.ts";
import { requestState } from "../request-state.ts";
import { nameUsersInIntrospection } from "../tokens/introspected-username.ts";
import { answerForJwts, type JwtEndpointOptions } from "../tokens/jwt-endpoints.ts";
import { addReceipts } from "../tokens/receipts.ts";
import type { GrantHandler } from "../tokens/refresh-grace.ts";
import { answerForScriptTokens, type ScriptTokenEndpointOptions } from "../tokens/script-token-endpoints.ts";
import { tellOfDeadToken, tellWhy } from "../tokens/tell-why.ts";
import { introspectableApis } from "../tokens/token-policy.ts";
import { refreshAppKeys } from "./app-keys.ts";
import { openToApps } from "./cors.ts";
import { answerByForm } from "./form-post.ts";
import { type LibraryConfigurationOptions, libraryConfiguration } from "./library-configuration.ts";
import { allowFormTargets, leadOnAfterForm, setSecurityHeaders } from "./library-pages.ts";
import { adaptModels, type ModelOptions } from "./models.ts";
import { acceptPublicBasic } from "./public-basic.ts";

export interface ProviderOptions extends LibraryConfigurationOptions, ModelOptions, JwtEndpointOptions {
  readonly ofScripts: ScriptTokenEndpointOptions;
  readonly receipts: Receipts;
  readonly operatorLog: Log;
  readonly clients: Pick<Clients, "find">;
  /** Resolves once this server's verdicts count what any server on the database has committed. */
  readonly catchUp: () => Promise<unknown>;
  /** Whether the request comes from this server itself (library-within.ts): no browser, which a page could lead on. */
  readonly isWithin: (request: IncomingMessage) => boolean;
  /** The head of the log as the token request arrived, before anything was checked. */
  readonly horizonOf: (request: IncomingMessage) => Promise<number | undefined>;
  /** Goes around the library's handler of each grant type. */
  readonly wrapGrantHandler: (grantType: string, handler: GrantHandler) => GrantHandler;
}

export function createProvider(options: ProviderOptions): Provider {
  const provider = construct(options);
  // Whether a cookie is `Secure` follows from the one forwarded header that pin-host.ts lets through.
  provider.proxy = true;
  adaptModels(provider, options);
  refreshAppKeys(provider, options.clock);
  provider.use(openToApps);
  provider.use(failSafely(options.operatorLog));
  provider.use(guardPages(options));
  provider.use(keepKeysFresh);
  addReceipts(provider, options.receipts);
  provider.use(sampleHorizon(options));
  provider.use(tellIntrospectableApis);
  nameUsersInIntrospection(provider, options.users);
  answerForJwts(provider, options);
  acceptPublicBasic(provider, options.clients);
  answerForScriptTokens(provider, options.ofScripts);
  logErrors(provider, options.operatorLog);
  return provider;
}

/** The library registers its handlers through these methods while it is constructed: there is no other way to them. */
function construct(options: ProviderOptions): Provider {
  class WrappingProvider extends Provider {
    override registerGrantType(name: string, handler: unknown, ...rest: unknown[]): void {
      const wrapped = options.wrapGrantHandler(name, handler as GrantHandler);
      super.registerGrantType(name, wrapped as never, ...(rest as never[]));
    }

    override registerResponseMode(name: string, handler: ResponseMode): void {
      super.registerResponseMode(name, name === "form_post" ? answerByForm : handler);
    }
  }
  return new WrappingProvider(options.configuration.issuer, libraryConfiguration(options));
}

type ResponseMode = Parameters<Provider["registerResponseMode"]>[1];
type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

/** What throws around the library, such as a log that cannot be written: an error, never the library's 2xx. */
function failSafely(operatorLog: Log): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (!hasCode(error, "storage_full"))
        operatorLog[levelOfFailure(error)]({ event: "request_failed", route: ctx.oidc?.route, error });
      answerUnavailable(ctx);
      return;
    }
    // Inside of the library it became a 500, which says that trying again is of no use.
    const { failure } = requestState(ctx);
    if (failure instanceof PortcullisError && failure.status === 503) answerUnavailable(ctx, failure.message);
  };
}

function answerUnavailable(
  ctx: KoaContextWithOIDC,
  text = "This could not be stored. Try again shortly.",
): void {
  const isPage = Boolean(ctx.response.is("html"));
  ctx.status = 503;
  ctx.set("Retry-After", "1");
  if (isPage) return;
  ctx.body = {
    error: "temporarily_unavailable",
    error_description: text,
  };
}

function guardPages({ isWithin, configuration: { issuer } }: ProviderOptions): Middleware {
  const path = pathOfIssuer(issuer);
  return async (ctx, next) => {
    setSecurityHeaders(ctx);
    await next();
    if (ctx.oidc === undefined || isWithin(ctx.req)) return;
    leadOnAfterForm(ctx);
    allowFormTargets(ctx);
    if (ctx.response.is("html") && typeof ctx.body === "string") ctx.body = placePage(ctx.body, path);
  };
}

/**
 * A retired key is published no more, and one whose predecessors were retired in a row may sign soon after it was made: a copy
 * of the JWKS that is kept in between would show the one and refuse the other. Verifiers keep it for minutes by themselves.
 */
const keepKeysFresh: Middleware = async (ctx, next) => {
  await next();
  if (ctx.path === ROUTES.jwks) ctx.set("Cache-Control", "no-cache");
};

/**
 * A dead token and one that the client may not ask about are answered alike (RFC 7662, section 2.2). What the client may ask about is no secret
 * to it: with that, a verifier whose operator forgot an API does not take all tokens of it for dead.
 */
const tellIntrospectableApis: Middleware = async (ctx, next) => {
  await next();
  const client = ctx.oidc?.client;
  if (ctx.path !== ROUTES.introspection || ctx.status !== 200 || client === undefined) return;
  const apis = formatIntrospects(introspectableApis(client));
  if (apis !== undefined) ctx.set(INTROSPECTS_HEADER, apis);
};

/** Where a token's verdict is the answer. */
const JUDGING: ReadonlySet<string> = new Set([ROUTES.introspection, ROUTES.userinfo, ROUTES.revocation]);

function sampleHorizon({ horizonOf, catchUp }: ProviderOptions): Middleware {
  return async (ctx, next) => {
    if (ctx.path === ROUTES.token) requestState(ctx).horizon = await horizonOf(ctx.req);
    if (JUDGING.has(ctx.path)) await catchUp();
    await next();
  };
}

function logErrors(provider: Provider, operatorLog: Log): void {
  provider.on("server_error", (ctx, error) => {
    requestState(ctx).failure = error;
    // A full disk is reported once, not with each request that it turns away.
    if (!hasCode(error, "storage_full"))
      operatorLog[levelOfFailure(error)]({ event: "server_error", route: ctx.oidc?.route, error });
  });
  provider.on("userinfo.error", tellOfDeadToken);
  provider.on("grant.error", (ctx, error) => {
    tellWhy(ctx, error);
    if (!(error instanceof errors.OIDCProviderError)) return;
    operatorLog.info({
      event: "token_refused",
      client: ctx.oidc.client?.clientId,
      code: error.error,
      detail: error.error_detail,
    });
  });
  // Koa prints to the console what nobody listens for.
  (provider as EventEmitter).on("error", (error: Error) =>
    operatorLog.error({ event: "request_failed", error }),
  );
}

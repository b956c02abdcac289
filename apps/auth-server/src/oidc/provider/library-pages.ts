/** The pages that the library shows by itself, in our layout. */
import type { Configuration, KoaContextWithOIDC } from "oidc-provider";
import { errorPage } from "../../pages/error-page.ts";
import { formTargetOf, securityHeaders } from "../../pages/security-headers.ts";
import { signedOutPage, stillSignedInPage } from "../../pages/sign-out-pages.ts";
import { rememberedReceipt } from "../tokens/receipts.ts";

type RpInitiatedLogout = NonNullable<NonNullable<Configuration["features"]>["rpInitiatedLogout"]>;

/** What leads here is ours (sign-out/routes.ts). */
export const logoutPages: Required<Pick<RpInitiatedLogout, "postLogoutSuccessSource">> = {
  async postLogoutSuccessSource(ctx) {
    const { client, provider } = ctx.oidc;
    // Anybody can be led here by a link, so the page says what is so, and not what may have been done before.
    const session = await provider.Session.get(ctx);
    if (session.accountId === undefined) return show(ctx, signedOutPage(rememberedReceipt(ctx)));
    const wasEnded = client !== undefined && session.grantIdFor(client.clientId) === undefined;
    show(ctx, stillSignedInPage(wasEnded ? (client.clientName ?? client.clientId) : undefined));
  },
};

/** Texts for people; the library's own description is for developers, and is shown where there is none. */
const TEXTS: Readonly<Record<string, string>> = {
  invalid_client: "The app that sent you here is not registered with this server.",
  invalid_redirect_uri: "The app that sent you here asked to lead you on to an address that is not its own.",
  server_error: "Something went wrong on our side. Nothing was changed. Try again shortly.",
};

export const renderError: NonNullable<Configuration["renderError"]> = (ctx, out) => {
  const text = TEXTS[out.error] ?? out.error_description ?? "The request was not understood.";
  show(ctx, errorPage({ text, code: out.error }));
};

function show(ctx: KoaContextWithOIDC, markup: string): void {
  ctx.type = "html";
  ctx.body = markup;
}

export function setSecurityHeaders(ctx: { set(headers: Record<string, string>): void }): void {
  ctx.set(securityHeaders());
}

/**
 * Adds where the page's form leads on to, after the redirects that follow it. Only addresses that are registered
 * for the client: the library has compared them by then, and shows an error page otherwise.
 */
export function allowFormTargets(ctx: KoaContextWithOIDC): void {
  if (!ctx.response.is("html")) return;
  const targets = registeredTargets(ctx).map(formTargetOf);
  if (targets.length === 0) return;
  const policy = ctx.response.get("content-security-policy");
  ctx.set(
    "content-security-policy",
    policy.replace("form-action 'self'", `form-action 'self' ${targets.join(" ")}`),
  );
}

function registeredTargets({ oidc }: KoaContextWithOIDC): string[] {
  const { client, entities } = oidc;
  const params = (oidc.params ?? {}) as Record<string, unknown>;
  const begun = entities.Interaction?.params.redirect_uri;
  const redirect = params.redirect_uri;
  return [
    typeof begun === "string" && begun,
    typeof redirect === "string" && client?.redirectUriAllowed(redirect) === true && redirect,
  ].filter((target) => typeof target === "string");
}

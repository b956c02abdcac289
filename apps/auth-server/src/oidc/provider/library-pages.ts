/** The pages that the library shows by itself, in our layout. */
import type { Receipt } from "@portcullis/protocol";
import { type Configuration, errors, type KoaContextWithOIDC } from "oidc-provider";
import { errorPage } from "../../pages/error-page.ts";
import { finishedPage } from "../../pages/finished-page.ts";
import { delayText } from "../../pages/receipt-text.ts";
import { securityHeaders } from "../../pages/security-headers.ts";
import { type SignedOutPage, signedOutPage, stillSignedInPage } from "../../pages/sign-out-pages.ts";
import { formTargetsOf, leadOnPage, opensAppOnDevice, type WayToApp } from "../../pages/way-to-app.ts";
import { oidcError } from "../errors.ts";
import { rememberedReceipt } from "../tokens/receipts.ts";

type RpInitiatedLogout = NonNullable<NonNullable<Configuration["features"]>["rpInitiatedLogout"]>;

/** What leads here is ours (sign-out/routes.ts). */
export const logoutPages: Required<Pick<RpInitiatedLogout, "postLogoutSuccessSource">> = {
  async postLogoutSuccessSource(ctx) {
    const { client, provider } = ctx.oidc;
    // Anybody can be led here by a link, so the page says what is so, and not what may have been done before.
    const session = await provider.Session.get(ctx);
    if (session.accountId === undefined) return show(ctx, signedOutPage(endedBy(rememberedReceipt(ctx))));
    const wasEnded = client !== undefined && session.grantIdFor(client.clientId) === undefined;
    show(ctx, stillSignedInPage(wasEnded ? (client.clientName ?? client.clientId) : undefined));
  },
};

/** Without a receipt nothing is known to have ended: anybody can be led here by a link. */
const endedBy = (receipt: Receipt | undefined): SignedOutPage =>
  receipt === undefined ? {} : { ended: "session", delay: delayText(receipt) };

/** Texts for people; the library's own description is for developers, and is shown where there is none. */
const TEXTS: Readonly<Record<string, string>> = {
  invalid_client: "The app that sent you here is not available on this server.",
  invalid_redirect_uri:
    "The app that sent you here asked us to send you to an address that is not registered for it.",
  invalid_request: "The app that sent you here sent a request that is not complete or not valid.",
  server_error: "Something went wrong on our side. Nothing was changed. Try again shortly.",
};

export const renderError: NonNullable<Configuration["renderError"]> = (ctx, out, error) => {
  if (error instanceof errors.SessionNotFound) {
    showFinished(ctx);
    return;
  }
  const { error: code, error_description: description } = out;
  const text = TEXTS[code] ?? description ?? "The request was not understood.";
  show(ctx, errorPage({ text, code, detail: text === description ? undefined : description }));
};

/** The way on from a page of ours was taken before: by a double click, or by going back. */
function showFinished(ctx: KoaContextWithOIDC): void {
  const { code, message: text } = oidcError("interaction_expired");
  const isSignedIn = ctx.oidc.session?.accountId !== undefined;
  if (isSignedIn) ctx.status = 200;
  show(ctx, isSignedIn ? finishedPage() : errorPage({ text, code }));
}

function show(ctx: KoaContextWithOIDC, markup: string): void {
  ctx.type = "html";
  ctx.body = markup;
}

export function setSecurityHeaders(ctx: { set(headers: Record<string, string>): void }): void {
  ctx.set(securityHeaders({ mayBePopup: true }));
}

/** The answer to a form of ours, after which the library would redirect to the app: see way-to-app.ts. */
export function leadOnAfterForm(ctx: KoaContextWithOIDC): void {
  const uri = ctx.response.get("location");
  const isAnswer = ctx.oidc.route === "resume" && isAtRedirectUri(ctx, uri);
  if (!isAnswer || opensAppOnDevice({ uri, isNativeApp: isNative(ctx) })) return;
  ctx.remove("location");
  ctx.status = 200;
  show(ctx, leadOnPage(uri));
}

/** And not at the next page of ours. */
function isAtRedirectUri({ oidc: { params } }: KoaContextWithOIDC, location: string): boolean {
  const [led, registered] = [URL.parse(location), URL.parse(String(params?.redirect_uri))];
  return led !== null && led.origin === registered?.origin && led.pathname === registered.pathname;
}

const isNative = ({ oidc }: KoaContextWithOIDC): boolean => oidc.client?.applicationType === "native";

/**
 * Adds where the page's form leads on to, after the redirects that follow it. Only addresses that are registered
 * for the client: the library has compared them by then, and shows an error page otherwise.
 */
export function allowFormTargets(ctx: KoaContextWithOIDC): void {
  if (!ctx.response.is("html")) return;
  const targets = registeredWays(ctx).flatMap(formTargetsOf);
  if (targets.length === 0) return;
  const policy = ctx.response.get("content-security-policy");
  ctx.set(
    "content-security-policy",
    policy.replace("form-action 'self'", `form-action 'self' ${targets.join(" ")}`),
  );
}

function registeredWays(ctx: KoaContextWithOIDC): WayToApp[] {
  const { client, entities } = ctx.oidc;
  const params = (ctx.oidc.params ?? {}) as Record<string, unknown>;
  const begun = entities.Interaction?.params.redirect_uri;
  const redirect = params.redirect_uri;
  return [
    typeof begun === "string" && begun,
    typeof redirect === "string" && client?.redirectUriAllowed(redirect) === true && redirect,
  ]
    .filter((uri) => typeof uri === "string")
    .map((uri) => ({ uri, isNativeApp: isNative(ctx) }));
}

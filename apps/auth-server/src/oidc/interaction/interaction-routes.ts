/** The pages between an authorization request and its answer: sign in, and allow or deny. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { errors, type Provider } from "oidc-provider";
import type { Configuration } from "../../config/load.ts";
import { consentPage } from "../../pages/consent-page.ts";
import { pagesError } from "../../pages/errors.ts";
import { readForms } from "../../pages/read-forms.ts";
import { isSameOrigin } from "../../pages/same-origin.ts";
import { formTargetOf, securityHeaders } from "../../pages/security-headers.ts";
import { signInPage } from "../../pages/sign-in-page.ts";
import { interactionPath } from "../../paths.ts";
import type { DeviceCookie } from "../../people/device-cookie.ts";
import type { SignIn } from "../../people/sign-in.ts";
import { type SignInForm, signInThrough } from "../../people/sign-in-form.ts";
import type { Users } from "../../people/users.ts";
import type { FormTokens } from "../../secrets/form-tokens.ts";
import { oidcError } from "../errors.ts";
import type { GrantStore } from "../state/grant-store.ts";
import { type ConsentDetails, consentContent, extendGrant } from "./consent.ts";

export interface InteractionOptions {
  readonly provider: Provider;
  readonly configuration: Configuration;
  readonly signIn: SignIn;
  readonly deviceCookie: DeviceCookie;
  readonly clientAddressOf: (request: FastifyRequest) => string;
  readonly users: Users;
  readonly grants: GrantStore;
  readonly forms: FormTokens;
}

type Interaction = Awaited<ReturnType<Provider["interactionDetails"]>>;
type Exchange = {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly interaction: Interaction;
};

export function interactionRoutes(options: InteractionOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    readForms(app);
    app.get("/interaction/:uid", async (request, reply) => {
      const interaction = await findInteraction(options, request, reply);
      return show(options, { request, reply, interaction });
    });
    app.post("/interaction/:uid", async (request, reply) => {
      const interaction = await findInteraction(options, request, reply);
      assertOurForm(options, request, interaction);
      const exchange = { request, reply, interaction };
      return interaction.prompt.name === "login" ? logIn(options, exchange) : decide(options, exchange);
    });
  };
}

/** By the cookie; the path must name the same one, so that a page of one tab does not answer another's question. */
async function findInteraction(
  { provider }: InteractionOptions,
  { raw, params }: FastifyRequest,
  reply: FastifyReply,
) {
  try {
    const interaction = await provider.interactionDetails(raw, reply.raw);
    if (interaction.uid === (params as { uid: string }).uid) return interaction;
  } catch (error) {
    if (!(error instanceof errors.SessionNotFound)) throw error;
  }
  throw oidcError("interaction_expired");
}

/** A form token of this very page, and from our own origin: nobody signs another in, or consents for them. */
function assertOurForm(options: InteractionOptions, request: FastifyRequest, interaction: Interaction): void {
  const { form } = request.body as { form?: unknown };
  const isOurs = isSameOrigin(request.headers, options.configuration.issuer);
  if (!isOurs || !options.forms.isTokenFor(purposeOf(interaction), form)) throw pagesError("form_not_ours");
}

const purposeOf = ({ uid, prompt }: Interaction): string => `interaction ${uid} ${prompt.name}`;

async function show(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { interaction } = exchange;
  switch (interaction.prompt.name) {
    case "login":
      return showSignIn(options, exchange, { username: loginHintOf(interaction) });
    case "consent":
      return showConsent(options, exchange);
    default:
      throw oidcError("interaction_expired");
  }
}

const loginHintOf = ({ params }: Interaction): string | undefined =>
  typeof params.login_hint === "string" ? params.login_hint.slice(0, 128) : undefined;

async function showSignIn(
  options: InteractionOptions,
  exchange: Exchange,
  form: SignInForm,
): Promise<FastifyReply> {
  const { interaction, reply } = exchange;
  const client = await options.provider.Client.find(interaction.params.client_id as string);
  const markup = signInPage({
    action: interactionPath(interaction.uid),
    formToken: options.forms.tokenFor(purposeOf(interaction)),
    clientName: client?.clientName ?? client?.clientId,
    ...form,
  });
  if (form.retryAfterSeconds !== undefined) reply.header("retry-after", form.retryAfterSeconds);
  return send(exchange, markup, form.status);
}

async function logIn(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const result = await signInThrough(options, exchange);
  if (result.user === undefined) return showSignIn(options, exchange, result);
  return goOn(options, exchange, { login: { accountId: result.user.id, amr: ["pwd"] } });
}

async function showConsent(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { interaction } = exchange;
  const user = await options.users.findActive(interaction.session?.accountId ?? "");
  const client = await options.provider.Client.find(interaction.params.client_id as string);
  if (user === undefined || client === undefined) throw oidcError("interaction_expired");
  const content = consentContent(
    interaction.prompt.details as ConsentDetails,
    options.configuration.resources,
  );
  const markup = consentPage({
    action: interactionPath(interaction.uid),
    formToken: options.forms.tokenFor(purposeOf(interaction)),
    clientName: client.clientName ?? client.clientId,
    username: user.username,
    requests: content,
    returnsTo: formTargetOf(interaction.params.redirect_uri as string),
  });
  return send(exchange, markup);
}

async function decide(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { decision } = exchange.request.body as { decision?: unknown };
  if (decision === "allow") return allow(options, exchange);
  if (decision !== "deny") throw pagesError("form_not_ours");
  const refusal = { error: "access_denied", error_description: "The user denied access" };
  return goOn(options, exchange, refusal, { mergeWithLastSubmission: false });
}

async function allow(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { session, params, prompt } = exchange.interaction;
  if (session === undefined) throw oidcError("session_over");
  const owner = {
    sessionUid: session.uid,
    accountId: session.accountId,
    clientId: params.client_id as string,
  };
  const details = prompt.details as ConsentDetails;
  const grantId = await options.grants.consent(owner, (existing) =>
    extendGrant(options.provider, { owner, existing, details }),
  );
  return goOn(options, exchange, { consent: { grantId } });
}

async function goOn(
  { provider }: InteractionOptions,
  { request, reply }: Exchange,
  result: object,
  merge = { mergeWithLastSubmission: true },
): Promise<FastifyReply> {
  const location = await provider.interactionResult(request.raw, reply.raw, result as never, merge);
  return reply.headers(securityHeaders()).redirect(location, 303);
}

function send({ interaction, reply }: Exchange, markup: string, status = 200): FastifyReply {
  const targets = [formTargetOf(interaction.params.redirect_uri as string)];
  return reply.code(status).headers(securityHeaders(targets)).type("text/html; charset=utf-8").send(markup);
}

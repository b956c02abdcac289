/** The pages between an authorization request and its answer: sign in, and allow or deny. */

import { type Clock, hasCode } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Client, errors, type Provider } from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import { OPTIONAL_SCOPES } from "../../apps/app-settings.ts";
import type { Configuration } from "../../config/load.ts";
import { chooseSessionPage } from "../../pages/choose-session-page.ts";
import { consentPage } from "../../pages/consent-page.ts";
import { pagesError } from "../../pages/errors.ts";
import { finishedPage } from "../../pages/finished-page.ts";
import type { Notices } from "../../pages/notices.ts";
import { readForms } from "../../pages/read-forms.ts";
import { isSameOrigin } from "../../pages/same-origin.ts";
import { type PageRules, securityHeaders } from "../../pages/security-headers.ts";
import { selectAccountPage } from "../../pages/select-account-page.ts";
import { signInPage } from "../../pages/sign-in-page.ts";
import { formTargetsOf, shownTargetOf } from "../../pages/way-to-app.ts";
import { interactionPath } from "../../paths.ts";
import { labelOf, type User, type Users } from "../../people/users.ts";
import type { FormTokens } from "../../secrets/form-tokens.ts";
import { ONE_FACTOR } from "../../sign-in/authentication-context.ts";
import type { ChoicesFor, Room } from "../../sign-in/choose-session.ts";
import type { DeviceCookie } from "../../sign-in/device-cookie.ts";
import {
  CHOOSE_MORE,
  CHOOSE_ONE,
  endsIn,
  isCancelled,
  openingOf,
  otherAccountForm,
  type SignInForm,
  sessionsChangedForm,
  signInThrough,
  withChoices,
} from "../../sign-in/sign-in-form.ts";
import type { SignIn } from "../../sign-in/sign-in-machine.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import { oidcError } from "../errors.ts";
import { claimsOf } from "../provider/account-claims.ts";
import { CHOOSE_SESSION, chosenIn, NO_ROOM_FOR_APP, type RoomForApp } from "../provider/app-limit-prompt.ts";
import { extendGrant } from "../provider/extend-grant.ts";
import { SESSION_LIMIT } from "../provider/interaction-rules.ts";
import { REQUESTED_SUBJECT } from "../provider/requested-claims.ts";
import { SELECT_ACCOUNT } from "../provider/select-account.ts";
import { isNothing, NOTHING, without } from "../state/allowed.ts";
import type { Consent, Consents } from "../state/consents.ts";
import type { GrantStore } from "../state/grant-store.ts";
import { resourcesOf } from "../tokens/resources.ts";
import {
  answerOf,
  apisAskedFor,
  type ConsentDetails,
  type ConsentForm,
  type ConsentQuestion,
  consentContent,
  digestOf,
  shownOf,
} from "./consent.ts";

export interface InteractionOptions {
  readonly provider: Provider;
  readonly findClient: (clientId: string) => Promise<Client | undefined>;
  readonly configuration: Configuration;
  readonly signIn: SignIn;
  readonly choicesFor: ChoicesFor;
  readonly roomForApp: RoomForApp;
  readonly deviceCookie: DeviceCookie;
  readonly clientAddressOf: (request: FastifyRequest) => string;
  readonly users: Users;
  readonly apis: Pick<Apis, "named">;
  readonly grants: GrantStore;
  readonly consents: Pick<Consents, "find">;
  readonly clock: Clock;
  readonly forms: FormTokens;
  readonly notices: Notices;
  readonly isSignedIn: (exchange: Asked) => Promise<boolean>;
}

interface Asked {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

type Interaction = Awaited<ReturnType<Provider["interactionDetails"]>>;
interface Exchange extends Asked {
  readonly interaction: Interaction;
}

export function interactionRoutes(options: InteractionOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    readForms(app);
    app.get("/interaction/:uid", async (request, reply) => {
      const asked = { request, reply };
      const interaction = await findInteraction(options, asked);
      return interaction === undefined
        ? showFinished(options, asked)
        : show(options, { ...asked, interaction });
    });
    app.post("/interaction/:uid", async (request, reply) => {
      const asked = { request, reply };
      const interaction = await findInteraction(options, asked);
      // A second click came after the first had led on.
      if (interaction === undefined) return leadTo(reply, request.url);
      assertOurForm(options, request, interaction);
      const exchange = { ...asked, interaction };
      return ANSWERS[interaction.prompt.name]?.(options, exchange) ?? decide(options, exchange);
    });
  };
}

/** By the cookie; the path must name the same one, so that a page of one tab does not answer another's question. */
async function findInteraction(
  { provider }: InteractionOptions,
  { request: { raw, params }, reply }: Asked,
): Promise<Interaction | undefined> {
  try {
    const interaction = await provider.interactionDetails(raw, reply.raw);
    return interaction.uid === (params as { uid: string }).uid ? interaction : undefined;
  } catch (error) {
    if (error instanceof errors.SessionNotFound) return undefined;
    throw error;
  }
}

/** Whoever goes back to a page that was answered is told where they are now. */
async function showFinished(options: InteractionOptions, asked: Asked): Promise<FastifyReply> {
  if (!(await options.isSignedIn(asked))) throw oidcError("interaction_expired");
  return sendPage(asked.reply, finishedPage());
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
      return showSignIn(options, exchange, signInFormOf(options, exchange));
    case SELECT_ACCOUNT:
      return showAccounts(options, exchange);
    case CHOOSE_SESSION:
      return showAppChoices(options, exchange);
    case "consent":
      return showConsent(options, exchange);
    default:
      throw oidcError("interaction_expired");
  }
}

function signInFormOf({ notices }: InteractionOptions, exchange: Exchange): SignInForm {
  const { interaction } = exchange;
  const failed = notices.take<SignInForm>(exchange, interactionPath(interaction.uid));
  if (failed !== undefined) return failed;
  const username = loginHintOf(interaction);
  // Whoever has just signed in, when others were in the way (interaction-rules.ts).
  if (isOtherAccount(interaction)) return otherAccountForm();
  const isOvertaken = interaction.prompt.reasons.includes(SESSION_LIMIT);
  return isOvertaken ? sessionsChangedForm(username) : { username };
}

/** After a sign-in to an account that is not the one that the app has named: by its `sub`, or by an ID token. */
const isOtherAccount = ({ prompt: { reasons }, lastSubmission }: Interaction): boolean =>
  lastSubmission?.login !== undefined && NAMING_SUBJECT.some((reason) => reasons.includes(reason));

const NAMING_SUBJECT = ["id_token_hint", REQUESTED_SUBJECT];

const loginHintOf = ({ params }: Interaction): string | undefined =>
  typeof params.login_hint === "string" ? params.login_hint.slice(0, 128) : undefined;

async function showSignIn(
  options: InteractionOptions,
  exchange: Exchange,
  asked: SignInForm,
): Promise<FastifyReply> {
  const { interaction, reply } = exchange;
  const client = await options.findClient(interaction.params.client_id as string);
  const { form, room } = await withChoices(asked, options.choicesFor, shownIn(exchange));
  if (room !== undefined) return showChoices(options, exchange, { form, room, client });
  const markup = signInPage({
    action: interactionPath(interaction.uid),
    formToken: options.forms.tokenFor(purposeOf(interaction)),
    clientName: client?.clientName ?? client?.clientId,
    ...form,
  });
  if (form.retryAfterSeconds !== undefined) reply.header("retry-after", form.retryAfterSeconds);
  return sendPage(reply.code(form.status ?? 200), markup, rulesFor(interaction, client));
}

/** The interaction is the browser's: its cookie leads to it. */
const shownIn = (exchange: Exchange) => ({
  place: purposeOf(exchange.interaction),
  opens: openingOf(exchange, exchange.interaction.session?.uid),
});

interface Choices {
  readonly form: SignInForm;
  readonly room: Room;
  readonly client: Client | undefined;
  /** Only what the app has of the sessions ends. */
  readonly isOfApp?: boolean;
}

function showChoices(
  { forms }: InteractionOptions,
  { interaction, reply }: Exchange,
  { form, room, client, isOfApp = false }: Choices,
): FastifyReply {
  const { choiceTicket, username, problem, status = 200 } = form;
  const markup = chooseSessionPage({
    action: interactionPath(interaction.uid),
    formToken: forms.tokenFor(purposeOf(interaction)),
    ticket: choiceTicket,
    isOfApp,
    username,
    problem,
    sessions: room.sessions,
    atLeast: room.excess,
    clientName: client?.clientName ?? client?.clientId,
  });
  const rules = { ...rulesFor(interaction, client), scripts: "'self'" } as const;
  return sendPage(reply.code(status), markup, rules);
}

async function logIn(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  if (isCancelled(exchange.request)) return cancel(options, exchange);
  const { signedIn, ...again } = await signInThrough(options, exchange, shownIn(exchange));
  if (signedIn !== undefined) {
    const { user, amr, passedAt, ends, passwordMark } = signedIn;
    // `ts`, or the library would take the time at which the last of the pages that follow is answered.
    const login = { accountId: user.id, ts: passedAt, amr: [...amr], acr: ONE_FACTOR, ends, passwordMark };
    return goOn(options, exchange, { login });
  }
  const path = interactionPath(exchange.interaction.uid);
  options.notices.leave(exchange, path, again);
  return leadTo(exchange.reply, path);
}

/** Which sessions the app leaves for this one. Asked of whoever is signed in, so that it needs no ticket. */
async function showAppChoices(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { interaction } = exchange;
  const { accountId, uid: sessionUid } = interaction.session ?? {};
  const clientId = interaction.params.client_id as string;
  const client = await options.findClient(clientId);
  if (accountId === undefined || sessionUid === undefined || client === undefined)
    throw oidcError("interaction_expired");
  const room = await options.roomForApp({ accountId, clientId, sessionUid });
  const isAgain = interaction.lastSubmission?.[CHOOSE_SESSION] !== undefined;
  const problem = chosenIn(interaction.lastSubmission).length === 0 ? CHOOSE_ONE : CHOOSE_MORE;
  const form = isAgain ? { status: 422, problem } : {};
  return showChoices(options, exchange, { form, room, client, isOfApp: true });
}

async function showAccounts(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { interaction } = exchange;
  const user = await options.users.findActive(interaction.session?.accountId ?? "");
  const client = await options.findClient(interaction.params.client_id as string);
  if (user === undefined || client === undefined) throw oidcError("interaction_expired");
  const markup = selectAccountPage({
    action: interactionPath(interaction.uid),
    formToken: options.forms.tokenFor(purposeOf(interaction)),
    clientName: client.clientName ?? client.clientId,
    username: labelOf(user),
  });
  return sendPage(exchange.reply, markup, rulesFor(interaction, client));
}

/** An answer that leads on is one for good: its interaction is over with it. */
async function selectAccount(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  if (isCancelled(exchange.request)) return cancel(options, exchange);
  const { decision } = exchange.request.body as { decision?: unknown };
  if (decision !== "continue" && decision !== "another") throw pagesError("form_not_ours");
  return goOn(options, exchange, { [SELECT_ACCOUNT]: { isAnother: decision === "another" } });
}

function choose(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  if (isCancelled(exchange.request)) return cancel(options, exchange);
  return goOn(options, exchange, { [CHOOSE_SESSION]: { ends: endsIn(exchange.request) } });
}

const cancel = (options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> =>
  goOn(options, exchange, CANCELLED, { mergeWithLastSubmission: false });

const ANSWERS: Readonly<
  Record<string, (options: InteractionOptions, exchange: Exchange) => Promise<FastifyReply>>
> = { login: logIn, [SELECT_ACCOUNT]: selectAccount, [CHOOSE_SESSION]: choose };

const CANCELLED = { error: "access_denied", error_description: "The user cancelled the sign-in" };

async function showConsent(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { interaction, reply } = exchange;
  const user = await options.users.findActive(interaction.session?.accountId ?? "");
  const client = await options.findClient(interaction.params.client_id as string);
  if (user === undefined || client === undefined) throw oidcError("interaction_expired");
  const { question, known } = await questionOf(options, { interaction, user, client });
  const requests = consentContent(question);
  const markup = consentPage({
    action: interactionPath(interaction.uid),
    formToken: options.forms.tokenFor(purposeOf(interaction)),
    digest: digestOf(question),
    clientName: client.clientName ?? client.clientId,
    username: labelOf(user),
    requests,
    hasMore: known !== undefined && !isNothing(without(known.allowed, shownOf(question))),
    returnsTo: shownTargetOf(interaction.params.redirect_uri as string),
  });
  return sendPage(reply, markup, rulesFor(interaction, client));
}

interface Question {
  readonly question: ConsentQuestion;
  /** What the user has answered before. */
  readonly known: Consent | undefined;
}

interface Questioned {
  readonly interaction: Interaction;
  readonly user: User;
  readonly client: Client;
}

async function questionOf(
  { apis, consents }: InteractionOptions,
  { interaction: { prompt, params }, user, client }: Questioned,
): Promise<Question> {
  const details = prompt.details as ConsentDetails;
  const resources = await apis.named(apisAskedFor(details, params));
  const known = await consents.find({ accountId: user.id, clientId: client.clientId });
  const app = {
    optionalScopes: (client[OPTIONAL_SCOPES] ?? []) as readonly string[],
    resources: resourcesOf(client),
  };
  const declined = known?.declined ?? NOTHING;
  return { question: { details, asked: params, resources, claims: claimsOf(user), app, declined }, known };
}

async function decide(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { decision } = exchange.request.body as { decision?: unknown };
  if (decision === "allow") return allow(options, exchange);
  if (decision !== "deny") throw pagesError("form_not_ours");
  const refusal = { error: "access_denied", error_description: "The user denied access" };
  return goOn(options, exchange, refusal, { mergeWithLastSubmission: false });
}

async function allow(options: InteractionOptions, exchange: Exchange): Promise<FastifyReply> {
  const { interaction, request, reply } = exchange;
  const { session, params } = interaction;
  const user = session && (await options.users.findActive(session.accountId));
  if (session === undefined || user === undefined) throw oidcError("session_over");
  const client = await options.findClient(params.client_id as string);
  if (client === undefined) throw oidcError("interaction_expired");
  const { question } = await questionOf(options, { interaction, user, client });
  const form = request.body as ConsentForm;
  // What the page said is so no more: the app or an API was changed meanwhile. It is asked again, as it is now.
  if (form.shown !== digestOf(question)) return leadTo(reply, interactionPath(interaction.uid));
  const answer = answerOf(question, form, wholeSeconds(options.clock));
  if (answer === undefined) throw pagesError("form_not_ours");
  const owner = {
    sessionUid: session.uid,
    accountId: session.accountId,
    clientId: params.client_id as string,
  };
  const joining = { ...owner, ends: chosenIn(exchange.interaction.lastSubmission) };
  const grantId = await options.grants
    .consent(joining, {
      answer,
      extend: (existing, content) =>
        extendGrant(options.provider, { owner, existing, content, apis: question.resources }),
    })
    .catch(undefinedWithoutRoom);
  if (grantId !== undefined) return goOn(options, exchange, { consent: { grantId } });
  return goOn(options, exchange, NO_ROOM, { mergeWithLastSubmission: false });
}

/** Another session came first, since the user was asked. */
function undefinedWithoutRoom(error: unknown): undefined {
  if (!hasCode(error, "session_limit_reached")) throw error;
}

const NO_ROOM = { error: "access_denied", error_description: NO_ROOM_FOR_APP };

async function goOn(
  { provider }: InteractionOptions,
  { request, reply }: Exchange,
  result: object,
  merge = { mergeWithLastSubmission: true },
): Promise<FastifyReply> {
  const location = await provider.interactionResult(request.raw, reply.raw, result as never, merge);
  return leadTo(reply, location);
}

const leadTo = (reply: FastifyReply, location: string): FastifyReply =>
  reply.headers(securityHeaders({ mayBePopup: true })).redirect(location, 303);

/** Answered or cancelled, the form leads to the app in the end. */
function rulesFor({ params }: Interaction, client: Client | undefined): PageRules {
  const way = { uri: params.redirect_uri as string, isNativeApp: client?.applicationType === "native" };
  return { formTargets: formTargetsOf(way) };
}

const sendPage = (reply: FastifyReply, markup: string, rules: PageRules = {}): FastifyReply =>
  reply
    .headers(securityHeaders({ ...rules, mayBePopup: true }))
    .type("text/html; charset=utf-8")
    .send(markup);

/**
 * The authorization challenge endpoint (draft-ietf-oauth-first-party-apps): an app of the operator's own signs a person in with a form of
 * its own. Each request gives what the app has from the person so far; the answer is an authorization code, or says what to ask for next.
 *
 * The order of what is checked is the table below. No cookie is read or set: whoever is led to send such a request from another page
 * has nothing by it that a program of theirs would not have.
 */
import { refuseMethodsBut } from "@portcullis/http-api";
import { hasCode } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { decodeJwt } from "jose";
import type { Client } from "oidc-provider";
import { FIRST_PARTY, JSON_SIGN_IN } from "../../apps/app-settings.ts";
import { readForms } from "../../pages/read-forms.ts";
import { securityHeaders } from "../../pages/security-headers.ts";
import { AUTHORIZATION_CHALLENGE_PATH, ROUTES } from "../../paths.ts";
import { newIdentifier, type RandomBytes } from "../../secrets/identifiers.ts";
import type { OpenedBy, SignedIn } from "../../sign-in/attempt.ts";
import type { ChoicesFor } from "../../sign-in/choose-session.ts";
import { deviceTokensIn, deviceValueOf } from "../../sign-in/device-cookie.ts";
import { leavingOf } from "../../sign-in/sign-in-form.ts";
import type { SignIn } from "../../sign-in/sign-in-machine.ts";
import { isOriginOf } from "../provider/app-origins.ts";
import type { AuthSession, AuthSessions } from "./auth-sessions.ts";
import {
  askAnew,
  BUSY_RETRY_SECONDS,
  type ChallengeAnswer,
  INVALID_SESSION,
  insufficient,
  type NextStep,
  NOT_STORED,
  nextOf,
  refusal,
} from "./challenge-answers.ts";
import { type ChallengeRequest, readChallengeRequest } from "./challenge-request.ts";
import { type OpenForAppOptions, openForApp } from "./open-for-app.ts";

export interface ChallengeOptions extends OpenForAppOptions {
  readonly findClient: (clientId: string) => Promise<Client | undefined>;
  readonly authSessions: AuthSessions;
  readonly signIn: SignIn;
  readonly choicesFor: ChoicesFor;
  readonly clientAddressOf: (request: FastifyRequest) => string;
  readonly randomBytes: RandomBytes;
}

/** One request on its way through the steps. Each field has one step that writes it. */
interface Challenge {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly address: string;
  /** As the app calls itself: nothing is believed of it before `pushed`. */
  readonly client: Client | undefined;
  readonly read: ChallengeRequest;
  /** Of the step before, or a new one. Written by `resume`. */
  session: AuthSession | undefined;
  /** The request as the library has checked and kept it. Written by `push`. */
  pushed: Pushed | undefined;
  /** Written by `signInBy`. */
  signedIn: SignedIn | undefined;
}

interface Pushed {
  readonly requestUri: string;
  readonly expiresIn: number;
  /** Proved. */
  readonly clientId: string;
  readonly prompt: string | undefined;
  /** `sub` of `id_token_hint`: the app wants this user, as for a step-up. */
  readonly expectedUser: string | undefined;
}

type ChallengeStep = (
  challenge: Challenge,
) => Promise<ChallengeAnswer | undefined> | ChallengeAnswer | undefined;

const challengeSteps = (
  options: ChallengeOptions,
): readonly (readonly [what: string, step: ChallengeStep])[] => [
  ["no parameter of ours twice", refuseRepeated],
  ["resume: the sign-in that the app goes on with", resume(options)],
  ["push: who asks and for what, by all that the library checks", push(options)],
  ["only an app that may, and only its own sign-in", assertMay],
  ["take the step: once", takeStep(options)],
  ["lead to a page where one is asked for", leadToAskedPage],
  ["sign in: the table of sign-in-machine.ts", signInBy(options)],
  ["only the user whom the app wants", assertExpectedUser(options)],
  ["open the session, and give the code", giveCode(options)],
];

export function challengeRoutes(options: ChallengeOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    readForms(app);
    const url = AUTHORIZATION_CHALLENGE_PATH;
    refuseMethodsBut(["POST", "OPTIONS"], { app, url });
    showFailures(app);
    app.options(url, (request, reply) => answerPreflight(request, reply));
    const steps = challengeSteps(options);
    app.post(url, async (request, reply) => {
      const challenge = await beginChallenge(options, request, reply);
      allowOrigin(challenge);
      for (const [, step] of steps) {
        const answer = await step(challenge);
        if (answer !== undefined) return send(reply, answer);
      }
      throw new Error("the steps of a challenge ended without an answer");
    });
  };
}

async function beginChallenge(
  { findClient, clientAddressOf }: ChallengeOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Challenge> {
  const read = readChallengeRequest(request);
  return {
    request,
    reply,
    address: clientAddressOf(request),
    client: read.clientId === undefined ? undefined : await findClient(read.clientId),
    read,
    session: undefined,
    pushed: undefined,
    signedIn: undefined,
  };
}

/** RFC 6749, section 3.1, in the words that the library has for its own. */
const refuseRepeated: ChallengeStep = ({ read: { repeated } }) =>
  repeated === undefined
    ? undefined
    : refusal("invalid_request", `'${repeated}' parameter must not be provided twice`);

const resume =
  ({ authSessions, randomBytes }: ChallengeOptions): ChallengeStep =>
  async (challenge) => {
    const { read } = challenge;
    const { authSession, username } = read.given;
    if (authSession === undefined) {
      const place = newIdentifier(randomBytes);
      challenge.session = { clientId: read.clientId ?? "", asked: read.asked, place, username };
      return undefined;
    }
    const found = await authSessions.find(authSession);
    if (found === undefined || !hasSameChallenge(found, read)) return INVALID_SESSION;
    challenge.session = { ...found, username: username ?? found.username };
    return undefined;
  };

/** The code is for the holder of one verifier: nobody puts his own into a sign-in that another began. */
function hasSameChallenge({ asked }: AuthSession, read: ChallengeRequest): boolean {
  const given = read.asked.find(([name]) => name === CODE_CHALLENGE);
  return given === undefined || asked.some(([name, value]) => name === CODE_CHALLENGE && value === given[1]);
}

const CODE_CHALLENGE = "code_challenge";

const push =
  ({ callLibrary, provider }: ChallengeOptions): ChallengeStep =>
  async (challenge) => {
    const { request, address, read } = challenge;
    const form = new URLSearchParams([...requestOf(challenge), ...read.credentials].map((pair) => [...pair]));
    if (!form.has(CODE_CHALLENGE))
      return refusal("invalid_request", "code_challenge is missing; this endpoint needs PKCE");
    const url = ROUTES.pushed_authorization_request;
    const { status, text, headers } = await callLibrary({ method: "POST", url, request, address, form });
    const body = JSON.parse(text) as Record<string, unknown>;
    if (status !== 201) return { status, body, headers: passedOn(headers) };
    const requestUri = String(body.request_uri);
    const kept = await provider.PushedAuthorizationRequest.find(
      requestUri.slice(requestUri.lastIndexOf(":") + 1),
    );
    // Others have pushed so many meanwhile that it had to make way.
    if (kept === undefined) return NOT_STORED;
    const { iss: clientId, prompt, id_token_hint: hint } = decodeJwt<KeptRequest>(kept.request);
    // The library has verified it.
    const expectedUser = hint === undefined ? undefined : decodeJwt(hint).sub;
    const expiresIn = Number(body.expires_in);
    challenge.pushed = { requestUri, expiresIn, clientId: clientId!, prompt, expectedUser };
    return undefined;
  };

interface KeptRequest {
  readonly prompt?: string;
  readonly id_token_hint?: string;
}

/** There is no redirect: where it would lead is asked for by the library alone, unless the app may have to lead a browser there. */
function requestOf({ session, client, read: { credentials } }: Challenge): (readonly [string, string])[] {
  const { asked } = session!;
  const [registered] = client?.redirectUris ?? [];
  const has = (name: string) => asked.some(([known]) => known === name);
  return [
    ...asked,
    ...(client === undefined || credentials.some(([name]) => name === "client_id")
      ? []
      : [["client_id", client.clientId] as const]),
    ...(has("response_type") ? [] : [["response_type", "code"] as const]),
    ...(has("redirect_uri") || registered === undefined ? [] : [["redirect_uri", registered] as const]),
  ];
}

/** A client that could not prove itself is told how (RFC 6749, section 5.2); who may wait, for how long. */
const passedOn = (headers: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    ["www-authenticate", "retry-after"].flatMap((name) =>
      headers[name] === undefined ? [] : [[name, String(headers[name])]],
    ),
  );

const assertMay: ChallengeStep = ({ client, pushed, session, read }) => {
  const isItself = client?.clientId === pushed!.clientId;
  if (!isItself || client[FIRST_PARTY] !== true || client[JSON_SIGN_IN] !== true)
    return refusal(
      "unauthorized_client",
      "this client may not sign people in by JSON; use the authorization endpoint",
    );
  const isItsOwn = read.given.authSession === undefined || session!.clientId === pushed!.clientId;
  return isItsOwn ? undefined : INVALID_SESSION;
};

const takeStep =
  ({ authSessions }: ChallengeOptions): ChallengeStep =>
  async ({ read }) => {
    const { authSession } = read.given;
    if (authSession === undefined || (await authSessions.take(authSession))) return undefined;
    return INVALID_SESSION;
  };

/** A fresh sign-in is what `login` asks for, and never without a question. Everything else is for a page: consent, another account. */
const leadToAskedPage: ChallengeStep = (challenge) => {
  const prompts = (challenge.pushed!.prompt ?? "").split(" ").filter((prompt) => prompt !== "");
  if (prompts.includes("none"))
    return refusal("login_required", "nobody is signed in here before being asked");
  return prompts.every((prompt) => prompt === "login") ? undefined : redirectToWeb(challenge);
};

/** With a `request_uri` (RFC 9126) if the app has said where the browser is to be led back. */
function redirectToWeb({ session, pushed }: Challenge): ChallengeAnswer {
  const { status, body } = refusal(
    "redirect_to_web",
    "this cannot be done here; lead the user to the authorization endpoint",
  );
  const saysWhere = session!.asked.some(([name]) => name === "redirect_uri");
  const handle = { request_uri: pushed!.requestUri, expires_in: pushed!.expiresIn };
  return { status, body: { ...body, ...(saysWhere ? handle : {}) } };
}

const signInBy =
  (options: ChallengeOptions): ChallengeStep =>
  async (challenge) => {
    const { read, session, request, reply, address } = challenge;
    const { password, newPassword, endSessions, device } = read.given;
    const { username, ticket, place } = session!;
    const opens: OpenedBy = { userAgent: request.headers["user-agent"], instead: undefined };
    const required = { ticket, newPassword, repeatedPassword: newPassword, ends: endSessions };
    try {
      const answer = await options.signIn({
        username,
        password,
        ...(ticket === undefined ? {} : required),
        address,
        deviceTokens: deviceTokensIn(device),
        place,
        opens,
        signal: leavingOf(reply),
      });
      if (answer.outcome !== "signed_in") {
        const next = await nextOf(answer, username, (chosen) => options.choicesFor(chosen, { place, opens }));
        return "asking" in next ? goOn(options, challenge, next) : next;
      }
      challenge.signedIn = answer.signedIn;
      return undefined;
    } catch (error) {
      if (!hasCode(error, "sign_in_busy")) throw error;
      return busy(options, challenge, error.message);
    }
  };

/** The same step again: nothing of it was looked at. */
async function busy(
  { authSessions }: ChallengeOptions,
  { session }: Challenge,
  text: string,
): Promise<ChallengeAnswer> {
  const { body } = refusal("temporarily_unavailable", text);
  const auth_session = await authSessions.open(session!);
  return {
    status: 503,
    body: { ...body, auth_session },
    headers: { "retry-after": String(BUSY_RETRY_SECONDS) },
  };
}

async function goOn(
  { authSessions }: ChallengeOptions,
  { session, pushed }: Challenge,
  next: NextStep,
): Promise<ChallengeAnswer> {
  const { asked, place } = session!;
  const { username, ticket } = next.keeps;
  const kept = { clientId: pushed!.clientId, asked, place, username, ticket };
  return insufficient(next, await authSessions.open(kept));
}

/** On a page the library asks the next to sign in. Here nothing is opened for somebody else. */
const assertExpectedUser =
  (options: ChallengeOptions): ChallengeStep =>
  (challenge) => {
    const { expectedUser } = challenge.pushed!;
    if (expectedUser === undefined || expectedUser === challenge.signedIn!.user.id) return undefined;
    return goOn(options, challenge, askAnew("other_user"));
  };

const giveCode =
  (options: ChallengeOptions): ChallengeStep =>
  async (challenge) => {
    const { request, address, read, pushed, signedIn } = challenge;
    const { clientId, requestUri } = pushed!;
    const opened = await openForApp(options, { request, address, clientId, requestUri, signedIn: signedIn! });
    if ("code" in opened) {
      const device = deviceValueOf(signedIn!.deviceToken, deviceTokensIn(read.given.device));
      return { status: 200, body: { authorization_code: opened.code, device } };
    }
    if ("again" in opened) return goOn(options, challenge, askAnew(opened.again));
    if ("needsPage" in opened) return redirectToWeb(challenge);
    if ("error" in opened) return refusal(opened.error, opened.description ?? "the request was refused");
    return NOT_STORED;
  };

/** As the library does: who asks is not known yet, and the answer to the request itself says who may read it. */
function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const asked = headers["access-control-request-headers"];
  return reply
    .code(204)
    .headers({
      vary: "Origin",
      "access-control-allow-origin": headers.origin ?? "*",
      "access-control-allow-methods": "POST",
      "access-control-max-age": "3600",
      ...(asked === undefined ? {} : { "access-control-allow-headers": asked }),
    })
    .send();
}

/** Pages of the origins of the app's redirect URIs read the answer. For any other the library refuses the request, too. */
function allowOrigin({ request: { headers }, reply, client }: Challenge): void {
  reply.header("vary", "Origin");
  const { origin } = headers;
  if (origin === undefined || client === undefined || !isOriginOf(client, origin)) return;
  reply.headers({
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "Retry-After, WWW-Authenticate",
  });
}

/** What is answered before the app is known, or by nothing here: a page would see that it failed, and neither why nor when to come again. */
function showFailures(app: FastifyInstance): void {
  app.addHook("onSend", async (_request, reply) => {
    const isFailure = reply.statusCode === 429 || reply.statusCode >= 500;
    if (!isFailure || reply.hasHeader("access-control-allow-origin")) return;
    reply.headers({ "access-control-allow-origin": "*", "access-control-expose-headers": "Retry-After" });
  });
}

const send = (reply: FastifyReply, { status, body, headers = {} }: ChallengeAnswer): FastifyReply =>
  reply
    .code(status)
    .headers({ ...securityHeaders(), ...headers })
    .send(body);

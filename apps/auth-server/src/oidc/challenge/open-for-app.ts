/**
 * Opens the session of whoever has passed every step of the sign-in, and gives the app its code: by the library's authorization
 * endpoint, as if a browser had come to it, been led to our sign-in page, and come back. So all that is asked there is asked here,
 * and the code is an ordinary one. The browser's cookies stay within: nobody can go on in this session but by the app's tokens.
 */
import type { FastifyRequest } from "fastify";
import type { Provider } from "oidc-provider";
import { urlWithin } from "../../pages/below-issuer.ts";
import { ROUTES } from "../../paths.ts";
import type { SignedIn } from "../../sign-in/attempt.ts";
import { ONE_FACTOR } from "../../sign-in/authentication-context.ts";
import type { Endings } from "../endings/endings.ts";
import { CHOOSE_SESSION } from "../provider/app-limit-prompt.ts";
import { SESSION_LIMIT } from "../provider/interaction-rules.ts";
import type { AnswerWithin, CallLibrary } from "../provider/library-within.ts";
import type { SessionStore } from "../state/session-store.ts";

export interface OpenForAppOptions {
  readonly provider: Provider;
  readonly callLibrary: CallLibrary;
  readonly sessions: Pick<SessionStore, "find">;
  readonly endings: Pick<Endings, "endSession">;
}

export interface OpeningForApp {
  readonly request: FastifyRequest;
  readonly address: string;
  readonly clientId: string;
  readonly requestUri: string;
  readonly signedIn: SignedIn;
}

export type Opened =
  | { readonly code: string }
  /** What the library has refused. */
  | { readonly error: string; readonly description: string | undefined }
  /** Sessions were opened or ended meanwhile, or the app asked for somebody else: the person signs in again. */
  | { readonly again: "sessions_changed" | "other_user" }
  /** It has to be asked what we have no JSON for. */
  | { readonly needsPage: true }
  | { readonly unavailable: true };

export async function openForApp(options: OpenForAppOptions, opening: OpeningForApp): Promise<Opened> {
  const { callLibrary, provider } = options;
  const { request, address, clientId, requestUri, signedIn } = opening;
  const query = new URLSearchParams({ client_id: clientId, request_uri: requestUri });
  const called = { method: "GET", request, address } as const;
  const begun = await callLibrary({ ...called, url: `${ROUTES.authorization}?${query}` });
  const uid = interactionIn(begun.location);
  if (uid === undefined) return refusedBy(begun);
  const resume = await signInTo(provider, uid, { signedIn, clientId });
  if (resume === undefined) return { unavailable: true };
  const url = urlWithin(provider.issuer, new URL(resume).pathname);
  const came = await callLibrary({ ...called, url, cookies: begun.cookies });
  const opened = await outcomeOf(provider, came);
  if (!("code" in opened)) await endOrphan(options, came, signedIn.user.id);
  return opened;
}

const PAGE = /^(?:[a-z]+:\/\/[^/]+)?(?:\/[^?]*)?\/interaction\/([\w-]+)$/i;

const interactionIn = (location: string | undefined): string | undefined => PAGE.exec(location ?? "")?.[1];

interface Answered {
  readonly signedIn: SignedIn;
  readonly clientId: string;
}

/** As the sign-in page leaves it (interaction-routes.ts). Gives the URL by which a browser would go on. */
async function signInTo(
  provider: Provider,
  uid: string,
  { signedIn: { user, amr, passedAt, ends, passwordMark }, clientId }: Answered,
): Promise<string | undefined> {
  const interaction = await provider.Interaction.find(uid);
  if (interaction === undefined) return undefined;
  const login = {
    accountId: user.id,
    ts: passedAt,
    amr: [...amr],
    acr: ONE_FACTOR,
    ends,
    passwordMark,
    ofApp: clientId,
  };
  interaction.result = { login };
  await interaction.persist();
  return interaction.returnTo;
}

async function outcomeOf(provider: Provider, came: AnswerWithin): Promise<Opened> {
  const uid = interactionIn(came.location);
  if (uid === undefined) return refusedBy(came);
  const { prompt } = (await provider.Interaction.find(uid)) ?? {};
  switch (prompt?.name) {
    case "login":
      return { again: prompt.reasons.includes(SESSION_LIMIT) ? "sessions_changed" : "other_user" };
    case CHOOSE_SESSION:
      return { needsPage: true };
    default:
      // An app of the operator's own asks nobody. So its session has ended while it was opened, or the app is the operator's no more.
      return prompt?.reasons.includes("consent_withdrawn")
        ? { again: "sessions_changed" }
        : { needsPage: true };
  }
}

/** By the address to which a browser would be led, with a code or an error. */
function refusedBy({ status, location }: AnswerWithin): Opened {
  const answer = location === undefined ? undefined : URL.parse(location)?.searchParams;
  const code = answer?.get("code");
  if (code != null) return { code };
  const error = answer?.get("error");
  if (error != null) return { error, description: answer?.get("error_description") ?? undefined };
  return status >= 500 ? { unavailable: true } : { again: "sessions_changed" };
}

/** A session that was opened, and led to no code: nobody has it, and it would count against the user's limit. */
async function endOrphan(
  { sessions, endings, provider }: OpenForAppOptions,
  { cookies }: AnswerWithin,
  accountId: string,
): Promise<void> {
  const id = cookies[provider.cookieName("session")];
  const session = id === undefined ? undefined : await sessions.find(id);
  if (session?.accountId === accountId) await endings.endSession({ uid: session.uid, accountId });
}

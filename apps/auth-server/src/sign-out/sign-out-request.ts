/** What an app asks for: which session it means, and where to lead on to. */

import { SIGNING_ALGORITHMS } from "@portcullis/protocol";
import { createLocalJWKSet, decodeJwt, errors, type JWK, jwtVerify } from "jose";
import type { Client } from "oidc-provider";
import { FIRST_PARTY } from "../apps/app-settings.ts";
import { isIdTokenHeader } from "../oidc/index.ts";
import type { FormTokens } from "../secrets/form-tokens.ts";
import { signOutError } from "./errors.ts";

export interface SignOutRequest {
  readonly clientId?: string;
  readonly clientName?: string;
  /** With its `state`. Registered for the client. */
  readonly redirectTo?: string;
  readonly isNativeApp?: true;
  /** Who the app means, by its hint. */
  readonly subject?: string;
  /** The session that the hint names. Older ID tokens name none. */
  readonly hinted?: string;
  /** Of the operator's own. */
  readonly firstParty?: true;
  /** The session of the browser that was asked. */
  readonly session?: string;
}

type Parameters = Readonly<Record<string, string | undefined>>;

const NAMES = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"] as const;

export interface RequestReader {
  readonly issuer: string;
  readonly findClient: (clientId: string) => Promise<Client | undefined>;
  /** Public keys of this moment. */
  readonly keys: () => Promise<{ keys: JWK[] }>;
}

/** Throws what is told to a user who was sent here with something that cannot be right. */
export async function readSignOutRequest(reader: RequestReader, query: unknown): Promise<SignOutRequest> {
  const parameters = parametersOf(query);
  const named = hintIn(parameters);
  const clientId = named?.aud ?? parameters.client_id;
  if (clientId === undefined) return {};
  const client = await reader.findClient(clientId);
  if (client === undefined) throw signOutError("sign_out_app_unknown");
  const hint = named && (await isOurs(reader, clientId, parameters.id_token_hint!)) ? named : undefined;
  const redirectTo = redirectOf(client, parameters);
  return {
    clientId,
    clientName: client.clientName ?? clientId,
    ...(redirectTo === undefined ? {} : { redirectTo }),
    ...(client.applicationType === "native" ? { isNativeApp: true } : {}),
    ...(hint === undefined ? {} : { subject: hint.sub }),
    ...(hint?.sid === undefined ? {} : { hinted: hint.sid }),
    ...(client[FIRST_PARTY] === true ? { firstParty: true } : {}),
  };
}

/** A parameter that comes twice is refused: two readers could each take another (RFC 6749, section 3.1). */
function parametersOf(query: unknown): Parameters {
  const given = (query ?? {}) as Record<string, unknown>;
  const named = NAMES.map((name) => [name, given[name] === "" ? undefined : given[name]] as const);
  if (named.some(([, value]) => value !== undefined && typeof value !== "string"))
    throw signOutError("sign_out_request_unclear");
  return Object.fromEntries(named) as Parameters;
}

interface Hint {
  readonly aud: string;
  readonly sub: string;
  readonly sid: string | undefined;
}

/** Not verified yet: who signed it depends on the client that it names. */
function hintIn({ id_token_hint: token, client_id: clientId }: Parameters): Hint | undefined {
  if (token === undefined) return undefined;
  const { aud, sub, sid } = claimsOf(token);
  if (typeof aud !== "string" || typeof sub !== "string" || (clientId ?? aud) !== aud)
    throw signOutError("sign_out_hint_refused");
  return { aud, sub, sid: typeof sid === "string" ? sid : undefined };
}

function claimsOf(token: string) {
  try {
    return decodeJwt(token);
  } catch (cause) {
    throw signOutError("sign_out_hint_refused", { cause });
  }
}

/**
 * Signed by us for this client. It may have expired: apps keep it for the day on which it is needed. By then its key may be
 * gone, too. Such a hint is as good as none: the user of this browser can still sign out, and nobody else can be.
 */
async function isOurs({ issuer, keys }: RequestReader, audience: string, token: string): Promise<boolean> {
  const beforeAnyExpiry = new Date(0);
  const options = { issuer, audience, algorithms: [...SIGNING_ALGORITHMS], currentDate: beforeAnyExpiry };
  return jwtVerify(token, createLocalJWKSet(await keys()), options).then(
    ({ protectedHeader }) => isIdTokenHeader(protectedHeader),
    (error: unknown) => {
      if (error instanceof errors.JOSEError) return false;
      throw error;
    },
  );
}

function redirectOf(client: Client, parameters: Parameters): string | undefined {
  const { post_logout_redirect_uri: uri, state } = parameters;
  if (uri === undefined) return undefined;
  if (!client.postLogoutRedirectUriAllowed(uri)) throw signOutError("sign_out_target_refused");
  const url = new URL(uri);
  if (state !== undefined) url.searchParams.set("state", state);
  return url.href;
}

/** A request in a form, and the token that makes it ours. */
export interface SealedRequest {
  readonly request: string;
  readonly xsrf: string;
}

/** By what is done with it: a page of one kind is none of the other. */
export type Purpose = "confirm" | "sign in" | "tell apps";

export function sealRequest(forms: FormTokens, purpose: Purpose, request: object): SealedRequest {
  const text = Buffer.from(JSON.stringify(request)).toString("base64url");
  return { request: text, xsrf: forms.tokenFor(`sign out, ${purpose}\n${text}`) };
}

/** Undefined for what no page of ours holds. */
export function openRequest<Content = SignOutRequest>(
  forms: FormTokens,
  purpose: Purpose,
  body: unknown,
): Content | undefined {
  const { request, xsrf } = (body ?? {}) as Partial<Record<string, unknown>>;
  if (typeof request !== "string" || !forms.isTokenFor(`sign out, ${purpose}\n${request}`, xsrf))
    return undefined;
  return JSON.parse(Buffer.from(request, "base64url").toString("utf8")) as Content;
}

/** The same fields again, for the address of the page that shows the form once more. */
export function fieldsOf(body: unknown): URLSearchParams {
  const { request, xsrf } = body as SealedRequest;
  return new URLSearchParams({ request, xsrf });
}

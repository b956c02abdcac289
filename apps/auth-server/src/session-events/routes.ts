/** `GET /session/events`: who may listen to a session, in the order in which it is asked. */
import { refuseMethodsBut, whenClosed } from "@portcullis/http-api";
import type { PortcullisError } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Client } from "oidc-provider";
import { type AppInSession, isOriginOf, type VerifyIdToken } from "../oidc/index.ts";
import { SESSION_EVENTS_PATH } from "../paths.ts";
import type { DescribeEnding } from "./describe-ending.ts";
import { sessionEventsError } from "./errors.ts";
import type { SessionStreams } from "./session-streams.ts";

/** Throws what is told to whoever has too many streams open. Gives what is to be called when the stream is closed. */
export type TakePlace = (of: {
  readonly session: string;
  readonly client: string;
  readonly address: string;
}) => () => void;

export interface SessionEventsOptions {
  readonly verifyIdToken: VerifyIdToken;
  readonly streams: Pick<SessionStreams, "standingOf" | "open">;
  readonly describe: DescribeEnding;
  readonly findClient: (clientId: string) => Promise<Client | undefined>;
  readonly takePlace: TakePlace;
  readonly clientAddressOf: (request: FastifyRequest) => string;
}

export function sessionEventRoutes(options: SessionEventsOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    refuseMethodsBut(["GET", "OPTIONS"], { app, url: SESSION_EVENTS_PATH });
    app.options(SESSION_EVENTS_PATH, (_request, reply) => reply.code(204).headers(PREFLIGHT_HEADERS).send());
    app.get(SESSION_EVENTS_PATH, { exposeHeadRoute: false }, (request, reply) =>
      listen(options, request, reply),
    );
  };
}

/** Which app asks is not known before its token comes: any page may ask, and most are refused. Nothing goes by cookies. */
const PREFLIGHT_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET",
  "access-control-allow-headers": "Authorization",
  "access-control-max-age": "600",
};

/** Of refusals: the page must be able to read what to do about them. */
const REFUSAL_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "Retry-After, WWW-Authenticate",
  "cache-control": "no-store",
};

const RETRY_AFTER_SECONDS = 60;

async function listen(
  options: SessionEventsOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.headers(REFUSAL_HEADERS);
  const app = await appOf(options, request);
  if (app === undefined) return refuse(reply, sessionEventsError("id_token_refused"));
  await requireOrigin(options, request, app);
  const standing = await options.streams.standingOf(app);
  // Another server has retired the key, and this one has heard of it just now.
  if (standing === "unproved") return refuse(reply, sessionEventsError("id_token_refused"));
  if (!standing.stands) return tellOfEnding(reply, await options.describe(app, standing.reason));
  const { sid: session, clientId: client } = app;
  // Of a refusal: what is taken over below has headers of its own.
  reply.header("retry-after", RETRY_AFTER_SECONDS);
  const giveBack = options.takePlace({ session, client, address: options.clientAddressOf(request) });
  reply.hijack();
  whenClosed(reply.raw, giveBack);
  for (const [name, value] of Object.entries(corsOf(request))) reply.raw.setHeader(name, value);
  options.streams.open(reply.raw, app);
  return reply;
}

/** From the list of all: Node would silently take the first of two. */
function appOf({ verifyIdToken }: SessionEventsOptions, { raw }: FastifyRequest) {
  const [field, ...others] = raw.headersDistinct.authorization ?? [];
  const token = others.length > 0 ? undefined : /^bearer ([\w\-.]+)$/i.exec(field ?? "")?.[1];
  return token === undefined ? undefined : verifyIdToken(token);
}

/** Throws `origin_not_registered` for a page of another site. What is no browser sends no origin, and no other page can hide its own. */
async function requireOrigin(
  { findClient }: SessionEventsOptions,
  { headers: { origin } }: FastifyRequest,
  { clientId }: AppInSession,
): Promise<void> {
  if (origin === undefined) return;
  const client = await findClient(clientId);
  if (client === undefined || !isOriginOf(client, origin)) throw sessionEventsError("origin_not_registered");
}

const corsOf = ({ headers: { origin } }: FastifyRequest): Record<string, string> =>
  origin === undefined ? {} : { "access-control-allow-origin": origin, vary: "Origin" };

/** Told as verifiers tell it (RFC 6750, section 3). Without a reason it has run out: nothing was revoked. */
function tellOfEnding(reply: FastifyReply, ended: Awaited<ReturnType<DescribeEnding>>): FastifyReply {
  const { reason } = ended;
  const killed = reason === undefined ? {} : { mode: "kill", ...ended };
  return refuse(reply, sessionEventsError("session_is_over"), killed);
}

function refuse(reply: FastifyReply, error: PortcullisError, more: object = {}): FastifyReply {
  const { mode, reason } = more as { readonly mode?: string; readonly reason?: string };
  const killed = reason === undefined ? "" : `, mode="${mode}", reason="${reason}"`;
  const challenge = `Bearer error="invalid_token", error_description="${error.message}"${killed}`;
  const body = { error: "invalid_token", error_description: error.message, ...more };
  return reply.code(error.status).header("www-authenticate", challenge).send(body);
}

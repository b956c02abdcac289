/** A real server (or two on one database) and a real guard, for some races: each has users, apps and APIs of its own. */
import assert from "node:assert/strict";
import type { ConnectedGuard } from "@portcullis/guard";
import { API_SCOPES } from "@portcullis/protocol";
import { exchange, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  begin,
  claimsOf,
  isEnd,
  machineToken,
  passPages,
  token,
} from "../../apps/auth-server/test/oidc/app.ts";
import { JsonApp } from "../../apps/auth-server/test/oidc/challenge/json-app.ts";
import {
  basicOf,
  REDIRECT_URI,
  type ServerOptions,
  type ServerUnderTest,
  startServer,
} from "../../apps/auth-server/test/oidc/server-under-test.ts";
import {
  type Asked,
  connectGuard,
  type Database,
  type Names,
  namesOf,
  PASSWORD,
  seed,
} from "../endings/world.ts";
import { gatedStorage, racerOfNow, tellRacersApart } from "./gated-storage.ts";
import type { Turns } from "./turns.ts";

export const STEADY: Names = namesOf(-1);

export interface RaceWorld {
  readonly server: ServerUnderTest;
  /** Where the request goes. */
  readonly asksAt: string;
  /** Where the act is done: at another server, if there are two. */
  readonly actsAt: string;
  readonly guard: ConnectedGuard;
  /** Of the race that is on. */
  turns: Turns | undefined;
  /** As the client `admin`. Gives what to send, so that its token is not part of the race. */
  authorized(asked: Asked): Promise<() => ReturnType<typeof exchange>>;
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly races: number;
  /** Of the races whose app acts for itself too, and so has a secret. */
  readonly machines: ReadonlySet<number>;
  /** Of the races whose app signs people in by JSON. */
  readonly byJson: ReadonlySet<number>;
  readonly database?: Database | undefined;
  /** To show what another order of steps would break. */
  readonly reorder?: NonNullable<ServerOptions["testHooks"]>["reorder"] | undefined;
}

export async function startRaceWorld({
  races,
  machines,
  byJson,
  database,
  reorder,
}: WorldOptions): Promise<RaceWorld> {
  const all = Array.from({ length: races }, (_, at) => namesOf(at));
  const point = async (racer: Parameters<Turns["point"]>[0], name: string) => world.turns?.point(racer, name);
  const server = await startServer({
    openStorage: gatedStorage(point),
    testHooks: {
      async failpoint(step) {
        const racer = racerOfNow();
        if (racer !== undefined) await point(racer, step);
      },
      ...(reorder === undefined ? {} : { reorder }),
    },
    change(document) {
      seed(document, [...all, STEADY]);
      for (const at of machines) Object.assign(appOf(document, all[at]!), machine(all[at]!));
      for (const at of byJson) Object.assign(appOf(document, all[at]!), { jsonSignIn: true });
      if (database !== undefined) Object.assign(document, { database });
    },
  });
  tellRacersApart(server.server.app.server);
  const actsAt = database === undefined ? server.issuer : await server.startAnother();
  if (actsAt !== server.issuer) tellRacersApart(server.serverAt(actsAt).app.server);
  const audiences = [...all, STEADY].flatMap(({ orders, billing }) => [orders, billing]);
  const guard = await connectGuard(server, "service", [...audiences, `${server.issuer}/api`]);
  const world: RaceWorld = {
    server,
    asksAt: server.issuer,
    actsAt,
    guard,
    turns: undefined,
    authorized: (asked) => authorized(server, actsAt, asked),
    async stop() {
      await guard.close();
      await server.stop();
    },
  };
  return world;
}

type Document = Parameters<typeof seed>[0];

const appOf = ({ clients }: Document, { app }: Names) => clients.find(({ clientId }) => clientId === app)!;

const machine = ({ app }: Names) => ({
  clientSecret: secretOf(app),
  grantTypes: ["authorization_code", "refresh_token", "client_credentials"],
});

const secretOf = (client: string): string =>
  Buffer.from(basicOf(client).split(" ")[1]!, "base64").toString().split(":")[1]!;

const SCOPES = Object.values(API_SCOPES).join(" ");

async function authorized({ issuer }: ServerUnderTest, at: string, asked: Asked) {
  const { method, path, body, headers = {}, token: own } = asked;
  const accessToken = own ?? (await machineToken(at, "admin", `${issuer}/api`, SCOPES));
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  return () =>
    exchange(`${at}${path}`, {
      method,
      ...json,
      headers: { authorization: `Bearer ${accessToken}`, prefer: "wait=25", ...type, ...headers },
    });
}

/** How an app of a race asks, and for what. */
export interface Asking {
  readonly at: string;
  readonly clientId: string;
  readonly resource: string;
  readonly scope: string;
  /** `authorization`, if it has a secret. */
  readonly headers: Readonly<Record<string, string>>;
}

const REDIRECT = { redirect_uri: REDIRECT_URI };

/** From the address that the app opens to the code; undefined if the person would have to be asked. */
export async function codeOf(
  asking: Asking,
  { browser, username }: { readonly browser: PlainBrowser; readonly username?: string },
): Promise<(() => ReturnType<typeof exchange>) | undefined> {
  const { at, clientId: client_id, resource, scope, headers } = asking;
  const silent = username === undefined ? { prompt: "none" } : {};
  const attempt = begin(at, { client_id, resource, scope: `openid ${scope}`, ...silent });
  const callback =
    username === undefined
      ? (await browser.open(attempt.url, isEnd)).url
      : await passPages(browser, attempt.url, { username, password: PASSWORD });
  const code = isEnd(callback) ? callback.searchParams.get("code") : null;
  if (code === null) return undefined;
  const own = headers.authorization === undefined ? { client_id } : {};
  const fields = { grant_type: "authorization_code", code, code_verifier: attempt.verifier };
  return () => token(at, { ...fields, ...REDIRECT, ...own }, headers);
}

/** Undefined where the app is not given a code. */
export async function signInByJson(
  { at, clientId, resource, scope }: Asking,
  username: string,
): Promise<Awaited<ReturnType<typeof exchange>> | undefined> {
  const app = new JsonApp({ issuer: at }, { clientId, asks: { resource, scope: `openid ${scope}` } });
  const answered = await app.begin({ username, password: PASSWORD });
  return answered.status === 200 ? app.redeem(answered) : undefined;
}

export function refreshAt({ at, clientId, headers }: Asking, refreshToken: string) {
  const own = headers.authorization === undefined ? { client_id: clientId } : {};
  return token(at, { grant_type: "refresh_token", refresh_token: refreshToken, ...own }, headers);
}

export const headersOf = (client: string, hasSecret: boolean) =>
  hasSecret ? { authorization: basicOf(client) } : {};

export async function signedIn(asking: Asking, username: string) {
  const browser = new PlainBrowser();
  const redeem = await codeOf(asking, { browser, username });
  const answer = await redeem!();
  assert.equal(answer.status, 200, answer.body);
  const tokens = JSON.parse(answer.body) as { access_token: string; refresh_token: string; id_token: string };
  return { ...tokens, browser, claims: claimsOf(tokens.access_token) };
}

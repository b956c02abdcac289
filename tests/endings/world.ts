/** One authorization server (or two on one database), a real gateway, a real guard, and for each act users, apps and APIs of its own. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectedGuard, connect } from "@portcullis/guard";
import { API_SCOPES, systemClock, systemTimer } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { type Exchange, exchange, until } from "@portcullis/testing/end-to-end";
import { accountApp, forAccount } from "../../apps/auth-server/test/account/account-client.ts";
import { machineToken, type SignedIn, signIn } from "../../apps/auth-server/test/oidc/app.ts";
import {
  AFTER_LOGOUT,
  basicOf,
  moveIssuer,
  REDIRECT_URI,
  type ServerUnderTest,
  startServer,
} from "../../apps/auth-server/test/oidc/server-under-test.ts";
import { type RelyingParty, startRelyingParty } from "../../apps/auth-server/test/outbox/relying-party.ts";
import { parseConfiguration } from "../../apps/gateway/src/config/gateway-configuration.ts";
import { type Gateway, startGateway } from "../../apps/gateway/src/gateway.ts";
import { openSigningKey } from "../../apps/gateway/src/transaction-token/signing-key.ts";
import { EchoUpstream } from "../../apps/gateway/test/support/echo-upstream.ts";

/** What belongs to one act alone, so that no act has to be undone for the next. */
export interface Names {
  readonly victim: string;
  readonly bystander: string;
  readonly app: string;
  readonly otherApp: string;
  readonly orders: string;
  readonly billing: string;
}

export const namesOf = (act: number): Names => ({
  victim: `victim-${act}`,
  bystander: `bystander-${act}`,
  app: `app-${act}`,
  otherApp: `other-app-${act}`,
  orders: `https://orders-${act}.example`,
  billing: `https://billing-${act}.example`,
});

export const PASSWORD = "correct horse battery staple";
export const credentialsOf = (username: string) => ({ username, password: PASSWORD });

/** Two devices of the victim, with two apps on the second one, and somebody else. */
export interface Cast {
  readonly phone: SignedIn;
  readonly laptop: SignedIn;
  /** The other app at the other API, on the laptop. */
  readonly other: SignedIn;
  readonly bystander: SignedIn;
}
export type Member = keyof Cast;
export const MEMBERS: readonly Member[] = ["phone", "laptop", "other", "bystander"];

export const appOf = (member: Member, { app, otherApp }: Names) => (member === "other" ? otherApp : app);

export interface World {
  readonly server: ServerUnderTest;
  /** Where the apps are told that a session is over: each at a path of its `client_id`. */
  readonly party: RelyingParty;
  /** Where acts are done: not where the verifiers are connected, if there are two servers. */
  readonly actsAt: string;
  castOf(names: Names): Promise<Cast>;
  /** A token for the account API, of the session that this member of the cast is in. */
  accountToken(member: SignedIn): Promise<string>;
  /** As the client `admin`, which has every scope, unless it has a token of its own. */
  call(at: string, request: Asked): Promise<Exchange>;
  /** What gateway and guard say of a token: `allow`, or the reason. */
  verdicts(token: string, audience: string): Promise<readonly [gateway: string, guard: string]>;
  stop(): Promise<void>;
}

/** Makes a token for scripts for the API of orders, of the victim or of the app. */
export async function scriptTokenOf(
  { call, actsAt, server }: World,
  owner: `users/${string}` | `apps/${string}`,
  { orders }: Names,
): Promise<{ readonly id: string; readonly token: string }> {
  const expiresAt = new Date(server.nowMs() + 86_400_000).toISOString();
  const body = { name: owner, api: orders, permissions: ["things.read"], expiresAt };
  const made = await call(actsAt, { method: "POST", path: `/api/v1/${owner}/tokens`, body });
  assert.equal(made.status, 201, made.body);
  return JSON.parse(made.body);
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body?: object | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
}

export type Database = { readonly kind: "postgres"; readonly url: string; readonly poolSize: number };

export interface WorldOptions {
  readonly database?: Database;
  /** What the issuer has after its host. */
  readonly issuerPath?: string;
}

export async function startWorld(acts: number, { database, issuerPath }: WorldOptions = {}): Promise<World> {
  const all = Array.from({ length: acts }, (_, act) => namesOf(act));
  const party = await startRelyingParty({
    issuer: () => server.issuer,
    clientOf: (path) => path.slice(1),
    nowMs: () => server.nowMs(),
  });
  const server = await startServer({
    change(document) {
      if (issuerPath !== undefined) moveIssuer(document, issuerPath);
      seed(document, all, party.origin);
      const apps = document.clients.filter(({ clientId }) => all.some(({ app }) => app === clientId));
      // Their tokens are for an API and UserInfo. Those of the other apps are for an API alone.
      for (const app of apps) Object.assign(app, { userinfoWithApiToken: true });
      Object.assign(document, { outgoing: { privateTargets: [new URL(party.origin).host] } });
      if (database !== undefined) Object.assign(document, { database });
    },
  });
  const actsAt = database === undefined ? server.issuer : await server.startAnother();
  const audiences = [...all.flatMap(({ orders, billing }) => [orders, billing]), `${server.issuer}/api`];
  const guard = await connectGuard(server, "service", audiences);
  const { gateway, stop: stopGateway } = await startGatewayFor(server, audiences);
  const scopes = Object.values(API_SCOPES).join(" ");
  const call: World["call"] = async (at, { method, path, body, headers = {}, token: own }) => {
    const token = own ?? (await machineToken(at, "admin", `${server.issuer}/api`, scopes));
    return exchange(`${at}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
    });
  };
  return {
    server,
    party,
    actsAt,
    call,
    castOf: (names) => castOf(server, names),
    async accountToken({ browser, claims }) {
      const account = await signIn(server, { browser, parameters: forAccount(server) });
      assert.equal(account.claims.sid, claims.sid);
      return account.access_token;
    },
    async verdicts(token, audience) {
      const atGateway = await decided(() => askGateway(gateway, token, audiences.indexOf(audience)));
      return [atGateway, await verdictOf(guard, token, audience)];
    },
    async stop() {
      await guard.close();
      await stopGateway();
      await server.stop();
      await party.stop();
    },
  };
}

type Document = Parameters<NonNullable<NonNullable<Parameters<typeof startServer>[0]>["change"]>>[0];

/** `logoutOrigin`: where its apps are told of logouts. Default: nowhere. */
export function seed(document: Document, all: readonly Names[], logoutOrigin?: string): void {
  const { clients, resources, users, issuer } = document;
  const verifier = clients.find(({ clientId }) => clientId === "orders")!;
  clients.find(({ clientId }) => clientId === "admin")!.resources[`${issuer}/api`] =
    Object.values(API_SCOPES);
  clients.push(accountApp(issuer) as never);
  verifier.resources[`${issuer}/api`] = ["revocations.read"];
  for (const { victim, bystander, app, otherApp, orders, billing } of all) {
    const scopes = { "things.read": "Read your things", "things.write": "Change your things" };
    const claims = { department: "attributes.department", full_name: "name" };
    const personalTokenPermissions = ["things.read"];
    resources.push({ identifier: orders, name: "Orders", scopes, claims, personalTokenPermissions } as never);
    // It is asked about tokens for scripts by whoever verifies them for this API.
    verifier.resources[orders] = ["things.read"];
    resources.push({ identifier: billing, name: "Billing", scopes } as never);
    for (const username of [victim, bystander])
      users.push({ username, password: PASSWORD, name: username } as never);
    for (const clientId of [app, otherApp])
      clients.push({
        clientId,
        name: clientId,
        firstParty: true,
        redirectUris: [REDIRECT_URI],
        postLogoutRedirectUris: [AFTER_LOGOUT],
        grantTypes: ["authorization_code", "refresh_token"],
        ...(logoutOrigin === undefined ? {} : { backchannelLogoutUri: `${logoutOrigin}/${clientId}` }),
        resources: {
          [orders]: Object.keys(scopes),
          [billing]: Object.keys(scopes),
          [`${issuer}/api`]: ["users.read"],
        },
      } as never);
  }
}

export async function connectGuard(
  { issuer }: ServerUnderTest,
  name: string,
  audience: readonly string[],
): Promise<ConnectedGuard> {
  const guard = connect({
    issuer,
    audience,
    clientId: "orders",
    clientSecret: secretOf("orders"),
    name,
    log: new RecordedLog(),
  });
  await guard.whenReady();
  return guard;
}

const secretOf = (client: string): string =>
  Buffer.from(basicOf(client).split(" ")[1]!, "base64").toString().split(":")[1]!;

async function startGatewayFor(server: ServerUnderTest, audiences: readonly string[]) {
  const upstream = await EchoUpstream.start();
  const directory = mkdtempSync(join(tmpdir(), "portcullis-endings-"));
  const routes = audiences.map(
    (audience, at) =>
      `  - { name: route-${at}, path: /route-${at}, upstream: "${upstream.origin}", audience: "${audience}" }`,
  );
  const configuration = parseConfiguration(
    `issuer: ${server.issuer}
listen: { host: 127.0.0.1, port: 0 }
management: { host: 127.0.0.1, port: 0 }
verifier: { clientId: orders, clientSecret: ${secretOf("orders")} }
transactionToken: { issuer: "http://gateway.test", audience: services.test, keyFile: gateway-key.json }
routes:
${routes.join("\n")}
`,
    directory,
  );
  const gateway = await startGateway({
    configuration,
    guard: await connectGuard(server, "gateway", audiences),
    signingKey: openSigningKey(configuration.transactionToken.keyFile),
    log: new RecordedLog(),
    clock: systemClock,
    randomBytes,
    setTimer: systemTimer,
  });
  const stop = async () => {
    await gateway.stop();
    await upstream[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  };
  return { gateway, stop };
}

/**
 * What a verifier says once it may say "allow": on a busy machine its lease ends before it is renewed, and it answers 503 then, in
 * place of an "allow" and never of a refusal.
 */
const decided = (ask: () => Promise<string | undefined>): Promise<string> =>
  until(ask, { what: "a verifier that is fresh", withinMs: PATIENCE_MS });

/**
 * The answer of an endpoint that apps call, which they repeat as `Retry-After` says: 503 is that the database had no time, and that
 * nothing was spent or ended.
 */
export const answered = (ask: () => Promise<Exchange>): Promise<Exchange> =>
  until(
    async () => {
      const answer = await ask();
      return answer.status === 503 ? undefined : answer;
    },
    { what: "an answer of the issuer", withinMs: PATIENCE_MS, everyMs: 200 },
  );

const PATIENCE_MS = 60_000;

/** As `verdicts`, of one guard. */
export const verdictOf = (guard: ConnectedGuard, token: string, audience: string): Promise<string> =>
  decided(() => askGuard(guard, token, audience));

async function askGuard(guard: ConnectedGuard, token: string, audience: string): Promise<string | undefined> {
  const decision = await guard.authenticate(`Bearer ${token}`, { audience });
  if ("principal" in decision) return "allow";
  return decision.status === 503 ? undefined : (decision.body.reason ?? decision.body.error);
}

async function askGateway({ url }: Gateway, token: string, route: number): Promise<string | undefined> {
  const answer = await exchange(`${url}/route-${route}`, { headers: { authorization: `Bearer ${token}` } });
  if (answer.status === 200) return "allow";
  if (answer.status === 503) return undefined;
  const { reason, error } = JSON.parse(answer.body) as { reason?: string; error?: string };
  return reason ?? `${answer.status} ${error}`;
}

async function castOf(server: ServerUnderTest, names: Names): Promise<Cast> {
  const victim = credentialsOf(names.victim);
  const orders = { client_id: names.app, resource: names.orders, scope: "openid things.read things.write" };
  const billing = { client_id: names.otherApp, resource: names.billing, scope: "openid things.read" };
  const credentials = credentialsOf(names.bystander);
  const [phone, laptop, bystander] = await Promise.all([
    signIn(server, { credentials: victim, parameters: orders }),
    signIn(server, { credentials: victim, parameters: orders }),
    signIn(server, { credentials, parameters: orders }),
  ]);
  const { browser } = laptop;
  const other = await signIn(server, { browser, credentials: victim, parameters: billing });
  return { phone, laptop, other, bystander };
}

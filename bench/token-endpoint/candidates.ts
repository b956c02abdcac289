/** The two servers. This file is their process too: `candidates.ts NAME` starts one and answers over IPC. */
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createAuthServer, createLog, resolveConfiguration } from "@portcullis/auth-server";
import { exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { freePort } from "@portcullis/testing/ports";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

export const CANDIDATES = ["portcullis", "bare oidc-provider"] as const;
export type CandidateName = (typeof CANDIDATES)[number];

export const RESOURCE = "https://orders.portcullis.example";
export const SCOPE = "orders.read";
export const CLIENT = { id: "service", secret: "bench-secret-0123456789abcdef" };
/** A public app of one user, who has signed in: its refresh tokens rotate. */
export const APP = { id: "web", scope: `openid ${SCOPE}`, redirectUri: "http://127.0.0.1:9403/callback" };
const ALICE = { username: "alice", password: "correct horse battery staple" };
const TTL_SECONDS = 300;

interface Candidate {
  readonly url: string;
  /** Returns the first refresh token of a grant of its own. */
  readonly refreshToken: () => Promise<string>;
}

const START: Readonly<Record<CandidateName, (directory: string) => Promise<Candidate>>> = {
  portcullis: startPortcullis,
  "bare oidc-provider": startBare,
};

async function startPortcullis(dataDirectory: string): Promise<Candidate> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const configuration = resolveConfiguration({
    issuer,
    listen: { host: "127.0.0.1", port },
    dataDirectory,
    limits: { authorizationRequestsPerMinute: 1_000_000, signInAttemptsPerMinute: 1_000_000 },
    resources: [
      {
        identifier: RESOURCE,
        name: "Orders",
        scopes: { [SCOPE]: "Read your orders" },
        accessTokenTtlSeconds: TTL_SECONDS,
      },
    ],
    clients: [
      {
        clientId: CLIENT.id,
        name: CLIENT.id,
        clientSecret: CLIENT.secret,
        grantTypes: ["client_credentials"],
        resources: { [RESOURCE]: [SCOPE] },
      },
      {
        clientId: APP.id,
        name: APP.id,
        firstParty: true,
        redirectUris: [APP.redirectUri],
        grantTypes: ["authorization_code", "refresh_token"],
        resources: { [RESOURCE]: [SCOPE] },
      },
    ],
    users: [{ ...ALICE, name: "Alice" }],
  });
  const operatorLog = createLog({ name: "auth-server", destination: process.stderr });
  const server = await createAuthServer({ configuration, operatorLog });
  return { url: await server.listen(), refreshToken: () => signIn(issuer) };
}

async function signIn(issuer: string): Promise<string> {
  const verifier = randomBytes(32).toString("base64url");
  const asked = {
    client_id: APP.id,
    response_type: "code",
    redirect_uri: APP.redirectUri,
    scope: APP.scope,
    resource: RESOURCE,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  };
  const isEnd = (at: URL) => at.href.startsWith(APP.redirectUri);
  const browser = new PlainBrowser();
  const page = await browser.open(new URL(`${issuer}/authorize?${new URLSearchParams(asked)}`), isEnd);
  const { url } = await browser.submit(page, page.forms[0]!, { fill: ALICE, isEnd });
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: APP.id,
    code: url.searchParams.get("code")!,
    redirect_uri: APP.redirectUri,
    code_verifier: verifier,
  });
  return json<{ refresh_token: string }>(await exchange(`${issuer}/token`, { body })).refresh_token;
}

async function startBare(): Promise<Candidate> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: "ES256", use: "sig" }] } as never,
    cookies: { keys: [randomBytes(32).toString("base64url")] },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: APP.id,
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [APP.redirectUri],
        response_types: ["code"],
      },
    ],
    findAccount: (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    rotateRefreshToken: true,
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: SCOPE,
          audience: RESOURCE,
          accessTokenFormat: "jwt",
          accessTokenTTL: TTL_SECONDS,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  await new Promise<void>((resolve) => createServer(provider.callback()).listen(port, "127.0.0.1", resolve));
  return { url: issuer, refreshToken: () => bareRefreshToken(provider) };
}

/** As its own code flow would have saved it. */
async function bareRefreshToken(provider: Provider): Promise<string> {
  const accountId = "alice";
  const grant = new provider.Grant({ accountId, clientId: APP.id });
  grant.addOIDCScope("openid");
  grant.addResourceScope(RESOURCE, SCOPE);
  const grantId = await grant.save();
  const client = (await provider.Client.find(APP.id))!;
  const gty = "authorization_code";
  const token = { accountId, client, grantId, gty, scope: APP.scope, resource: RESOURCE };
  return new provider.RefreshToken(token as never).save();
}

if (process.send !== undefined && import.meta.main) {
  const [name, directory] = process.argv.slice(2);
  process.on("disconnect", () => process.exit());
  const { url, refreshToken } = await START[name as CandidateName](directory!);
  process.on("message", async (asked) => {
    process.send!(asked === "cpu" ? { cpu: process.cpuUsage() } : { refreshToken: await refreshToken() });
  });
  process.send({ url });
}

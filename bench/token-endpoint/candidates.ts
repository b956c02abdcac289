/** The two servers. This file is their process too: `candidates.ts NAME` starts one and answers over IPC. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createAuthServer, createLog, resolveConfiguration } from "@portcullis/auth-server";
import { freePort } from "@portcullis/testing/ports";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

export const CANDIDATES = ["portcullis", "bare oidc-provider"] as const;
export type CandidateName = (typeof CANDIDATES)[number];

export const RESOURCE = "https://orders.portcullis.example";
export const SCOPE = "orders.read";
export const CLIENT = { id: "service", secret: "bench-secret-0123456789abcdef" };
const TTL_SECONDS = 300;

const START: Readonly<Record<CandidateName, (directory: string) => Promise<string>>> = {
  portcullis: startPortcullis,
  "bare oidc-provider": startBare,
};

async function startPortcullis(dataDirectory: string): Promise<string> {
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
    ],
  });
  const operatorLog = createLog({ name: "auth-server", destination: process.stderr });
  const server = await createAuthServer({ configuration, operatorLog });
  return server.listen();
}

async function startBare(): Promise<string> {
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
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
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
  return issuer;
}

if (process.send !== undefined && import.meta.main) {
  const [name, directory] = process.argv.slice(2);
  process.on("message", () => process.send!({ cpu: process.cpuUsage() }));
  process.on("disconnect", () => process.exit());
  process.send({ url: await START[name as CandidateName](directory!) });
}

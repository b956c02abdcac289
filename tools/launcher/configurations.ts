import { API_SCOPES } from "@portcullis/protocol";
import type { Addresses } from "./addresses.ts";
import { HOST } from "./addresses.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { Demo, SecretClient } from "./demo.ts";
import { writeUnedited } from "./kept-files.ts";

export const RESOURCE = "https://orders.portcullis.example";
export const ROUTES = { orders: "/orders", open: "/catalogue" } as const;
export const ORDERS_SCOPE = "orders.read orders.write";
/** All that the server's own API has. */
export const ADMIN_SCOPE = Object.values(API_SCOPES).join(" ");
const TRUST_DOMAIN = "portcullis.example";

export const apiResourceOf = ({ issuer }: Addresses): string => `${issuer}/api`;
export const redirectUrisOf = ({ webApp }: Addresses): readonly string[] => [`${webApp}/callback`];

interface Ingredients {
  readonly addresses: Addresses;
  readonly demo: Demo;
  readonly data: DataDirectory;
  /** Edited files are written anew too. */
  readonly reset: boolean;
}

/** They follow from the options and from demo.json. Returns the names of those that were edited, and are kept as they are. */
export function writeConfigurations(from: Ingredients): readonly string[] {
  const files: Record<string, string> = {
    "auth-server.json": asJson(authServer(from)),
    "gateway.yaml": gateway(from),
    "orders-service.json": asJson(ordersService(from)),
    "web-app.json": asJson(webApp(from)),
  };
  return writeUnedited({ data: from.data, files, reset: from.reset });
}

const asJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function authServer({ addresses, demo, data }: Ingredients) {
  return {
    issuer: addresses.issuer,
    listen: { host: HOST, port: addresses.ports.issuer },
    management: { host: HOST, port: addresses.ports.authServerManagement },
    dataDirectory: data.pathOf(stateFolderOf(addresses)),
    // No load balancer asks it.
    stopGraceSeconds: 0,
    ...entryOf(addresses),
    resources: [
      {
        identifier: RESOURCE,
        name: "Orders",
        scopes: { "orders.read": "See your orders", "orders.write": "Place orders for you" },
        accessTokenTtlSeconds: 300,
        personalTokenPermissions: ["orders.read"],
      },
    ],
    clients: [
      {
        clientId: "web",
        name: "Orders web app",
        redirectUris: redirectUrisOf(addresses),
        postLogoutRedirectUris: [`${addresses.webApp}/`],
        grantTypes: ["authorization_code", "refresh_token"],
        resources: { [RESOURCE]: ORDERS_SCOPE.split(" ") },
      },
      machine("service", "Demo script", demo, { [RESOURCE]: ORDERS_SCOPE.split(" ") }),
      machine("admin", "Demo administrator", demo, { [apiResourceOf(addresses)]: ADMIN_SCOPE.split(" ") }),
      machine("gateway", "Gateway", demo, verifiersResources(addresses)),
      machine("orders", "Orders service", demo, verifiersResources(addresses)),
    ],
    admin: demo.administrator,
    users: [
      {
        username: demo.username,
        name: "Demo User",
        email: "demo@portcullis.example",
        password: demo.password,
      },
    ],
  };
}

/**
 * A folder an address: what is stored there has been issued under that name, and its apps are sent back to these ports. A
 * start on other ports begins anew, and one on the ports of before finds all as it was.
 */
const stateFolderOf = ({ issuer }: Addresses): string =>
  issuer === USUAL_ISSUER ? "auth-server" : `auth-server-${new URL(issuer).host.replaceAll(/[^\w.]/g, "-")}`;
const USUAL_ISSUER = `http://${HOST}:8400`;

/** Others come through the entry of `--host`, which says who they are. */
const entryOf = ({ fronts }: Addresses) =>
  fronts.length === 0 ? {} : { trustedProxies: { addresses: [HOST], proxyProtocol: true } };

function machine(clientId: SecretClient, name: string, demo: Demo, resources: Record<string, string[]>) {
  return {
    clientId,
    name,
    clientSecret: demo.secrets[clientId],
    grantTypes: ["client_credentials"],
    resources,
  };
}

/** The list of revocations, and the API about whose tokens it asks: tokens for scripts, and routes that say online. */
const verifiersResources = (addresses: Addresses) => ({
  [apiResourceOf(addresses)]: ["revocations.read"],
  [RESOURCE]: ["orders.read"],
});

/** YAML, with its values as JSON: every JSON text is YAML. */
function gateway({ addresses, demo, data }: Ingredients): string {
  const value = JSON.stringify;
  return `# Written by npm start, which keeps what you change here; docs/reference/gateway-configuration.md explains every setting.
issuer: ${value(addresses.issuer)}
audience: ${value(RESOURCE)}
listen: { host: ${value(HOST)}, port: ${addresses.ports.gateway} }
${Object.entries(entryOf(addresses))
  .map(([name, setting]) => `${name}: ${value(setting)}\n`)
  .join("")}management: { host: ${value(HOST)}, port: ${addresses.ports.management} }
verifier: { clientId: gateway, clientSecret: ${value(demo.secrets.gateway)} }
transactionToken:
  issuer: ${value(addresses.gateway)}
  audience: ${value(TRUST_DOMAIN)}
  lifetimeSeconds: 30
  keyFile: ${value(data.pathOf("gateway-key.json"))}
cors:
  origins: [${value(addresses.webApp)}]
drainSeconds: 5
routes:
  # Reading needs one scope and writing another: the service asks for the right one, and so it gets every token, those for scripts too.
  - name: orders
    path: ${value(ROUTES.orders)}
    upstream: ${value(addresses.service)}
    methods: [GET, HEAD, POST]
    forwardAuthorization: all
    freshness: { policy: closed, maxAgeSeconds: 5 }
  # An outage of the authorization server does not hide the prices.
  - name: catalogue
    path: ${value(ROUTES.open)}
    upstream: ${value(addresses.service)}
    methods: [GET, HEAD]
    freshness: { policy: open, maxAgeSeconds: 5 }
`;
}

function ordersService({ addresses, demo }: Ingredients) {
  return {
    issuer: addresses.issuer,
    listen: { host: HOST, port: addresses.ports.service },
    management: { host: HOST, port: addresses.ports.serviceManagement },
    audience: RESOURCE,
    verifier: { clientId: "orders", clientSecret: demo.secrets.orders },
    gateway: { issuer: addresses.gateway, audience: TRUST_DOMAIN },
  };
}

function webApp({ addresses }: Ingredients) {
  return {
    listen: { host: HOST, port: addresses.ports.webApp },
    management: { host: HOST, port: addresses.ports.webAppManagement },
    origin: addresses.webApp,
    issuer: addresses.issuer,
    gateway: addresses.gateway,
    clientId: "web",
    scope: `openid profile offline_access ${ORDERS_SCOPE}`,
    resource: RESOURCE,
    ordersPath: ROUTES.orders,
    accountUrl: `${addresses.issuer}/account`,
  };
}

import { relative } from "node:path";
import type { Addresses } from "./addresses.ts";
import { commandOf, quote } from "./children.ts";
import {
  ADMIN_SCOPE,
  apiResourceOf,
  ORDERS_SCOPE,
  RESOURCE,
  ROUTES,
  redirectUrisOf,
} from "./configurations.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { Demo } from "./demo.ts";
import type { Endpoints } from "./endpoints.ts";
import type { Certificate } from "./network-entry.ts";
import { PARTS, type Part } from "./parts.ts";

export interface Started {
  readonly addresses: Addresses;
  readonly data: DataDirectory;
  readonly demo: Demo;
  readonly endpoints: Endpoints;
  readonly pids: Readonly<Record<Part, number>>;
  readonly certificate: Certificate | undefined;
  /** Configuration files that were edited, and are kept as they are. */
  readonly kept: readonly string[];
}

/** The line of JSON that scripts rely on: members are added, never changed. */
export function contractOf({ addresses, data, demo, endpoints, pids, certificate, kept }: Started) {
  const { issuer, gateway, service, webApp, management, managements } = addresses;
  const { username, password, administrator } = demo;
  return {
    issuer,
    gateway,
    service,
    webApp,
    resource: RESOURCE,
    api: `${apiResourceOf(addresses)}/v1`,
    demo: { username, password },
    administrator,
    clients: {
      web: { clientId: "web", redirectUris: redirectUrisOf(addresses) },
      service: { clientId: "service", clientSecret: demo.secrets.service, scope: ORDERS_SCOPE },
      admin: {
        clientId: "admin",
        clientSecret: demo.secrets.admin,
        scope: ADMIN_SCOPE,
        resource: apiResourceOf(addresses),
      },
    },
    revocations: endpoints.portcullis_revocations_endpoint,
    routes: ROUTES,
    pids,
    management,
    managements,
    commands: Object.fromEntries(
      PARTS.map((definition) => [definition.part, commandOf(definition, { data, certificate })]),
    ),
    kept,
    ...(certificate === undefined ? {} : { certificate: certificate.certificateFile }),
  };
}

/** Each says what it does and is one line, so that it can be pasted into a shell as it is. */
function curlLines({
  addresses,
  demo,
  endpoints,
  certificate,
}: Started): readonly { what: string; line: string }[] {
  const curl = certificate === undefined ? "curl" : `curl --cacert ${quote(certificate.certificateFile)}`;
  const client = `-u service:${demo.secrets.service}`;
  const orders = `${curl} -sS -i -H "Authorization: Bearer $TOKEN" ${addresses.gateway}${ROUTES.orders}; echo`;
  const form = (fields: Record<string, string>) =>
    Object.entries(fields)
      .map(([name, value]) => `--data-urlencode ${quote(`${name}=${value}`)}`)
      .join(" ");
  const ask = form({ grant_type: "client_credentials", scope: ORDERS_SCOPE, resource: RESOURCE });
  const pick = `sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/'`;
  return [
    {
      what: "Get an access token for the orders API.",
      line: `TOKEN=$(${curl} -sS ${client} ${ask} ${endpoints.token_endpoint} | ${pick})`,
    },
    { what: "Call it through the gateway: 200.", line: orders },
    {
      what: "Ask what the token is: active.",
      line: `${curl} -sS ${client} -d "token=$TOKEN" ${endpoints.introspection_endpoint}; echo`,
    },
    {
      what: "Log out: revoke it, and wait for the receipt (a header) that says it is enforced.",
      line: `${curl} -sS -i ${client} -H 'Prefer: wait=2' -d "token=$TOKEN" ${endpoints.revocation_endpoint}`,
    },
    { what: "Call again: 401, with the reason.", line: orders },
  ];
}

function commandLines({ addresses, demo, certificate }: Started): readonly string[] {
  return [
    ...(certificate === undefined
      ? []
      : [`export NODE_EXTRA_CA_CERTS=${quote(certificate.certificateFile)}`]),
    `export PORTCULLIS_ISSUER=${addresses.issuer} PORTCULLIS_CLIENT_ID=admin PORTCULLIS_CLIENT_SECRET=${quote(demo.secrets.admin)}`,
    "npx portcullis verifiers",
    `npx portcullis revoke subject ${demo.username}`,
  ];
}

/** A reset of the files is taken for one of everything. */
const STAYS = "what was created in the database stays: to begin anew, stop and remove";

export function announcement(started: Started): string {
  const { addresses, data, demo, certificate, kept } = started;
  const place = relative(process.cwd(), data.path);
  const { managements } = addresses;
  const directory = place.startsWith("..") ? data.path : `./${place}`;
  return [
    "",
    "Portcullis is running.",
    "",
    `  Web app               ${addresses.webApp}`,
    `  Account page          ${addresses.issuer}/account`,
    `  Sign in as            ${demo.username}`,
    `  Password              ${demo.password}`,
    `  Administrator         ${demo.administrator.username}   (password ${demo.administrator.password})`,
    "",
    `  Authorization server  ${addresses.issuer}   (${addresses.issuer}/.well-known/openid-configuration, ${managements.authServer}/metrics)`,
    `  Gateway               ${addresses.gateway}   (${managements.gateway}/status)`,
    `  Orders service        ${addresses.service}   (${managements.service}/metrics)`,
    `  State and logs        ${directory}`,
    ...kept.map(
      (name) =>
        `  Kept as you edited it ${directory}/config/${name}   (--reset-config writes it anew, without the edit; ${STAYS} ${directory})`,
    ),
    ...(certificate === undefined
      ? []
      : [`  Certificate           ${certificate.certificateFile}   (browsers ask: it is our own)`]),
    "",
    "Open the web app and sign in; then press “Sign out everywhere” on the account page, and watch.",
    "Or paste these five lines into a shell:",
    "",
    ...curlLines(started).flatMap(({ what, line }, index) => [`# ${index + 1}. ${what}`, line, ""]),
    "The portcullis command, as the administrator:",
    "",
    ...commandLines(started),
    "",
    "Ctrl-C stops all of it.",
    "",
  ].join("\n");
}

import type { WrittenConfiguration } from "./schema.ts";

export interface Problem {
  /** Dotted path in the file. */
  readonly path: string;
  readonly message: string;
}

/** Rules between fields: each protects what its comment says. */
export function checkRules(written: WrittenConfiguration): Problem[] {
  return [
    ...checkSecret(written),
    ...checkPorts(written),
    ...checkRoutes(written),
    ...checkTokenIssuer(written),
    ...checkBuffers(written),
  ];
}

function checkSecret({ verifier }: WrittenConfiguration): Problem[] {
  const { clientSecret, clientSecretFile } = verifier;
  if ((clientSecret === undefined) !== (clientSecretFile === undefined)) return [];
  const found = clientSecret === undefined ? "neither" : "both";
  return [
    { path: "verifier.clientSecret", message: `found ${found}; set either clientSecret or clientSecretFile` },
  ];
}

// The management listener has no authentication: on the proxy's port it would be public.
function checkPorts({ listen, management }: WrittenConfiguration): Problem[] {
  if (listen.port !== management.port || listen.port === 0) return [];
  return [{ path: "management.port", message: `found ${management.port}, the port of listen; take another` }];
}

function checkTokenIssuer({ issuer, listen, transactionToken }: WrittenConfiguration): Problem[] {
  const path = "transactionToken.issuer";
  // A signature by a key of ours must not pass for one of the authorization server's.
  if (transactionToken.issuer === issuer) {
    return [{ path, message: "found the same value as issuer; use the gateway's own URL" }];
  }
  // Services compare it, so it has to be known beforehand and mean the same everywhere.
  const isKnown = listen.port !== 0 && !WILDCARDS.has(listen.host) && !listen.host.includes(":");
  if (transactionToken.issuer !== undefined || isKnown) return [];
  return [
    { path, message: `found none; set it, since ${listen.host}:${listen.port} is no URL that services know` },
  ];
}

// A body of the allowed length would never find room.
function checkBuffers({ limits }: WrittenConfiguration): Problem[] {
  const { bufferRequestBytes, bufferedBytes, clientShare } = limits;
  if (bufferRequestBytes <= bufferedBytes * clientShare) return [];
  const message = `found ${bufferRequestBytes}, more than one client may have (bufferedBytes times clientShare); lower it, or raise bufferedBytes`;
  return [{ path: "limits.bufferRequestBytes", message }];
}

const WILDCARDS = new Set(["0.0.0.0", "::"]);

function checkRoutes(written: WrittenConfiguration): Problem[] {
  return [
    ...duplicates(written, "name"),
    // Without regard to case, as routes are matched.
    ...duplicates(written, "path"),
    ...written.routes.flatMap((route, index) => checkAccess(route, index, written.audience)),
  ];
}

function duplicates({ routes }: WrittenConfiguration, field: "name" | "path"): Problem[] {
  const first = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [index, route] of routes.entries()) {
    const value = route[field].toLowerCase();
    const earlier = first.get(value);
    if (earlier === undefined) first.set(value, index);
    else {
      problems.push({
        path: `routes[${index}].${field}`,
        message: `found "${route[field]}", which routes[${earlier}] has already; each ${field} once`,
      });
    }
  }
  return problems;
}

// A route must not become public by leaving something out.
function checkAccess(
  route: WrittenConfiguration["routes"][number],
  index: number,
  defaultAudience: string | undefined,
): Problem[] {
  const at = `routes[${index}]`;
  if (!route.public) {
    if ((route.audience ?? defaultAudience) !== undefined) return [];
    return [
      { path: `${at}.audience`, message: "found none; set it, or say public: true if no token is needed" },
    ];
  }
  return (["audience", "scopes", "freshness"] as const)
    .filter((field) => route[field] !== undefined)
    .map((field) => ({
      path: `${at}.${field}`,
      message: "found on a public route, which asks for no token; remove it, or public",
    }));
}

import { eachOnce, type Problem, type Rule, samePort } from "@portcullis/service";
import type { WrittenConfiguration } from "./schema.ts";

/** Rules between settings: each protects what its comment says. */
export const RULES: readonly Rule<WrittenConfiguration>[] = [
  { reads: ["listen", "management"], check: ({ listen, management }) => samePort(listen, management) },
  eachOnce("routes", "name"),
  // Without regard to case, as routes are matched.
  eachOnce("routes", "path", (path) => path.toLowerCase()),
  {
    reads: ["audience", "routes[].audience", "routes[].public", "routes[].scopes", "routes[].freshness"],
    check: ({ audience, routes }, at) => checkAccess(routes[at]!, at, audience),
  },
  { reads: ["issuer", "listen", "transactionToken.issuer"], check: checkTokenIssuer },
  { reads: ["limits"], check: checkBuffers },
];

function checkTokenIssuer({ issuer, listen, transactionToken }: WrittenConfiguration): Problem[] {
  const path = ["transactionToken", "issuer"];
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
  return [{ path: ["limits", "bufferRequestBytes"], message }];
}

const WILDCARDS = new Set(["0.0.0.0", "::"]);

// A route must not become public by leaving something out.
function checkAccess(
  route: WrittenConfiguration["routes"][number],
  index: number,
  defaultAudience: string | undefined,
): Problem[] {
  if (!route.public) {
    if ((route.audience ?? defaultAudience) !== undefined) return [];
    return [
      {
        path: ["routes", index, "audience"],
        message: "found none; set it, or say public: true if no token is needed",
      },
    ];
  }
  return (["audience", "scopes", "freshness"] as const)
    .filter((field) => route[field] !== undefined)
    .map((field) => ({
      path: ["routes", index, field],
      message: "found on a public route, which asks for no token; remove it, or public",
    }));
}

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exchange } from "@portcullis/testing/end-to-end";
import { type Addresses, HOST } from "./addresses.ts";
import type { Ingredients } from "./configurations.ts";
import { Part } from "./part.ts";

/** HAProxy in front of the authorization servers: round robin, and only those that say they are ready. */
export function createBalancer({ addresses, folder, logFolder }: Ingredients): Part {
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, configuration(addresses));
  return new Part({
    name: "balancer",
    command: ["/usr/sbin/haproxy", "-db", "-f", file],
    logFolder,
    // 503 too is an answer of the balancer.
    isServing: async () => (await exchange(`${addresses.issuer}/health/ready`)).status > 0,
  });
}

/** A server that has left is cut from its clients at once: what it holds open would otherwise wait for a timeout. */
function configuration({ balancer, authServers }: Addresses): string {
  const servers = authServers.map(
    (port, at) =>
      `  server auth-${at + 1} ${HOST}:${port} check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions`,
  );
  return `${[
    "global",
    "  maxconn 2000",
    "defaults",
    "  mode http",
    "  timeout connect 1s",
    "  timeout client 40s",
    "  timeout server 40s",
    "  timeout check 1s",
    "  option redispatch",
    "  retries 2",
    "frontend issuer",
    `  bind ${HOST}:${balancer}`,
    "  default_backend auth_servers",
    "backend auth_servers",
    "  balance roundrobin",
    "  option httpchk GET /health/ready",
    ...servers,
  ].join("\n")}\n`;
}

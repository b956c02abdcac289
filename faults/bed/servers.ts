import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exchange, json, nodeCommand } from "@portcullis/testing/end-to-end";
import { HOST } from "./addresses.ts";
import { authServerConfiguration, gatewayConfiguration, type Ingredients } from "./configurations.ts";
import { Part, type PartOptions } from "./part.ts";

/** Groups that no machine uses: the packet filter tells the gateways by them. */
const FIRST_GATEWAY_GROUP = 64_801;

export interface ReplicaReport {
  readonly name: string;
  readonly state: string;
  readonly applied: number;
  readonly incarnation: string | null;
  readonly leaseMs: number;
}

export class AuthServer extends Part {
  /** Of this one server, behind the load balancer. */
  readonly url: string;

  constructor(options: PartOptions & { readonly url: string }) {
    super(options);
    this.url = options.url;
  }
}

export class Gateway extends Part {
  readonly url: string;
  readonly management: string;
  readonly groupId: number;

  constructor(
    options: PartOptions & {
      readonly url: string;
      readonly management: string;
      readonly groupId: number;
    },
  ) {
    super(options);
    this.url = options.url;
    this.management = options.management;
    this.groupId = options.groupId;
  }

  async replica(): Promise<ReplicaReport> {
    const answer = await exchange(`${this.management}/status`, { timeoutMs: 2000 });
    return json<{ replica: ReplicaReport }>(answer).replica;
  }
}

export interface AuthServerOptions extends Ingredients {
  readonly at: number;
  readonly dataDirectory?: string;
}

export function createAuthServer(options: AuthServerOptions): AuthServer {
  const name = `auth-${options.at + 1}`;
  const port = options.addresses.authServers[options.at]!;
  const dataDirectory = options.dataDirectory ?? join(options.folder, `${name}-data`);
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const url = `http://${HOST}:${port}`;
  const file = write(options.folder, name, authServerConfiguration({ ...options, port, dataDirectory }));
  return new AuthServer({
    name,
    url,
    command: nodeCommand("apps/auth-server/src/main.ts", "--config", file),
    logFolder: options.logFolder,
    isServing: async () => (await exchange(`${url}/health/ready`, { timeoutMs: 2000 })).status === 200,
  });
}

export function createGateway(
  options: Ingredients & { readonly at: number; readonly readsRedis: boolean },
): Gateway {
  const name = `gateway-${options.at + 1}`;
  const ports = options.addresses.gateways[options.at]!;
  const file = write(options.folder, name, gatewayConfiguration({ ...options, ...ports, name }));
  const management = `http://${HOST}:${ports.management}`;
  return new Gateway({
    name,
    management,
    url: `http://${HOST}:${ports.port}/orders`,
    groupId: FIRST_GATEWAY_GROUP + options.at,
    command: nodeCommand("apps/gateway/src/main.ts", "--config", file),
    logFolder: options.logFolder,
    isServing: async () => (await exchange(`${management}/readyz`, { timeoutMs: 2000 })).status === 200,
  });
}

function write(folder: string, name: string, configuration: object): string {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(configuration, null, 2), { mode: 0o600 });
  return file;
}

/** A module of this folder that Node loads in front of a server's own. */
export const preloadFlags = (name: string): string[] => [
  "--import",
  join(dirname(fileURLToPath(import.meta.url)), name),
];

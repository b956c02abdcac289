import { createServer } from "node:net";

export const HOST = "127.0.0.1";

export interface Addresses {
  /** As it was given: the first port of the URLs. */
  readonly portBase: number;
  readonly issuer: string;
  readonly gateway: string;
  readonly service: string;
  readonly webApp: string;
  /** The gateway's `/readyz`, `/status` and `/metrics`. */
  readonly management: string;
  /** Where operators reach each part, from this machine alone. */
  readonly managements: Managements;
  /** What the URLs name. */
  readonly host: string;
  /** What the parts listen on, for this machine alone. */
  readonly ports: Readonly<Record<PortUse, number>>;
  /** What others on the network connect to; none without `--host`. */
  readonly fronts: readonly FrontPort[];
}

export type Managements = Readonly<Record<"authServer" | "gateway" | "service" | "webApp", string>>;

export interface FrontPort {
  readonly port: number;
  /** Where the part listens to which it leads. */
  readonly inner: number;
  /** The part reads from the PROXY protocol who its client is. */
  readonly tellsClient: boolean;
}

export type PortUse =
  | OpenUse
  | "management"
  | "authServerManagement"
  | "serviceManagement"
  | "webAppManagement";
type OpenUse = "issuer" | "gateway" | "service" | "webApp";
const OPEN_TO_OTHERS = ["issuer", "gateway", "service", "webApp"] as const satisfies readonly OpenUse[];
const TOLD_CLIENTS: readonly PortUse[] = ["issuer", "gateway"];
/** With `--host`, the parts listen behind the ports of the entry. */
const INNER_OFFSET = 5;
export const MAX_PORTS = 13;

/**
 * Eight of thirteen neighbouring ports, and four more with `host`, which others on the network reach by https. What later
 * versions add comes after: scripts rely on the places of the first five.
 */
export function addressesFrom(portBase: number, host?: string): Addresses {
  const outer = {
    issuer: portBase,
    gateway: portBase + 1,
    service: portBase + 2,
    webApp: portBase + 3,
    management: portBase + 4,
    authServerManagement: portBase + 10,
    serviceManagement: portBase + 11,
    webAppManagement: portBase + 12,
  };
  const url = (name: OpenUse): string =>
    host === undefined ? local(outer[name]) : `https://${host}:${outer[name]}`;
  return {
    portBase,
    issuer: url("issuer"),
    gateway: url("gateway"),
    service: url("service"),
    webApp: url("webApp"),
    management: local(outer.management),
    managements: managementsOf(outer),
    host: host ?? HOST,
    ports: host === undefined ? outer : behind(outer),
    fronts: host === undefined ? [] : OPEN_TO_OTHERS.map((use) => frontOf(use, outer)),
  };
}

type Ports = Readonly<Record<PortUse, number>>;

const local = (port: number): string => `http://${HOST}:${port}`;

const managementsOf = (ports: Ports): Managements => ({
  authServer: local(ports.authServerManagement),
  gateway: local(ports.management),
  service: local(ports.serviceManagement),
  webApp: local(ports.webAppManagement),
});

function behind(outer: Ports): Ports {
  const inner = OPEN_TO_OTHERS.map((use) => [use, outer[use] + INNER_OFFSET]);
  return { ...outer, ...(Object.fromEntries(inner) as Pick<Ports, OpenUse>) };
}

const frontOf = (use: OpenUse, outer: Ports): FrontPort => ({
  port: outer[use],
  inner: outer[use] + INNER_OFFSET,
  tellsClient: TOLD_CLIENTS.includes(use),
});

const USED_FOR: Record<PortUse, string> = {
  issuer: "authorization server",
  gateway: "gateway",
  service: "orders service",
  webApp: "web app",
  management: "gateway's management",
  authServerManagement: "authorization server's management",
  serviceManagement: "orders service's management",
  webAppManagement: "web app's management",
};

/** Throws before anything is started, naming every port that somebody else listens on. */
export async function requireFreePorts({ portBase, ports, fronts }: Addresses): Promise<void> {
  const entries = Object.entries(ports) as [PortUse, number][];
  const taken: string[] = [];
  for (const { port } of fronts) {
    if (!(await isFree(port))) taken.push(`Port ${port} (for others on the network) is taken.`);
  }
  for (const [name, port] of entries) {
    if (!(await isFree(port))) taken.push(`Port ${port} (${USED_FOR[name]}) is taken.`);
  }
  if (taken.length === 0) return;
  throw new Error(
    `${taken.join("\n")}\nChoose other ports: npm start -- --port-base ${otherPortBase(portBase)}`,
  );
}

/** A base to try beside one that is in use. */
export const otherPortBase = (portBase: number): number => (portBase + 100 > 60_000 ? 8500 : portBase + 100);

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: HOST, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

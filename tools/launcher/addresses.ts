import { createServer } from "node:net";

export const HOST = "127.0.0.1";

export interface Addresses {
  readonly issuer: string;
  readonly gateway: string;
  readonly service: string;
  readonly webApp: string;
  /** The gateway's `/ready`, `/status` and `/metrics`. */
  readonly management: string;
  readonly ports: Readonly<Record<keyof Omit<Addresses, "ports">, number>>;
}

export function addressesFrom(portBase: number): Addresses {
  const ports = {
    issuer: portBase,
    gateway: portBase + 1,
    service: portBase + 2,
    webApp: portBase + 3,
    management: portBase + 4,
  };
  const url = (name: keyof typeof ports): string => `http://${HOST}:${ports[name]}`;
  return {
    issuer: url("issuer"),
    gateway: url("gateway"),
    service: url("service"),
    webApp: url("webApp"),
    management: url("management"),
    ports,
  };
}

const USED_FOR: Record<keyof Addresses["ports"], string> = {
  issuer: "authorization server",
  gateway: "gateway",
  service: "orders service",
  webApp: "web app",
  management: "gateway's management",
};

/** Throws before anything is started, naming every port that somebody else listens on. */
export async function requireFreePorts({ ports }: Addresses): Promise<void> {
  const entries = Object.entries(ports) as [keyof typeof ports, number][];
  const taken: string[] = [];
  for (const [name, port] of entries) {
    if (!(await isFree(port))) taken.push(`Port ${port} (${USED_FOR[name]}) is taken.`);
  }
  if (taken.length === 0) return;
  const other = ports.issuer + 100 > 60_000 ? 8500 : ports.issuer + 100;
  throw new Error(`${taken.join("\n")}\nChoose other ports: npm start -- --port-base ${other}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: HOST, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

import { freePortBlock } from "@portcullis/testing/ports";

export const HOST = "127.0.0.1";

export interface Addresses {
  /** The load balancer is the issuer: no client knows which server answers. */
  readonly issuer: string;
  readonly balancer: number;
  readonly authServers: readonly number[];
  readonly gateways: readonly { readonly port: number; readonly management: number }[];
  readonly upstream: number;
  /** Of the app that people sign in to; nobody listens there. */
  readonly redirectUri: string;
}

const PORTS = 10;

export async function chooseAddresses(authServers: number): Promise<Addresses> {
  const base = await freePortBlock(PORTS);
  return {
    issuer: `http://${HOST}:${base}`,
    balancer: base,
    authServers: Array.from({ length: authServers }, (_, at) => base + 1 + at),
    gateways: [
      { port: base + 4, management: base + 5 },
      { port: base + 6, management: base + 7 },
    ],
    upstream: base + 8,
    redirectUri: `http://${HOST}:${base + 9}/callback`,
  };
}

import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serviceError } from "../errors.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Resolves to the origin that the server listens on; rejects with words for the operator. `setting` is what to change. */
export async function listenOn(server: Server, address: Address, setting: string): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(address.port, address.host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    throw listenError(error, address, setting);
  }
  return originOf(server, address);
}

/** Returns what to tell the operator of a failure to listen, or the error itself if it is of another kind. */
export function listenError(error: unknown, { host, port }: Address, setting: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    const text = `port ${port} on ${host} is taken; choose another with ${setting}`;
    return serviceError("port_taken", { text, cause: error });
  }
  if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    const text = `cannot listen on ${host}:${port} (${code}); choose another address with ${setting}`;
    return serviceError("cannot_listen", { text, cause: error });
  }
  return error;
}

/** Returns `http://host:port` of a server that listens. */
export function originOf(server: Pick<Server, "address">, { host }: Pick<Address, "host">): string {
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

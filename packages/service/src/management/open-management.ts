import type { Server } from "node:http";
import type { Log } from "@portcullis/protocol";
import { type Address, listenOn } from "../sockets/listen.ts";

/** Where the management listener is to be. */
export interface ManagementAddress extends Address {
  /** Whether somebody has asked for this port. One that is only our default is not insisted on. */
  readonly isChosen: boolean;
}

export interface Management {
  readonly url: string;
  close(): void;
}

/**
 * Listens for operators. A port that somebody chose and that is taken is an error. The default port is another matter: two
 * servers on one machine have the same, and it is no reason not to serve; then a free port is taken, and the log says which.
 */
export async function openManagement(
  server: Server,
  { isChosen, ...address }: ManagementAddress,
  log: Pick<Log, "warn">,
): Promise<Management> {
  const listening = listenOn(server, address, "management.port");
  const url = await (isChosen ? listening : listening.catch(() => listenElsewhere(server, address, log)));
  return {
    url,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function listenElsewhere(
  server: Server,
  { host, port }: Address,
  log: Pick<Log, "warn">,
): Promise<string> {
  const url = await listenOn(server, { host, port: 0 }, "management.port");
  const text = `port ${port}, which is management.port's default, is taken; set management.port`;
  log.warn({ event: "management_elsewhere", url, text });
  return url;
}

import type { ClientConfiguration } from "../config/schema.ts";
import type { Report } from "../logging/report.ts";
import type { EndBelow } from "../revocations/index.ts";
import type { Clients, NamedClient } from "./clients.ts";

export interface ConfigureClientsOptions {
  readonly clients: Clients;
  /** As the file has them. */
  readonly configured: readonly ClientConfiguration[];
  readonly acceptRemovals: boolean;
  readonly endBelow: EndBelow;
  readonly report: Report;
}

/** Makes the registered clients those of the file, and says which came and went. Verifiers hear of it from the log, like any reader of it. */
export async function configureClients(options: ConfigureClientsOptions): Promise<void> {
  const { clients, configured, acceptRemovals, endBelow, report } = options;
  const { removed, returned } = await clients.configure(configured, { acceptRemovals, endBelow });
  if (removed.length > 0) report({ event: "clients_removed", ...namesOf(removed), text: REMOVED });
  if (returned.length > 0) report({ event: "clients_returned", ...namesOf(returned), text: RETURNED });
}

const namesOf = (clients: readonly NamedClient[]) => ({
  clients: clients.map(({ clientId }) => clientId),
  names: clients.map(({ name }) => name),
});

const REMOVED = "no longer in the configuration file: disabled, and all their tokens and grants have ended";
const RETURNED = "in the configuration file again: enabled, for new tokens only";

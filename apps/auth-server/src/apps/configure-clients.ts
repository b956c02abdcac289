import type { Log } from "@portcullis/protocol";
import type { ClientConfiguration } from "../config/schema.ts";
import type { Clients, ConfigureRules, NamedClient } from "./clients.ts";

export interface ConfigureClientsOptions extends ConfigureRules {
  readonly clients: Clients;
  /** As the file has them. */
  readonly configured: readonly ClientConfiguration[];
  readonly operatorLog: Log;
}

/** Makes the registered clients those of the file, and says which came and went. Verifiers hear of it from the log, like any reader of it. */
export async function configureClients(options: ConfigureClientsOptions): Promise<void> {
  const { clients, configured, acceptRemovals, endBelow, endUnasked, operatorLog } = options;
  const rules = { acceptRemovals, endBelow, endUnasked };
  const { removed, returned, demoted } = await clients.configure(configured, rules);
  if (removed.length > 0) operatorLog.warn({ event: "clients_removed", ...namesOf(removed), text: REMOVED });
  if (demoted.length > 0)
    operatorLog.warn({ event: "clients_not_first_party", ...namesOf(demoted), text: DEMOTED });
  if (returned.length > 0)
    operatorLog.info({ event: "clients_returned", ...namesOf(returned), text: RETURNED });
}

const namesOf = (clients: readonly NamedClient[]) => ({
  clients: clients.map(({ clientId }) => clientId),
  names: clients.map(({ name }) => name),
});

const REMOVED = "no longer in the configuration file: disabled, and all their tokens and grants have ended";
const DEMOTED =
  "not first-party any more in the configuration file: they ask their users from now on, and what they were given without asking has ended";
const RETURNED = "in the configuration file again: enabled, for new tokens only";

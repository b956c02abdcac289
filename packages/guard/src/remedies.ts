/** What to do about each cause of an outage, for the person who reads the line. */
import { API_SCOPES } from "@portcullis/protocol";

interface Subject {
  readonly issuer: string;
  readonly clientId: string;
}

const REMEDIES: Readonly<Record<string, (subject: Subject) => string>> = {
  client_not_accepted: (subject) => `A service needs a client of its own there: ${clientLine(subject)}.`,
  scope_not_granted: (subject) => `A new client would be like this one: ${clientLine(subject)}.`,
  token_refused: (subject) => `A service needs a client like this one: ${clientLine(subject)}.`,
  feed_unauthorized: ({ issuer, clientId }) =>
    `Its client needs the scope ${API_SCOPES.readRevocations} of ${issuer}/api: portcullis apps update, or PATCH ${issuer}/api/v1/apps/${clientId}.`,
  introspection_not_allowed: ({ issuer, clientId }) =>
    `Its client needs that API among its own, with one of its permissions: portcullis apps update, or PATCH ${issuer}/api/v1/apps/${clientId}.`,
  issuer_mismatch: () => "Set the guard's issuer to that.",
  issuer_unreadable: () => "Set the guard's issuer to the authorization server's own URL.",
  endpoint_missing: () => "Set the guard's issuer to that of a Portcullis authorization server.",
  capacity_reached: () => "Raise maxRevocations, and with it the memory of the process.",
  unknown_record: () => "Update this verifier to the version of the authorization server.",
  clock_off: () => "Set the clock right, for example with NTP.",
};

const IT_TRIES_AGAIN = "It tries again by itself.";

export function remedyFor(code: string, subject: Subject): string {
  const remedy = REMEDIES[code]?.(subject);
  return remedy === undefined ? IT_TRIES_AGAIN : `${remedy} ${IT_TRIES_AGAIN}`;
}

/** As it stands in the issuer's configuration file; never with the secret. */
const clientLine = ({ issuer, clientId }: Subject): string =>
  `clients: [{ clientId: ${clientId}, name: ..., clientSecret: ..., grantTypes: [client_credentials], resources: { "${issuer}/api": [${API_SCOPES.readRevocations}] } }]`;

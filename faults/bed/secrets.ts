import { randomBytes } from "node:crypto";

export const RESOURCE = "https://orders.portcullis.example";
export const SCOPE = "orders.read";
export const ADMIN_SCOPES = "revocations.read revocations.write revocations.inspect";
/** Clients that are revoked as a whole, again and again. */
export const THROW_AWAY_CLIENTS = 120;

/** Made anew for each bed. */
export interface Secrets {
  readonly machine: string;
  readonly admin: string;
  readonly gateway: string;
  readonly throwAway: string;
  readonly password: string;
}

export function makeSecrets(): Secrets {
  const secret = () => randomBytes(24).toString("base64url");
  return { machine: secret(), admin: secret(), gateway: secret(), throwAway: secret(), password: secret() };
}

export const throwAwayClient = (at: number): string => `throw-away-${at}`;
export const USERNAME = "frida";

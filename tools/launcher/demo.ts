import { randomBytes, randomInt } from "node:crypto";
import type { DataDirectory } from "./data-directory.ts";

/** What is made once and kept: the demo user, the demo administrator and the clients' secrets. */
export interface Demo extends Account {
  readonly administrator: Account;
  readonly secrets: Readonly<Record<SecretClient, string>>;
}

export interface Account {
  readonly username: string;
  readonly password: string;
}

export type SecretClient = "service" | "admin" | "gateway" | "orders";
const SECRET_CLIENTS: readonly SecretClient[] = ["service", "admin", "gateway", "orders"];

const FILE = "demo.json";

export function openDemo(data: DataDirectory): Demo {
  const kept = data.readJson(FILE) as Partial<Demo> | undefined;
  const demo = { ...newDemo(), ...kept };
  // Folders of before had no administrator.
  if (kept?.administrator === undefined) data.write(FILE, `${JSON.stringify(demo, null, 2)}\n`);
  return demo;
}

function newDemo(): Demo {
  return {
    username: "demo",
    password: readablePassword(),
    administrator: { username: "admin", password: readablePassword() },
    secrets: Object.fromEntries(SECRET_CLIENTS.map((client) => [client, newSecret()])) as Demo["secrets"],
  };
}

const newSecret = (): string => randomBytes(24).toString("base64url");

/** 80 bits, of letters and digits that are not taken for one another. */
function readablePassword(): string {
  const alphabet = "abcdefghjkmnpqrstuvwxyz23456789";
  const group = () => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join("");
  return [group(), group(), group(), group()].join("-");
}

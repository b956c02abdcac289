import { randomBytes, randomInt } from "node:crypto";
import type { DataDirectory } from "./data-directory.ts";

/** What is made once and kept: the demo user and the clients' secrets. */
export interface Demo {
  readonly username: string;
  readonly password: string;
  readonly secrets: Readonly<Record<SecretClient, string>>;
}

export type SecretClient = "service" | "admin" | "gateway" | "orders";
const SECRET_CLIENTS: readonly SecretClient[] = ["service", "admin", "gateway", "orders"];

const FILE = "demo.json";

export function openDemo(data: DataDirectory): Demo {
  const kept = data.readJson(FILE) as Demo | undefined;
  if (kept !== undefined) return kept;
  const demo: Demo = {
    username: "demo",
    password: readablePassword(),
    secrets: Object.fromEntries(SECRET_CLIENTS.map((client) => [client, newSecret()])) as Demo["secrets"],
  };
  data.write(FILE, `${JSON.stringify(demo, null, 2)}\n`);
  return demo;
}

const newSecret = (): string => randomBytes(24).toString("base64url");

/** 80 bits, of letters and digits that are not taken for one another. */
function readablePassword(): string {
  const alphabet = "abcdefghjkmnpqrstuvwxyz23456789";
  const group = () => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join("");
  return [group(), group(), group(), group()].join("-");
}

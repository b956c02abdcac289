import { readFileSync } from "node:fs";
import { z } from "zod";
import type { PageConfig } from "./page-config.ts";

const url = z.url({ protocol: /^https?$/ });

const schema = z.strictObject({
  listen: z.strictObject({ host: z.string().default("127.0.0.1"), port: z.int().min(1).max(65_535) }),
  /** Where browsers reach this app: the redirect URIs hang below it. */
  origin: url,
  issuer: url,
  /** Where the API is called. */
  gateway: url,
  clientId: z.string().min(1),
  scope: z.string().min(1),
  /** Audience of the access token (RFC 8707). */
  resource: z.string().min(1),
  ordersPath: z.string().startsWith("/").default("/orders"),
  /** The authorization server's page with "Sign out everywhere". */
  accountUrl: url,
});

export type Config = Readonly<z.infer<typeof schema>>;

/** Throws one error whose message names every problem with its dotted path. */
export function readConfig(file: string): Config {
  const result = schema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (result.success) return Object.freeze(result.data);
  const problems = result.error.issues.map(
    ({ path, message }) => `  ${path.join(".") || "(file)"}: ${message}`,
  );
  throw new Error(`${file} has problems:\n${problems.join("\n")}`);
}

/** What the page may know: nothing here is secret. */
export function pageConfigOf({ listen: _, ...config }: Config): PageConfig {
  return {
    ...config,
    redirectUri: `${config.origin}/callback`,
    postLogoutRedirectUri: `${config.origin}/`,
  };
}

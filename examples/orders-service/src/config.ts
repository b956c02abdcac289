import { readFileSync } from "node:fs";
import { z } from "zod";

const url = z.url({ protocol: /^https?$/ });

const schema = z.strictObject({
  /** The authorization server. */
  issuer: url,
  listen: z.strictObject({ host: z.string().default("127.0.0.1"), port: z.int().min(1).max(65_535) }),
  /** The resource indicator that access tokens must name. */
  audience: z.string().min(1),
  /** Client credentials with scope `revocations.read`: how the guard reaches the revocation feed. */
  verifier: z.strictObject({ clientId: z.string().min(1), clientSecret: z.string().min(1) }),
  /** Whose transaction tokens are believed; without it, a call that brings one is refused. */
  gateway: z.strictObject({ issuer: url, audience: z.string().min(1) }).optional(),
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

/** Public keys by which an app proves who it is (`private_key_jwt`, RFC 7523), as an app is given them: a JWK Set (RFC 7517). */
import { z } from "zod";

export const MAX_KEYS_PER_APP = 10;
/** Members of a JWK that only whoever signs may know (RFC 7518, section 6). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] as const;

const text = z.string().min(1).max(512);

/** One key. Members that say nothing about verifying are kept as they are. */
const appKeySchema = z
  .looseObject({
    kty: z
      .enum(["EC", "OKP", "RSA"])
      .describe("Kind of the key: on P-256, Ed25519, or RSA of 2,048 bits or more."),
    kid: text.optional().describe("Names the key, if there are several."),
    use: z
      .literal("sig", { error: "must be sig: the key verifies signatures" })
      .optional()
      .describe("Left out, or `sig`."),
    alg: z
      .enum(["ES256", "EdDSA", "Ed25519", "RS256", "PS256"])
      .optional()
      .describe("The only algorithm that it may sign with; left out, any of its kind."),
  })
  .refine((key) => !PRIVATE_MEMBERS.some((member) => Object.hasOwn(key, member)), {
    error: "is a private key, which nobody but the app may have; give the public one, and make a new pair",
  })
  .refine((key) => JSON.stringify(key).length <= 8_192, { error: "has more than 8,192 characters" });

export const appKeySetSchema = z.strictObject({
  keys: z.array(appKeySchema).min(1).max(MAX_KEYS_PER_APP).describe("Its public keys, 10 at most."),
});
export type AppKeySet = z.output<typeof appKeySetSchema>;

/** How an app proves who it is. */
export const CLIENT_AUTHENTICATIONS = ["none", "secret", "private_key_jwt"] as const;
export type ClientAuthentication = (typeof CLIENT_AUTHENTICATIONS)[number];

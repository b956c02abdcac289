/** Wire forms of the HTTP feed: `GET /revocations/stream`, `POST /revocations/lease`. */
import { z } from "zod";
import { liveDigestSchema } from "./live-digest.ts";

/**
 * SSE event `batch`, whose `id:` is the cursor after it. A replica applies it only if `prev` is what it has
 * applied; otherwise it fetches what is missing. `records` is base64url of 40-byte records, `from`..`to`.
 */
export const batchSchema = z.object({
  incarnation: z.string().min(1),
  prev: z.int().nonnegative(),
  from: z.int().positive(),
  to: z.int().positive(),
  records: z.string(),
  /** Value of the chain at `to` (chain.ts); base64url of 32 bytes. */
  chain: z.string().length(43),
  /** The issuer's word on `to` (signed-head.ts). */
  signedHead: z.string().max(2000).optional(),
});
export type Batch = z.infer<typeof batchSchema>;

/** SSE event `reset`: the cursor is too old, ahead of the head, or of another incarnation; take a snapshot. */
export const resetSchema = z.object({
  incarnation: z.string().min(1),
  reason: z.enum(["other_incarnation", "too_old", "ahead_of_head"]),
});
export type Reset = z.infer<typeof resetSchema>;

/** Returns the cursor as `id:` and `Last-Event-ID` have it: `<incarnation>:<seq>`. */
export const formatCursor = (incarnation: string, seq: number): string => `${incarnation}:${seq}`;

export function parseCursor(text: string): { incarnation: string; seq: number } | undefined {
  const match = /^([\w-]{1,64}):(\d{1,16})$/.exec(text);
  if (match === null) return undefined;
  const seq = Number(match[2]);
  return Number.isSafeInteger(seq) ? { incarnation: match[1]!, seq } : undefined;
}

/**
 * What a verifier measured of its wall clock against the issuer's. `offsetMs`: so far it is ahead of the latest that the
 * issuer's may show; less than nothing when it is behind. `isOff`: by more than the skew, so that it allows nothing.
 */
export const clockReportSchema = z.object({ offsetMs: z.int(), isOff: z.boolean() });
export type ClockReport = z.infer<typeof clockReportSchema>;

/** The issuer's wall clock in milliseconds since 1970, between two bounds. */
const issuerTimeSchema = z.object({
  earliestMs: z.number().nonnegative(),
  latestMs: z.number().nonnegative(),
});
export type IssuerTime = z.infer<typeof issuerTimeSchema>;

/** What was wrong with what a carrier of the feed (a relay, Redis) gave to a verifier, which then asked the issuer itself. */
export const refusedFeedSchema = z.object({
  what: z.enum(["snapshot", "stream", "lease"]),
  /** Who carried it, as the verifier is configured: the origin of a relay's URL, or `redis`. */
  carrier: z.string().min(1).max(300),
  /** A code of the verifier's catalogue. */
  code: z.string().max(100),
  detail: z.string().max(300).optional(),
});
export type RefusedFeed = z.infer<typeof refusedFeedSchema>;

const MISSING_SECRET =
  "Must be 32 random bytes as base64url: a lease belongs to a process. A verifier that sends none is too old for this server: update it.";

/**
 * A lease is asked for, renewed and acknowledged by one call. `applied` is the ack: the replica's index holds
 * every record up to it. `leaseMs: 0` gives the lease back (a graceful stop).
 */
export const leaseRequestSchema = z.object({
  replica: z
    .string()
    .regex(/^[\w.@-]{1,100}$/)
    .describe("Name of the process, unique for its life."),
  secret: z
    .string({ error: MISSING_SECRET })
    .regex(/^[\w-]{43}$/, "Must be 32 random bytes as base64url, made by the process at its start.")
    .describe(
      "32 random bytes as base64url, which the process makes at its start and keeps to itself. Whoever took the lease under this name must bring the same.",
    ),
  incarnation: z.string().min(1).describe("Of the log that it follows."),
  applied: z.int().nonnegative().describe("Its index holds every record up to this seq."),
  leaseMs: z.int().nonnegative().max(300_000).describe("How long it asks for. 0 gives the lease back."),
  chain: z
    .string()
    .length(43)
    .optional()
    .describe("Value of the chain at `applied`, which the operator compares with the log."),
  live: liveDigestSchema
    .optional()
    .describe("A digest of the records that have not expired, about every ten seconds."),
  signedHead: z
    .string()
    .max(2000)
    .optional()
    .describe("The newest word of the issuer on its head: the proof, if the log was rolled back."),
  clock: clockReportSchema
    .optional()
    .describe("What it measured of its clock. For operators; nothing is granted by it."),
  refused: refusedFeedSchema
    .optional()
    .describe(
      "What it refused to believe of whoever carries the feed, since it last said so. For operators.",
    ),
});
export type LeaseRequest = z.infer<typeof leaseRequestSchema>;

/** `head` is read after the request arrived. `leaseMs` is what was granted, at most what was asked for. */
export const leaseResponseSchema = z.object({
  incarnation: z.string().min(1).describe("Of the log as it is now."),
  head: z.int().nonnegative().describe("The newest seq, read after the request arrived."),
  leaseMs: z
    .int()
    .nonnegative()
    .describe("What was granted: at most what was asked for, and at most what the server gives."),
  /**
   * How old `head` already was when it was named, milliseconds: a relay adds its own age. The replica is fresh only
   * as of so much before it asked. Absent means 0.
   */
  ageMs: z.number().nonnegative().optional(),
  /**
   * The least time from the sending of one call that only acknowledges to that of the next, so that many verifiers do
   * not drown the server in a steady stream of records. The first after a quiet time goes at once. Absent means 0.
   */
  ackIntervalMs: z.number().nonnegative().max(1000).optional(),
  /**
   * The issuer's wall clock when it answered; of a relay, what that has by now become of what it was told. A verifier whose
   * own clock is off by more than the skew allows nothing. Absent from an issuer that does not say: then its `Date` counts.
   */
  issuerTime: issuerTimeSchema.optional(),
  /**
   * The issuer's word on a head of its log, not older than a second when the issuer gave it. Whoever carries the answer cannot make
   * it, so that it cannot show a verifier the log of yesterday. Absent where nobody signs: a verifier that asks for it is not fresh then.
   */
  signedHead: z.string().max(2000).optional(),
});
export type LeaseResponse = z.infer<typeof leaseResponseSchema>;

/** Scopes of the authorization server's own API. */
export const API_SCOPES = {
  readRevocations: "revocations.read",
  writeRevocations: "revocations.write",
  /** Who was revoked, by whom and why, and which verifiers there are: personal data, so never for a verifier. */
  inspectRevocations: "revocations.inspect",
  /** See which signing keys there are. */
  readKeys: "keys.read",
  /** Rotate and retire signing keys: every token of a retired one is refused. */
  writeKeys: "keys.write",
  /** See users, and what is kept of them: personal data. */
  readUsers: "users.read",
  /** Create, change and delete users, and set their passwords. */
  writeUsers: "users.write",
  /** See the bans of users. */
  readBans: "bans.read",
  /** Ban users, and lift bans. */
  writeBans: "bans.write",
  /** See apps (clients) and which secrets they have. */
  readApps: "apps.read",
  /** Create, change and delete apps, and give them secrets. */
  writeApps: "apps.write",
  /** See APIs (resources) and their permissions. */
  readApis: "apis.read",
  /** Create, change and delete APIs. */
  writeApis: "apis.write",
  /** See who is signed in, where and on what: personal data. */
  readSessions: "sessions.read",
  /** End sessions, and name devices. */
  writeSessions: "sessions.write",
  /** See what holds for everybody, such as how long sessions live. */
  readConfig: "config.read",
  writeConfig: "config.write",
  /** See the tokens for scripts that users and apps have. */
  readTokens: "tokens.read",
  /** Make them for others, and end them. */
  writeTokens: "tokens.write",
} as const;

/** Scopes of the account API, by which people see and change what is their own. */
export const ACCOUNT_SCOPES = {
  readAccount: "account.read",
  /** End sessions, withdraw consents, change the password, delete the account. */
  writeAccount: "account.write",
} as const;

/** `client_id` of the command `portcullis`, by which people use the API. Every server has it. */
export const COMMAND_CLIENT_ID = "portcullis-cli";

/** Members that the discovery document (RFC 8414) has beside the standard ones. */
export interface DiscoveryExtension {
  /** Base URL of the revocations API: `POST` it to revoke; `/snapshot`, `/stream` and `/lease` hang below it. */
  readonly portcullis_revocations_endpoint: string;
  /** Resource indicator (RFC 8707) for tokens that call the authorization server's own API. */
  readonly portcullis_api_resource: string;
  /** Where an app hears that its session was ended (session-events.ts). */
  readonly portcullis_session_events_endpoint: string;
  /** Where apps of the operator's own sign people in by JSON (draft-ietf-oauth-first-party-apps). */
  readonly authorization_challenge_endpoint: string;
}

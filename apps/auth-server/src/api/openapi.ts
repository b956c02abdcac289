/** What the description of the administrators' API (`GET /api/openapi.json`) says beyond the declarations of the routes. */
import {
  DESCRIPTION_TAG,
  type DocumentOptions,
  describedOnce,
  type MountedRoute,
  type OpenApiDocument,
} from "@portcullis/http-api";
import {
  type API_SCOPES,
  appStateSchema,
  banSchema,
  leaseRequestSchema,
  leaseResponseSchema,
  revocationAnswerSchema,
  revocationRequestSchema,
  scriptTokenSchema,
  userSchema,
  userStateSchema,
} from "@portcullis/protocol";
import { ROUTES } from "../paths.ts";

export interface ApiDescriptionOptions {
  readonly issuer: string;
  /** The audience of tokens for these APIs. */
  readonly apiResource: string;
  /** Of the whole server, but for the account API, which has a description of its own. Read when the description is asked for, when all are mounted. */
  readonly routes: () => readonly MountedRoute[];
}

/** Returns the document, which is made once. */
export const apiDescription = (options: ApiDescriptionOptions): (() => OpenApiDocument) =>
  describedOnce(() => documentOptions(options));

function documentOptions({ issuer, apiResource, routes }: ApiDescriptionOptions): DocumentOptions {
  return {
    title: "Portcullis",
    version: "1",
    description: [
      `Every call brings a JWT access token of this issuer for the audience \`${apiResource}\` in \`Authorization: Bearer\`: client credentials with \`resource=${apiResource}\` and the scopes of the calls. Without one the answer is 401, without the scope 403, before a body is read.`,
      "Bodies and answers are JSON, at most 16 KiB. All problems of a request are told at once. Errors have a stable code to branch on; their texts may change.",
      "A call that ends something answers with a receipt: 200 when it is enforced everywhere, 202 while a verifier may still allow it. `Prefer: wait=N` waits for that.",
    ].join("\n\n"),
    server: issuer,
    tokens: { endpoint: `${issuer}${ROUTES.token}` },
    scopes: SCOPE_WORDS,
    tags: TAG_WORDS,
    schemas: {
      RevocationRequest: revocationRequestSchema,
      RevocationAnswer: revocationAnswerSchema,
      LeaseRequest: leaseRequestSchema,
      LeaseResponse: leaseResponseSchema,
      User: userSchema,
      UserState: userStateSchema,
      Ban: banSchema,
      AppState: appStateSchema,
      Token: scriptTokenSchema,
    },
    routes: routes(),
  };
}

const SCOPE_WORDS: Readonly<Record<(typeof API_SCOPES)[keyof typeof API_SCOPES], string>> = {
  "revocations.read": "Follow the revocations, as a verifier does.",
  "revocations.write": "Revoke.",
  "revocations.inspect": "See who was revoked, by whom and why, and which verifiers there are.",
  "keys.read": "See which signing keys there are.",
  "keys.write": "Rotate and retire signing keys.",
  "users.read": "See users.",
  "users.write": "Create, change, disable and delete users, and set their passwords.",
  "bans.read": "See who is banned, from what and why.",
  "bans.write": "Ban users, and lift bans.",
  "apps.read": "See apps, and which secrets they have.",
  "apps.write": "Create, change, disable and delete apps, and give them secrets.",
  "apis.read": "See APIs and their permissions.",
  "apis.write": "Create, change, disable and delete APIs.",
  "sessions.read": "See who is signed in, where and on what.",
  "sessions.write": "End sessions, and name devices.",
  "config.read": "See the policies, and what apps could not be told.",
  "config.write": "Change the policies, and try deliveries again or give them up.",
  "tokens.read": "See the tokens for scripts that users and apps have.",
  "tokens.write": "Make tokens for scripts of users and apps, rotate and end them.",
};

const TAG_WORDS = {
  Revocations: "Revoke, and see what was revoked and who enforces it.",
  Feed: "What verifiers call. The guard does all of it.",
  "Signing keys": "Keys that sign tokens: rotate them, refuse one for good.",
  Users: "People who sign in: find, create, change and delete them, and let them in, or not.",
  Roles: "Say who administers.",
  Bans: "Keep a user out: of everything, of one API, of one permission; for a time, or until it is lifted.",
  Consents: "What a user has allowed apps: list it, and take it away.",
  Sessions: "See who is signed in on what, and end it.",
  Deliveries: "What is told to apps afterwards: what did not arrive, tried again or given up.",
  Policies: "How long sessions live, and how many there may be.",
  Apps: "Apps (clients): what each may do, its secrets, and whether it is let in.",
  Tokens: "Tokens for scripts: personal tokens of users, and API keys of apps.",
  APIs: "APIs (resources): their permissions, and how long their tokens live.",
  ...DESCRIPTION_TAG,
} as const;

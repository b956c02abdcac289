/** What the description of the account API (`GET /account/openapi.json`) says beyond the declarations of its routes. */
import {
  DESCRIPTION_TAG,
  type DocumentOptions,
  describedOnce,
  type MountedRoute,
  type OpenApiDocument,
} from "@portcullis/http-api";
import {
  type ACCOUNT_SCOPES,
  accountSchema,
  knownDeviceSchema,
  ownSessionSchema,
  scriptTokenSchema,
  userStateSchema,
} from "@portcullis/protocol";
import { ROUTES } from "../../paths.ts";
import { FRESH_SECONDS } from "./owner.ts";

export interface AccountDescriptionOptions {
  readonly issuer: string;
  /** The audience of tokens for this API. */
  readonly accountResource: string;
  /** Those of this API, read when the description is asked for, when all are mounted. */
  readonly routes: () => readonly MountedRoute[];
}

/** Returns the document, which is made once. */
export const accountDescription = (options: AccountDescriptionOptions): (() => OpenApiDocument) =>
  describedOnce(() => documentOptions(options));

function documentOptions({ issuer, accountResource, routes }: AccountDescriptionOptions): DocumentOptions {
  return {
    title: "Portcullis account",
    version: "1",
    description: [
      `What a person sees and changes of the own account, through an app of the operator's own (\`firstParty\`). Every call brings a JWT access token of this issuer for the audience \`${accountResource}\`, of a person who has signed in: authorization code with PKCE, \`resource=${accountResource}\` and the scopes of the calls. A client that acts for itself gets none. Browsers may call it from any origin.`,
      `Some calls ask for a sign-in in the last ${FRESH_SECONDS} seconds. Without one the answer is 401 \`insufficient_user_authentication\` with \`max_age\` in the challenge (RFC 9470): send the person to the authorization endpoint with that \`max_age\`, and call with the new token.`,
      "Bodies and answers are JSON, at most 16 KiB. All problems of a request are told at once. Errors have a stable code to branch on; their texts may change.",
      "A call that ends something answers with a receipt: 200 when it is enforced everywhere, 202 while a verifier may still allow it. `Prefer: wait=N` waits for that.",
    ].join("\n\n"),
    server: issuer,
    tokens: { endpoint: `${issuer}${ROUTES.token}`, authorization: `${issuer}${ROUTES.authorization}` },
    scopes: SCOPE_WORDS,
    tags: TAG_WORDS,
    schemas: {
      Account: accountSchema,
      Session: ownSessionSchema,
      Token: scriptTokenSchema,
      KnownDevice: knownDeviceSchema,
      UserState: userStateSchema,
    },
    routes: routes(),
  };
}

const SCOPE_WORDS: Readonly<Record<(typeof ACCOUNT_SCOPES)[keyof typeof ACCOUNT_SCOPES], string>> = {
  "account.read": "See the account, the sessions and the apps with access.",
  "account.write":
    "Change the account, end sessions, take access from apps, change the password, delete the account.",
};

const TAG_WORDS = {
  Account: "Who the person is, the password, and the end of it all.",
  Sessions: "Where the person is signed in: see it, name it, end it.",
  "Apps with access": "Which apps may act for the person, and how that is taken away.",
  Tokens: "Personal tokens, by which the person's scripts call APIs.",
  "Known devices": "By which devices the person is known at the sign-in.",
  ...DESCRIPTION_TAG,
} as const;

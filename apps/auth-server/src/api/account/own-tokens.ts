/** `/account/v1/tokens`: personal tokens by which the person's scripts call APIs. */
import { type DeclaredRoute, declareRoute } from "@portcullis/http-api";
import { ACCOUNT_SCOPES, type TokenChoices, tokenChoicesSchema } from "@portcullis/protocol";
import type { Apis } from "../../apis/apis.ts";
import { peopleError } from "../../people/errors.ts";
import type { Users } from "../../people/users.ts";
import { OUTAGES } from "../../revocations/index.ts";
import { permittedToUser } from "../../tokens/rights.ts";
import { USUAL_POLICY } from "../../tokens/token-lifetime.ts";
import { type TokenActs, userAsOwner } from "../tokens/token-acts.ts";
import { type TokenRoutesOptions, type TokensAt, tokenRoutes } from "../tokens/token-routes.ts";
import { FRESH_SECONDS, ownerOf } from "./owner.ts";

export interface OwnTokensRoutesOptions extends TokenRoutesOptions {
  readonly users: Users;
  readonly apis: Pick<Apis, "namedIn" | "takingPersonalTokens">;
}

export const ownTokensRoutes = (options: OwnTokensRoutesOptions): readonly DeclaredRoute[] => [
  ...tokenRoutes(options, ofPerson(options)),
  choicesRoute(options),
];

/** Whoever found a device unlocked, or stole a token, must not make one of his own of it that lives for months. */
const ofPerson = (options: OwnTokensRoutesOptions): TokensAt<undefined> => ({
  owner: "Own",
  words: "the person",
  path: "/tokens",
  parameters: undefined,
  readScope: ACCOUNT_SCOPES.readAccount,
  writeScope: ACCOUNT_SCOPES.writeAccount,
  maxSignInAgeSeconds: FRESH_SECONDS,
  unknown: peopleError.definitions("unknown_subject"),
  refused: [],
  async find({ caller }) {
    const { id, username } = await options.users.findNamed({ db: options.storage.read }, ownerOf(caller).sub);
    const user = { sub: id, ...(username === null ? {} : { username }) };
    return { kind: "personal", ownerId: id, shown: { user } };
  },
  async locking({ caller }) {
    const { sub } = ownerOf(caller);
    return async (transaction) =>
      userAsOwner(transaction, options, await options.users.findRow(transaction, sub));
  },
});

/** APIs that the user may have personal tokens for, with what there may be in them. */
export async function tokenChoicesOf(
  { apis, bans }: Pick<OwnTokensRoutesOptions, "apis" | "bans">,
  sub: string,
): Promise<TokenChoices["items"]> {
  const [all, standing] = await Promise.all([apis.takingPersonalTokens(), bans.standing(sub)]);
  return all.flatMap((api) => {
    const permitted = permittedToUser(api, standing);
    if ("reason" in permitted || permitted.permissions.length === 0) return [];
    const words = permitted.permissions.map((word) => [word, api.permissions[word]!] as const);
    return [{ api: api.identifier, name: api.name, permissions: Object.fromEntries(words) }];
  });
}

export const tokenPolicyNow = async ({ policies }: Pick<TokenActs, "policies">) =>
  (await policies.read()).tokens ?? USUAL_POLICY;

const choicesRoute = (options: OwnTokensRoutesOptions) =>
  declareRoute({
    tag: "Tokens",
    operationId: "listTokenChoices",
    method: "GET",
    path: "/token-choices",
    summary: "List the APIs that the person may have tokens for, and what there may be in them",
    scope: ACCOUNT_SCOPES.readAccount,
    answers: {
      200: {
        says: "All of them, and how long a token may live that is made now.",
        schema: tokenChoicesSchema,
        example: {
          items: [
            {
              api: "https://orders.example",
              name: "Orders",
              permissions: { "orders.read": "See your orders" },
            },
          ],
          ...USUAL_POLICY,
        },
      },
    },
    errors: OUTAGES,
    async handle({ caller }) {
      const items = await tokenChoicesOf(options, ownerOf(caller).sub);
      const { maxLifetimeSeconds, mayLackExpiry } = await tokenPolicyNow(options);
      return {
        status: 200,
        body: { items, maxLifetimeSeconds, mayLackExpiry },
      };
    },
  });

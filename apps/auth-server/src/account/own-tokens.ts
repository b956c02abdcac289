/** What the page `/account/tokens` does: a person sees, makes and ends personal tokens. */
import { isIP } from "node:net";
import { ProblemsError, RetryLaterError } from "@portcullis/http-api";
import { hasCode, type NewScriptToken, newScriptTokenSchema, type TokenPolicy } from "@portcullis/protocol";
import type { Api } from "../apis/apis.ts";
import type { ShownApi, ShownToken, TokenForm } from "../pages/tokens-page.ts";
import type { StillHas } from "../sign-in/own-password.ts";
import type { Made, StoredToken } from "../tokens/script-tokens.ts";
import { refusedBy } from "./own-account.ts";

/** An API that there may be tokens for, and each permission that there may be in them, in words. */
export interface TokenChoice {
  readonly api: string;
  readonly name: string;
  readonly permissions: Readonly<Record<string, string>>;
}

export interface OwnTokens {
  /** The newest that work. */
  list(sub: string): Promise<readonly StoredToken[]>;
  choices(sub: string): Promise<readonly TokenChoice[]>;
  policy(): Promise<TokenPolicy>;
  /** Throws what `makeToken` throws, and `wrong_password` when what was proved is so no more. */
  make(sub: string, wanted: NewScriptToken, stillHas: StillHas): Promise<Made>;
  /** Throws `unknown_token`. Gives its name, and the place of the record in the log. */
  end(sub: string, id: string): Promise<{ readonly name: string; readonly seq: number }>;
}

const DAY_SECONDS = 86_400;
const LIVES_DAYS = [7, 30, 90, 365] as const;

/** How long a token may live, in days, as the policy lets it be; 0: it has no end. The least that is offered is a day, or what the policy has. */
export function offeredDays({ maxLifetimeSeconds, mayLackExpiry }: TokenPolicy): number[] {
  const most = maxLifetimeSeconds / DAY_SECONDS;
  const days: number[] = LIVES_DAYS.filter((some) => some <= most);
  return [...(days.length === 0 ? [most] : days), ...(mayLackExpiry ? [0] : [])];
}

export const shownChoices = (choices: readonly TokenChoice[]): ShownApi[] =>
  choices.map(({ api, name, permissions }) => ({
    name,
    permissions: Object.entries(permissions).map(([word, words]) => ({ value: choiceOf(api, word), words })),
  }));

/** An API that is gone is shown by its identifier, and its tokens do nothing. */
export function shownTokens(
  tokens: readonly StoredToken[],
  known: readonly Pick<Api, "identifier" | "name" | "permissions">[],
): ShownToken[] {
  const apis = new Map(known.map((api) => [api.identifier, api]));
  return tokens.map((token) => {
    const api = apis.get(token.api);
    return {
      id: token.id,
      name: token.name,
      apiName: api?.name ?? token.api,
      permissions: Object.keys(token.permissions).map((word) => api?.permissions[word] ?? word),
      allowedAddresses: token.allowedAddresses ?? [],
      createdAt: token.createdAt,
      expiresAt: token.expiresAt,
      lastUsedAt: token.lastUsedAt,
      lastUsedAddress: token.lastUsedAddress,
      isRotated: token.rotatedTo !== null,
    };
  });
}

/** A permission as the form has it: an identifier has no space (RFC 3986), nor has a permission (RFC 6749, section 3.3). */
const choiceOf = (api: string, permission: string): string => `${api} ${permission}`;

export interface TypedToken {
  readonly name: string;
  readonly choices: readonly string[];
  readonly days: string;
  readonly addresses: string;
}

/** A person who means one machine writes its address, and no range. */
const rangeOf = (text: string): string =>
  isIP(text) === 0 ? text : `${text}/${isIP(text) === 4 ? 32 : 128}`;

/** Returns what is asked for, or what there is to say of it. `now`: milliseconds. */
export function wantedOf(
  { name, choices, days, addresses }: TypedToken,
  now: number,
): { readonly wanted: NewScriptToken } | { readonly problems: NonNullable<TokenForm["problems"]> } {
  const pairs = choices.map((choice) => choice.split(" ") as [string, string]);
  const [api, ...others] = [...new Set(pairs.map(([identifier]) => identifier))];
  if (api === undefined) return { problems: { permissions: "Choose what the token may do." } };
  if (others.length > 0)
    return { problems: { permissions: "A token is for one service. Choose permissions of one alone." } };
  const ranges = addresses
    .split(/[\s,]+/)
    .filter((text) => text !== "")
    .map(rangeOf);
  const seconds = Number(days) * DAY_SECONDS;
  const parsed = newScriptTokenSchema.safeParse({
    name,
    api,
    permissions: pairs.map(([, permission]) => permission),
    ...(ranges.length === 0 ? {} : { allowedAddresses: ranges }),
    // A minute less: the policy is asked some time after this.
    ...(seconds > 0 ? { expiresAt: new Date(now + Math.max(seconds - 60, 1) * 1000).toISOString() } : {}),
  });
  if (parsed.success) return { wanted: parsed.data };
  const wrong = new Set(parsed.error.issues.map(({ path }) => path[0]));
  return {
    problems: {
      ...(wrong.has("name") ? { name: "Give it a name of at most 100 characters, on one line." } : {}),
      ...(wrong.has("allowedAddresses")
        ? {
            addresses:
              "Give at most 20 addresses or ranges such as 203.0.113.0/24, with spaces between them.",
          }
        : {}),
      ...(wrong.has("permissions") || wrong.has("api")
        ? { permissions: "Choose what the token may do." }
        : {}),
      ...(wrong.has("expiresAt") ? { days: "Choose one of these." } : {}),
    },
  };
}

/** Returns what the person reads of a refusal. Throws what is none of theirs. */
export function refusedToken(error: unknown): Pick<TokenForm, "problem" | "problems"> {
  if (error instanceof ProblemsError || hasCode(error, "unknown_api") || hasCode(error, "owner_kept_out"))
    return { problem: "That cannot be in a token any more. Choose again. Nothing was changed." };
  if (hasCode(error, "too_many_tokens"))
    return { problem: "You have as many tokens as there may be. End one that you no longer use first." };
  if (error instanceof RetryLaterError || !hasCode(error, "wrong_password")) return refusedBy(error);
  return { problems: { password: "This is not your password." } };
}

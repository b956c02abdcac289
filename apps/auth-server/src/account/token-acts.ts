/** The page of the own tokens for scripts. */
import { hasCode } from "@portcullis/protocol";
import type { FastifyReply } from "fastify";
import { securityHeaders } from "../pages/security-headers.ts";
import { END_TOKEN_PATH, TOKENS_PATH, type TokenForm, tokensPage } from "../pages/tokens-page.ts";
import { labelOf } from "../people/users.ts";
import { offeredDays, refusedToken, shownChoices, shownTokens, wantedOf } from "./own-tokens.ts";
import {
  ACCOUNT_PATH,
  type AccountOptions,
  type Action,
  type Done,
  type Exchange,
  fieldOf,
  fieldsOf,
  leadTo,
  receiptOf,
  saying,
  type TokensNotice,
  type Visitor,
  visitorOf,
} from "./visit.ts";

export const TOKEN_ACTS: Readonly<Record<string, Action>> = {
  [TOKENS_PATH]: makeOwnToken,
  [END_TOKEN_PATH]: endOwnToken,
};

export async function showTokens(options: AccountOptions, exchange: Exchange): Promise<FastifyReply> {
  const visitor = await visitorOf(options, exchange);
  if (visitor === undefined) return leadTo(exchange.reply, ACCOUNT_PATH);
  const { made, done, ...form } = options.notices.take<TokensNotice>(exchange, TOKENS_PATH) ?? {};
  const text = made && options.sealed.open(made.sealed);
  const [tokens, choices, policy] = await Promise.all([
    options.ownTokens.list(visitor.accountId),
    options.ownTokens.choices(visitor.accountId),
    options.ownTokens.policy(),
  ]);
  const known = await options.apis.named([...new Set(tokens.map(({ api }) => api))]);
  const markup = tokensPage({
    ...form,
    username: labelOf(visitor.user),
    formToken: await options.formTokens.make(visitor.uid),
    tokens: shownTokens(tokens, known),
    choices: shownChoices(choices),
    offeredDays: offeredDays(policy),
    made: text === undefined ? undefined : { name: made!.name, text },
    done,
  });
  exchange.reply.headers(securityHeaders({ scripts: "'self'" }));
  return exchange.reply.type("text/html; charset=utf-8").send(markup);
}

const onTokensPage = (notice: TokensNotice): Done => ({ path: TOKENS_PATH, notice });

/** With the password: to type it in is a fresh sign-in, and whoever found the device unlocked does not have it. */
async function makeOwnToken(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const text = (name: string) => fieldOf(exchange, name) ?? "";
  const chosen = fieldsOf(exchange, "permission");
  const typedIn = { name: text("name"), days: text("days"), addresses: text("addresses") };
  const refused = (why: TokenForm): Done => onTokensPage({ ...typedIn, chosen, ...why });
  const asked = wantedOf({ ...typedIn, choices: chosen }, options.clock.wallMs());
  if ("problems" in asked) return refused({ problems: asked.problems });
  const password = text("password");
  if (password === "") return refused({ problems: { password: "Enter your password." } });
  const { accountId, uid: sid } = visitor;
  try {
    const stillHas = await options.ownPassword.check({ accountId, sid, password });
    const made = await options.ownTokens.make(accountId, asked.wanted, stillHas);
    return onTokensPage({ made: { name: made.token.name, sealed: options.sealed.seal(made.text) } });
  } catch (error) {
    return refused(refusedToken(error));
  }
}

async function endOwnToken(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  try {
    const { name, seq } = await options.ownTokens.end(visitor.accountId, fieldOf(exchange, "token") ?? "");
    return onTokensPage({ done: saying(`${name} has ended.`, await receiptOf(options, exchange, seq)) });
  } catch (error) {
    if (!hasCode(error, "unknown_token")) throw error;
    return onTokensPage({ problem: "There is no such token any more." });
  }
}

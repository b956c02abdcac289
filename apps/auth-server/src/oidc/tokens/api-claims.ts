/** Claims about the user that an API has in its tokens, as they are when a token is issued, and the room that they may take. */
import { type Log, MAX_TOKEN_LENGTH } from "@portcullis/protocol";
import type { KoaContextWithOIDC } from "oidc-provider";
import type { Api } from "../../apis/apis.ts";
import { type ClaimValue, userClaims } from "../../apis/user-claims.ts";
import { labelOf, type Users } from "../../people/users.ts";
import { requestState } from "../request-state.ts";

interface TokenOfUser {
  readonly accountId?: string | undefined;
  readonly aud?: string | readonly string[] | undefined;
}

export interface ApiClaims {
  /** Those of the token that is being made. */
  of(ctx: KoaContextWithOIDC, token: TokenOfUser): Promise<Readonly<Record<string, ClaimValue>>>;
  /** Takes all of them out of a token that would be longer than verifiers take. */
  fit(ctx: KoaContextWithOIDC, payload: Record<string, unknown>): void;
}

/** For header and signature, RS256 of 4,096 bits included. */
const OTHER_PARTS_LENGTH = 1024;
const MAX_PAYLOAD_BYTES = Math.floor(((MAX_TOKEN_LENGTH - OTHER_PARTS_LENGTH) * 3) / 4);

export function createApiClaims({
  users,
  operatorLog,
}: {
  readonly users: Pick<Users, "findActive">;
  readonly operatorLog: Log;
}): ApiClaims {
  const tell = tellOnce(operatorLog);
  return {
    async of(ctx, { accountId, aud }) {
      const { api } = requestState(ctx);
      if (accountId === undefined || api === undefined || api.identifier !== aud) return {};
      if (Object.keys(api.claims).length === 0) return {};
      const user = await users.findActive(accountId);
      if (user === undefined) return {};
      const { claims, leftOut } = userClaims(api, user);
      tell(api, leftOut, labelOf(user));
      return claims;
    },
    fit(ctx, payload) {
      const { api } = requestState(ctx);
      if (api === undefined || Buffer.byteLength(JSON.stringify(payload)) <= MAX_PAYLOAD_BYTES) return;
      const claims = Object.keys(api.claims).filter((claim) => Object.hasOwn(payload, claim));
      for (const claim of claims) delete payload[claim];
      tell(api, claims);
    },
  };
}

/** Once of each claim: the next million tokens have the same to say. */
function tellOnce(operatorLog: Log) {
  const told = new Set<string>();
  return ({ identifier }: Api, claims: readonly string[], user?: string): void => {
    const news = claims.filter((claim) => !told.has(`${identifier} ${claim}`));
    if (news.length === 0) return;
    for (const claim of news) told.add(`${identifier} ${claim}`);
    const of = user === undefined ? {} : { user };
    operatorLog.warn({ event: "claims_left_out", api: identifier, claims: news, ...of, text: LEFT_OUT });
  };
}

const LEFT_OUT =
  "tokens go without these claims. A value is a text, a number, true or false, or a list of these, 512 bytes at most; all claims of a token together take 2,048, and less beside a very long scope";

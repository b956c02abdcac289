/**
 * What the parts that a request passes through tell each other, beside what the library carries itself. Each field is
 * written in one place, which is named at it; test/oidc/request-state.test.ts holds the sources to that.
 */
import type { Mode, Reason } from "@portcullis/protocol";
import type { Api } from "../apis/apis.ts";

/** Why a token is refused, in the words of guards: it was revoked, or its claims have changed. */
export interface DeadToken {
  readonly reason: Reason;
  readonly mode: Mode;
}

export interface RequestState {
  /** The head of the log as the token request arrived, before anything was checked. By provider/provider.ts. */
  horizon?: number | undefined;
  /** The newest line of the log that this request has made, for its receipt. By endings/endings.ts. */
  revocationSeq?: number;
  /** The library's refusal to revoke a token, or to tell of it. By tokens/jwt-endpoints.ts. */
  refusal?: Error;
  /** The public client that the request names in a header of its own. By provider/public-basic.ts. */
  publicClientId?: string;
  /** What went wrong inside of the library, which answers 500 whatever it was. By provider/provider.ts. */
  failure?: Error;
  /** The API that was last looked up for it, whose claims its tokens have. By provider/library-configuration.ts. */
  api?: Api;
  /** Stores the grant that the request was judged by; false if it holds less by then. By provider/existing-grant.ts. */
  storeGrant?: () => Promise<boolean>;
  /** Whether the session of the request was refused for want of room. By provider/adapter.ts. */
  isBeyondSessionLimit?: boolean;
  /** The id that the session had until now. By provider/adapter.ts. */
  replacedSessionId?: string;
  /** Why the access token that the request shows is dead, if that is known. By provider/adapter.ts. */
  deadToken?: DeadToken;
  /** Whether another server has spent the refresh token meanwhile, with an answer. By tokens/refresh-grace.ts. */
  isSpentElsewhere?: () => Promise<boolean>;
}

const MEMBER = "portcullis";

/** Made when first asked for: a request has one, whoever asks. */
export function requestState({ state }: { readonly state: Record<string, unknown> }): RequestState {
  state[MEMBER] ??= {};
  return state[MEMBER] as RequestState;
}

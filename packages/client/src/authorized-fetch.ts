import { type Denial, readDenial } from "./denial.ts";
import { clientError } from "./errors.ts";
import type { Session } from "./session.ts";

interface AuthorizedFetchOptions {
  readonly fetch: typeof fetch;
  readonly resourceServers: ReadonlySet<string>;
  /** A session with an access token that has not run out. */
  readonly freshSession: () => Promise<Session>;
  /** A session newer than the given one. */
  readonly refresh: (spent: Session) => Promise<Session>;
  readonly onKilled: (session: Session, denial: Denial) => void;
}

/** `fetch` with the access token. The response of a kill is given to the caller as it is, after the notice. */
export function createAuthorizedFetch(options: AuthorizedFetchOptions): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    requireAllowedTarget(request, options.resourceServers);
    const session = await options.freshSession();
    const response = await send(options.fetch, request, session);
    const denial = response.status === 401 ? await readDenial(response) : {};
    if (denial.mode === "kill") options.onKilled(session, denial);
    if (!mayRetry(denial)) return response;
    const again = await send(options.fetch, request, await options.refresh(session));
    const verdict = again.status === 401 ? await readDenial(again) : {};
    if (verdict.mode === "kill") options.onKilled(session, verdict);
    return again;
  };
}

/**
 * `stale`, or a token that the service finds expired or unknown though we did not: once more with a fresh one.
 * Safe for every method, since a 401 was given before the request was acted on.
 */
const mayRetry = ({ mode, error }: Denial): boolean =>
  mode === "stale" || (mode === undefined && error === "invalid_token");

function send(fetch: AuthorizedFetchOptions["fetch"], request: Request, session: Session): Promise<Response> {
  // The original stays unread, so that its body can be sent again.
  const attempt = request.clone();
  attempt.headers.set("authorization", `Bearer ${session.accessToken}`);
  return fetch(attempt);
}

/** A token that leaves for the wrong origin is a token lost: refused before anything is sent. */
function requireAllowedTarget(request: Request, allowed: ReadonlySet<string>): void {
  const { origin } = new URL(request.url);
  if (!allowed.has(origin)) throw clientError("target_not_allowed", { detail: origin });
}

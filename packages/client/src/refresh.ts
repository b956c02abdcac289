import * as oauth from "oauth4webapi";
import type { AuthorizationServer } from "./authorization-server.ts";
import { resourceParameter } from "./callback.ts";
import { type EndedSession, endedSessionOf } from "./ended-session.ts";
import { clientError } from "./errors.ts";
import type { Settings } from "./options.ts";
import type { Session, SessionKeeper } from "./session.ts";
import { successorOf } from "./token-response.ts";

interface RefreshOutcome {
  onRefreshed(session: Session): void;
  onEnded(session: Session, cause: oauth.ResponseBodyError | undefined): void;
}

/**
 * Refreshes, one flight at a time: callers of this tab share a promise, tabs take turns by a lock named after
 * the session. Whoever gets the lock looks first whether its session has moved on meanwhile. A tab that has
 * not heard of that yet spends the same refresh token a second time; the server answers such a near repeat
 * with the same successor, so the race is lost by nobody.
 */
export class Refresher {
  readonly #settings: Settings;
  readonly #server: AuthorizationServer;
  readonly #keeper: SessionKeeper;
  readonly #outcome: RefreshOutcome;
  #flight: { readonly sessionId: string; readonly promise: Promise<Session> } | undefined;

  constructor(
    settings: Settings,
    server: AuthorizationServer,
    keeper: SessionKeeper,
    outcome: RefreshOutcome,
  ) {
    this.#settings = settings;
    this.#server = server;
    this.#keeper = keeper;
    this.#outcome = outcome;
  }

  /** A session newer than `spent`. Throws `session_ended`, `not_signed_in`, `issuer_unreachable`. */
  refresh(spent: Session): Promise<Session> {
    if (this.#flight?.sessionId === spent.id) return this.#flight.promise;
    const name = `${this.#settings.prefix}:refresh:${spent.id}`;
    const promise = this.#settings.environment.locks
      .request(name, () => this.#alone(spent))
      .finally(() => {
        if (this.#flight?.promise === promise) this.#flight = undefined;
      });
    this.#flight = { sessionId: spent.id, promise };
    return promise;
  }

  async #alone(spent: Session): Promise<Session> {
    const current = this.#sameSession(spent);
    if (current.generation > spent.generation && current.accessToken !== undefined) return current;
    if (current.refreshToken === undefined) return this.#end(current, undefined);
    const answer = await this.#request(current.refreshToken);
    const latest = this.#sameSession(spent);
    if (latest.generation > current.generation) return latest;
    if ("refused" in answer) return this.#end(latest, answer.refused);
    const session = this.#keeper.set(successorOf(latest, answer.tokens, answer.sentAtMs));
    this.#outcome.onRefreshed(session);
    return session;
  }

  /** Signed out while the request was under way: what it brought must not sign in again. */
  #sameSession(spent: Session): Session {
    const current = this.#keeper.current;
    if (current?.id !== spent.id) throw clientError("not_signed_in");
    return current;
  }

  #end(session: Session, refused: oauth.ResponseBodyError | undefined): never {
    this.#outcome.onEnded(session, refused);
    throw clientError("session_ended", refused === undefined ? {} : { cause: refused });
  }

  async #request(refreshToken: string) {
    const { client, requestOptions } = this.#server;
    const metadata = await this.#server.metadata();
    const sentAtMs = this.#settings.environment.clock.wallMs();
    const response = await oauth.refreshTokenGrantRequest(metadata, client, oauth.None(), refreshToken, {
      ...requestOptions,
      ...resourceParameter(this.#settings),
    });
    try {
      return { tokens: await oauth.processRefreshTokenResponse(metadata, client, response), sentAtMs };
    } catch (cause) {
      // Only these answers say that the session is over; everything else may pass.
      if (cause instanceof oauth.ResponseBodyError && ENDINGS.has(cause.error)) return { refused: cause };
      throw clientError("response_refused", { cause });
    }
  }
}

/** `access_denied`: the user may not use the API any more, which is the one that this client asks for. */
const ENDINGS: ReadonlySet<string> = new Set(["invalid_grant", "access_denied"]);

/** Some servers say why beside the error. */
export const endingIn = (refused: oauth.ResponseBodyError | undefined): EndedSession =>
  endedSessionOf(refused?.cause);

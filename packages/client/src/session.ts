import type { Environment } from "./environment.ts";

/** Who is signed in, as the ID token says. */
export interface User {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

/** One sign-in and its current tokens. A new value for every refresh; never changed in place. */
export interface Session {
  /** Made here at sign-in; the same in all tabs that hold the same chain of refresh tokens. */
  readonly id: string;
  /** Counts refreshes, so that a late message from another tab never brings spent tokens back. */
  readonly generation: number;
  /** Absent after a reload: access tokens are kept in memory only. */
  readonly accessToken?: string;
  readonly accessTokenExpiresAtMs?: number;
  readonly refreshToken?: string;
  /** Hint for the logout request (OpenID Connect RP-Initiated Logout 1.0). */
  readonly idToken: string;
  readonly user: User;
}

/** Holds the one current session of this tab, in memory, with what must survive a reload in the tab's storage. */
export class SessionKeeper {
  readonly #key: string;
  readonly #leftKey: string;
  readonly #environment: Environment;
  #current: Session | undefined;

  constructor(prefix: string, environment: Environment) {
    this.#key = `${prefix}:session`;
    this.#leftKey = `${prefix}:left`;
    this.#environment = environment;
  }

  get current(): Session | undefined {
    return this.#current;
  }

  /**
   * The user has signed out of the app, in whichever tab: opening or reloading another must not sign them in again. Kept
   * until somebody signs in.
   */
  get wasLeft(): boolean {
    return this.#environment.sharedStorage.getItem(this.#leftKey) !== null;
  }

  /** Storage may be full: a new tab then signs in by itself, but the tokens, which are ended next, must not outlive that. */
  leave(): void {
    this.clear();
    try {
      this.#environment.sharedStorage.setItem(this.#leftKey, "");
    } catch {}
  }

  /** Of a new sign-in. A refresh does not go by here: in a tab that has not heard yet, it would undo that the user left. */
  begin(session: Session): Session {
    this.#environment.sharedStorage.removeItem(this.#leftKey);
    return this.set(session);
  }

  set(session: Session): Session {
    this.#current = session;
    const { accessToken: _memoryOnly, accessTokenExpiresAtMs: _too, ...kept } = session;
    if (session.refreshToken === undefined) this.#environment.storage.removeItem(this.#key);
    else this.#environment.storage.setItem(this.#key, JSON.stringify(kept));
    return session;
  }

  clear(): void {
    this.#current = undefined;
    this.#environment.storage.removeItem(this.#key);
  }

  /** What this tab held before a reload, without its access token. */
  restore(): Session | undefined {
    const stored = this.#environment.storage.getItem(this.#key);
    if (stored !== null) this.#current = parseSession(stored);
    return this.#current;
  }
}

function parseSession(stored: string): Session | undefined {
  try {
    const value: unknown = JSON.parse(stored);
    return isSession(value) && value.refreshToken !== undefined ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Storage and channels are open to every script of the origin: look before believing. */
export function isSession(value: unknown): value is Session {
  const session = value as Partial<Session> | null;
  return (
    typeof session === "object" &&
    session !== null &&
    typeof session.id === "string" &&
    Number.isSafeInteger(session.generation) &&
    typeof session.idToken === "string" &&
    typeof session.user?.sub === "string"
  );
}

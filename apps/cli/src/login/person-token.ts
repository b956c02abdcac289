import { type PersonTokens, refreshPersonTokens, type SignInSettings } from "@portcullis/issuer";
import { hasCode } from "@portcullis/protocol";
import { cliError } from "../errors.ts";
import type { Login, StoredLogins } from "./stored-logins.ts";

export interface PersonTokenOptions {
  readonly logins: StoredLogins;
  readonly login: Login;
  readonly signIn: SignInSettings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Fetched again this much before it expires. */
const MARGIN_MS = 15_000;

/** The access token of a person who has signed in, refreshed when it is needed, by one process at a time. */
export class PersonToken {
  readonly #options: PersonTokenOptions;
  #login: Login;

  constructor(options: PersonTokenOptions) {
    this.#options = options;
    this.#login = options.login;
  }

  /** Resolves with the value of an Authorization header. `refresh`: the last one was refused. */
  async authorization({ refresh = false } = {}): Promise<string> {
    if (refresh || !this.#isGood(this.#login))
      await this.#renew(refresh ? this.#login.accessToken : undefined);
    return `Bearer ${this.#login.accessToken}`;
  }

  #isGood({ expiresAt }: Login): boolean {
    return this.#options.now() < expiresAt - MARGIN_MS;
  }

  /** What another process has refreshed meanwhile is taken as it is, unless it is the very one that was refused. */
  #renew(refused: string | undefined): Promise<void> {
    const { logins } = this.#options;
    const { issuer } = this.#login;
    return logins.locked(issuer, async () => {
      const stored = logins.read(issuer);
      if (stored === undefined) throw notSignedIn(issuer);
      if (this.#isGood(stored) && stored.accessToken !== refused) this.#login = stored;
      else this.#login = await this.#refresh(stored);
    });
  }

  async #refresh(stored: Login): Promise<Login> {
    const { logins, signIn, now } = this.#options;
    const askedAt = now();
    try {
      const login = renewed(stored, await refreshPersonTokens(signIn, stored.refreshToken), askedAt);
      logins.write(login);
      return login;
    } catch (error) {
      // It will never be good again, and would be tried at every command.
      if (hasCode(error, "sign_in_over")) logins.remove(stored.issuer);
      throw error;
    }
  }
}

/** Counted from when it was asked for: what is said to have lived for longer is refreshed sooner. */
export const renewed = (login: Login, tokens: PersonTokens, askedAt: number): Login => ({
  ...login,
  accessToken: tokens.accessToken,
  expiresAt: askedAt + tokens.expiresInSeconds * 1000,
  refreshToken: tokens.refreshToken ?? login.refreshToken,
});

export const notSignedIn = (issuer: string) =>
  cliError("not_accepted", {
    text: `You are not signed in at ${issuer}. Sign in: portcullis login --issuer ${issuer}`,
  });

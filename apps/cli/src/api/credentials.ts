import { MachineToken } from "@portcullis/issuer";
import { cliError } from "../errors.ts";
import { PersonToken } from "../login/person-token.ts";
import type { Login, StoredLogins } from "../login/stored-logins.ts";
import type { Settings } from "../settings.ts";
import { askingOf, type Issuer, signInSettingsOf } from "./discover.ts";
import { sayingItHere } from "./issuer-failure.ts";
import type { Sending } from "./send.ts";

interface CredentialsOptions {
  readonly settings: Settings;
  readonly sending: Sending;
  readonly issuer: Issuer;
  /** Of one verb, and no others. */
  readonly scopes: readonly string[];
  readonly logins: StoredLogins;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The token with which a verb asks (of a client, or of a person who has signed in), and what is said when it is not enough. */
export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #token: Pick<MachineToken | PersonToken, "authorization">;

  constructor(options: CredentialsOptions) {
    this.#options = options;
    this.#token = options.settings.login === undefined ? machineTokenOf(options) : personTokenOf(options);
  }

  /** Value of the Authorization header. `refresh`: the last one was refused. */
  readonly authorization = (options: { readonly refresh?: boolean } = {}): Promise<string> =>
    sayingItHere(() => this.#token.authorization(options));

  lacksScopes() {
    const { settings, issuer, scopes } = this.#options;
    if (settings.login !== undefined) return lostTheRole(settings.login);
    return cliError("insufficient_scope", {
      text: `The client ${settings.client!.id} lacks the scope ${scopes.join(" and ")}. Add it to the apis of the app, for ${issuer.apiResource}: PATCH ${issuer.apiResource}/v1/apps/${settings.client!.id}, or portcullis apps update.`,
    });
  }
}

function machineTokenOf({ settings, sending, issuer, scopes }: CredentialsOptions): MachineToken {
  const { id, secret } = settings.client!;
  return new MachineToken({
    ...askingOf(settings, sending),
    clientId: id,
    clientSecret: secret,
    scopes,
    discovered: async () => issuer.metadata,
    resource: () => issuer.apiResource,
  });
}

const personTokenOf = ({ settings, sending, issuer, logins, now }: CredentialsOptions): PersonToken =>
  new PersonToken({ logins, login: settings.login!, signIn: signInSettingsOf(issuer, sending), now });

const lostTheRole = ({ username, issuer }: Login) =>
  cliError("insufficient_scope", {
    text: `${username} may not do this at ${issuer}: it needs an administrator, and a sign-in by this version of the command. Another administrator gives the role; then run portcullis login again.`,
  });

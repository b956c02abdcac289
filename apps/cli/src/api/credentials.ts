import { MachineToken } from "@portcullis/issuer";
import { cliError } from "../errors.ts";
import type { Settings } from "../settings.ts";
import { askingOf, type Issuer } from "./discover.ts";
import { sayingItHere } from "./issuer-failure.ts";
import type { Sending } from "./send.ts";

interface CredentialsOptions {
  readonly settings: Settings;
  readonly sending: Sending;
  readonly issuer: Issuer;
  /** Of one verb, and no others. */
  readonly scopes: readonly string[];
}

/** The token with which a verb asks (client credentials), and what is said when it is not enough. */
export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #token: MachineToken;

  constructor(options: CredentialsOptions) {
    const { settings, sending, issuer, scopes } = options;
    this.#options = options;
    this.#token = new MachineToken({
      ...askingOf(settings, sending),
      clientId: settings.clientId,
      clientSecret: settings.clientSecret,
      scopes,
      discovered: async () => issuer.metadata,
      resource: () => issuer.apiResource,
    });
  }

  /** Value of the Authorization header. `refresh`: the last one was refused. */
  readonly authorization = (options: { readonly refresh?: boolean } = {}): Promise<string> =>
    sayingItHere(() => this.#token.authorization(options));

  lacksScopes() {
    const { settings, issuer, scopes } = this.#options;
    return cliError("insufficient_scope", {
      text: `The client ${settings.clientId} lacks the scope ${scopes.join(" and ")}. Add it in the server's configuration, to the client's resources, for ${issuer.apiResource}.`,
    });
  }
}

/** Access tokens by client credentials (RFC 6749, section 4.4), each with the scopes of one verb and no others. */
import { z } from "zod";
import { cliError } from "../errors.ts";
import type { Settings } from "../settings.ts";
import type { IssuerMetadata } from "./discover.ts";
import { type Answer, type Sending, send } from "./send.ts";

const tokenSchema = z.object({
  access_token: z.string().min(1),
  expires_in: z.number().default(60),
  scope: z.string().optional(),
});
const errorSchema = z.object({ error: z.string(), error_description: z.string().optional() });

export interface CredentialsOptions {
  readonly settings: Settings;
  readonly sending: Sending;
  readonly metadata: IssuerMetadata;
  readonly scopes: readonly string[];
  readonly now: () => number;
}

/** Fetched again so long before it expires, or at half its life. */
const MARGIN_MS = 30_000;

export class Credentials {
  readonly #options: CredentialsOptions;
  #current: { readonly header: string; readonly goodUntil: number } | undefined;

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  /** Value of the Authorization header. `refresh`: the last one was refused. */
  readonly authorization = async ({ refresh = false } = {}): Promise<string> => {
    const { now } = this.#options;
    if (!refresh && this.#current !== undefined && now() < this.#current.goodUntil)
      return this.#current.header;
    const askedAt = now();
    const token = await this.#request();
    const lifeMs = token.expires_in * 1000;
    const header = `Bearer ${token.access_token}`;
    this.#current = { header, goodUntil: askedAt + lifeMs - Math.min(MARGIN_MS, lifeMs / 2) };
    return header;
  };

  async #request(): Promise<z.output<typeof tokenSchema>> {
    const { settings, sending, metadata, scopes } = this.#options;
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      resource: metadata.portcullis_api_resource,
      scope: scopes.join(" "),
    });
    const headers = { accept: "application/json", authorization: basicOf(settings) };
    const answer = await send(new URL(metadata.token_endpoint), { method: "POST", headers, body }, sending);
    const token = tokenSchema.safeParse(answer.body);
    if (answer.status !== 200 || !token.success) throw this.#failureOf(answer);
    this.#checkScopes(token.data.scope);
    return token.data;
  }

  /** The server leaves out what the client may not have, without an error. */
  #checkScopes(granted: string | undefined): void {
    if (granted === undefined) return;
    const lacking = this.#options.scopes.filter((scope) => !granted.split(" ").includes(scope));
    if (lacking.length > 0) throw this.lacks(lacking);
  }

  lacks(scopes: readonly string[] = this.#options.scopes) {
    const { settings, metadata } = this.#options;
    const names = scopes.join(" and ");
    return cliError("insufficient_scope", {
      text: `The client ${settings.clientId} lacks the scope ${names}. Add it in the server's configuration: clients, resources, ${metadata.portcullis_api_resource}.`,
    });
  }

  #failureOf({ status, body }: Answer) {
    const { clientId } = this.#options.settings;
    const { error, error_description: description } = errorSchema.safeParse(body).data ?? { error: "" };
    if (error === "invalid_client") {
      return cliError("not_accepted", {
        text: `The issuer does not accept the client ${clientId} with this secret. Check --client-id and PORTCULLIS_CLIENT_SECRET (or --client-secret-file).`,
      });
    }
    if (error === "invalid_target" || error === "invalid_scope") return this.lacks();
    const said = [error, description].filter(Boolean).join(": ");
    return cliError(status >= 500 ? "issuer_unreachable" : "refused", {
      text: `The token endpoint answered ${status}${said === "" ? "" : ` (${said})`} to the client ${clientId}.`,
    });
  }
}

/** Each part is form-encoded first (RFC 6749, section 2.3.1). */
function basicOf({ clientId, clientSecret }: Settings): string {
  const encoded = [clientId, clientSecret].map((part) =>
    new URLSearchParams({ "": part }).toString().slice(1),
  );
  return `Basic ${Buffer.from(encoded.join(":")).toString("base64")}`;
}

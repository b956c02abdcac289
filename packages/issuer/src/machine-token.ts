/** The access token of a machine: client credentials (RFC 6749, section 4.4), for one resource (RFC 8707). */
import { type Clock, systemClock } from "@portcullis/protocol";
import * as oauth from "oauth4webapi";
import { type IssuerMetadata, type IssuerSettings, requestOptions } from "./discover-issuer.ts";
import { endpointOf } from "./endpoints.ts";
import { isIssuerError, issuerError } from "./errors.ts";
import { quoteText } from "./quote-others.ts";

export interface MachineTokenOptions extends IssuerSettings {
  readonly clientId: string;
  readonly clientSecret: string;
  /** All of them are needed: a token that lacks one is none. */
  readonly scopes: readonly string[];
  readonly discovered: () => Promise<IssuerMetadata>;
  /** Gives the resource that the token is for. */
  readonly resource: (metadata: IssuerMetadata) => string;
  readonly clock?: Pick<Clock, "monotonicMs"> | undefined;
}

interface Held {
  readonly header: string;
  /** Monotonic. */
  readonly goodUntilMs: number;
}

/** Fetched again this much before it expires, or at half its life when that is sooner. */
const MARGIN_MS = 30_000;
const LIFETIME_WHEN_UNSAID_SECONDS = 60;

/**
 * Gets a token, and keeps it until shortly before its end. Whoever asks meanwhile shares one request. A failure is not
 * kept: the next who asks tries again, so a secret that is put right at the issuer needs no restart here.
 */
export class MachineToken {
  readonly #options: MachineTokenOptions;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #held: Held | undefined;
  #underWay: Promise<string> | undefined;

  constructor(options: MachineTokenOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Resolves with the value of an Authorization header. `refresh`: the last one was refused. Rejects with an `IssuerError`. */
  readonly authorization = async ({ refresh = false } = {}): Promise<string> => {
    if (refresh) this.#held = undefined;
    if (this.#held !== undefined && this.#clock.monotonicMs() < this.#held.goodUntilMs)
      return this.#held.header;
    this.#underWay ??= this.#request().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  };

  async #request(): Promise<string> {
    const { discovered, resource } = this.#options;
    const metadata = await discovered();
    // Before the secret goes there.
    endpointOf(metadata, "token_endpoint");
    const wanted = { metadata, resource: resource(metadata) };
    const askedAtMs = this.#clock.monotonicMs();
    const token = await this.#grant(wanted).catch((cause: unknown) =>
      Promise.reject(this.#failureOf(cause, wanted.resource)),
    );
    this.#requireScopes(token.scope, wanted.resource);
    const lifetimeMs = (token.expires_in ?? LIFETIME_WHEN_UNSAID_SECONDS) * 1000;
    const header = `Bearer ${token.access_token}`;
    this.#held = { header, goodUntilMs: askedAtMs + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 2) };
    return header;
  }

  async #grant({ metadata, resource }: { readonly metadata: IssuerMetadata; readonly resource: string }) {
    const { clientId, clientSecret, scopes } = this.#options;
    const client: oauth.Client = { client_id: clientId };
    const response = await oauth.clientCredentialsGrantRequest(
      metadata,
      client,
      oauth.ClientSecretBasic(clientSecret),
      { resource, scope: scopes.join(" ") },
      requestOptions(this.#options),
    );
    if (response.status === 401) throw this.#notAccepted();
    return oauth.processClientCredentialsResponse(metadata, client, response);
  }

  /** An issuer may leave out what the client may not have, without an error (RFC 6749, section 3.3). */
  #requireScopes(granted: string | undefined, resource: string): void {
    if (granted === undefined) return;
    const lacking = this.#options.scopes.filter((scope) => !granted.split(" ").includes(scope));
    if (lacking.length > 0) throw this.#lacks(lacking, resource);
  }

  #failureOf(cause: unknown, resource: string) {
    const { issuer, clientId, scopes } = this.#options;
    if (isIssuerError(cause)) return cause;
    const error = cause instanceof oauth.ResponseBodyError ? cause.error : undefined;
    if (error === "invalid_client") return this.#notAccepted();
    if (error === "invalid_scope" || error === "invalid_target") return this.#lacks(scopes, resource);
    const said = cause instanceof oauth.ResponseBodyError ? saidBy(cause) : "an answer that is no token";
    return issuerError("token_refused", {
      text: `${issuer} gives the client ${clientId} no token: ${said}.`,
      cause,
    });
  }

  #notAccepted() {
    const { issuer, clientId } = this.#options;
    return issuerError("client_not_accepted", {
      text: `${issuer} does not accept the client ${clientId} with this secret. Check both, and that the issuer's configuration has this client.`,
    });
  }

  #lacks(scopes: readonly string[], resource: string) {
    const { issuer, clientId } = this.#options;
    return issuerError("scope_not_granted", {
      text: `The client ${clientId} lacks the scope ${scopes.join(" and ")} at ${issuer}. Add it there to the apis of the app, for ${quoteText(resource)}: portcullis apps update, or PATCH ${issuer}/api/v1/apps/${clientId}.`,
    });
  }
}

/** Returns what the issuer says of it. */
function saidBy({ error, error_description: description }: oauth.ResponseBodyError): string {
  return quoteText(description === undefined ? error : `${error}: ${description}`);
}

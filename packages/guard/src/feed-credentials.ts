/** The access token with which a verifier reads the feed: client credentials (RFC 6749, section 4.4). */
import { API_SCOPES, type Clock } from "@portcullis/protocol";
import { clientCredentialsGrant } from "openid-client";
import type { DiscoveredIssuer } from "./discover-issuer.ts";

export interface FeedCredentialsOptions {
  readonly discovered: () => Promise<DiscoveredIssuer>;
  readonly clock: Clock;
}

/** Fetched again this much before it expires, or at half its life when that is sooner. */
const MARGIN_MS = 30_000;
const LIFETIME_WHEN_UNSAID_SECONDS = 60;

export class FeedCredentials {
  readonly #options: FeedCredentialsOptions;
  #current: { readonly header: string; readonly goodUntilMs: number } | undefined;
  #underWay: Promise<string> | undefined;

  constructor(options: FeedCredentialsOptions) {
    this.#options = options;
  }

  /** Value of the Authorization header. `refresh`: the feed refused the last one. */
  readonly authorization = async ({ refresh = false } = {}): Promise<string> => {
    if (refresh) this.#current = undefined;
    const current = this.#current;
    if (current !== undefined && this.#options.clock.monotonicMs() < current.goodUntilMs)
      return current.header;
    this.#underWay ??= this.#request().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  };

  async #request(): Promise<string> {
    const { configuration, apiResource } = await this.#options.discovered();
    const askedAtMs = this.#options.clock.monotonicMs();
    const answer = await clientCredentialsGrant(configuration, {
      resource: apiResource,
      scope: API_SCOPES.readRevocations,
    });
    const lifetimeMs = (answer.expires_in ?? LIFETIME_WHEN_UNSAID_SECONDS) * 1000;
    const header = `Bearer ${answer.access_token}`;
    this.#current = { header, goodUntilMs: askedAtMs + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 2) };
    return header;
  }
}

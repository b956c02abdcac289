import * as oauth from "oauth4webapi";
import { clientError } from "./errors.ts";
import { isSecure, type Settings } from "./options.ts";

/** The authorization server as this client sees it: its metadata, and how requests to it are made. */
export class AuthorizationServer {
  readonly client: oauth.Client;
  readonly #settings: Settings;
  #metadata: Promise<oauth.AuthorizationServer> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.client = { client_id: settings.clientId };
  }

  /** Discovered once; a failure is not kept, so the next caller tries again. */
  metadata(): Promise<oauth.AuthorizationServer> {
    this.#metadata ??= this.#discover().catch((error: unknown) => {
      this.#metadata = undefined;
      throw error;
    });
    return this.#metadata;
  }

  /**
   * Where the page may be sent. Metadata is data: a `javascript:` URL in it would run in the app's own origin.
   * Undefined when the issuer has no such endpoint.
   */
  pageUrl(name: "authorization_endpoint" | "end_session_endpoint"): Promise<URL | undefined> {
    return this.#urlOf(name);
  }

  /** Where the issuer tells of the end of a session: the ID token is sent there, so that it must be safe on its way. */
  async sessionEventsUrl(): Promise<string | undefined> {
    return (await this.#urlOf("portcullis_session_events_endpoint"))?.href;
  }

  async #urlOf(name: string): Promise<URL | undefined> {
    const text = (await this.metadata())[name];
    if (text === undefined) return undefined;
    const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !isSecure(url)) throw clientError("discovery_failed", { detail: name });
    return url;
  }

  /**
   * One step of a sign-in with a form of the app's own. Undefined members are left out. What the issuer asks the user to wait for is an answer, too.
   * Throws `discovery_failed` for an issuer that has no such endpoint.
   */
  async challenge(fields: Readonly<Record<string, string | undefined>>): Promise<Record<string, unknown>> {
    const url = await this.#urlOf("authorization_challenge_endpoint");
    if (url === undefined)
      throw clientError("discovery_failed", { detail: "no authorization_challenge_endpoint" });
    const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const init = { method: "POST", body: new URLSearchParams(given), redirect: "manual" } as const;
    const response = await this.#ask(url.href, init);
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.status >= 500 || isTurnedAway(response.status, answer))
      throw clientError("issuer_unreachable", { detail: `status ${response.status}` });
    if (typeof answer === "object" && answer !== null) return answer as Record<string, unknown>;
    throw clientError("response_refused", { detail: `status ${response.status}` });
  }

  get requestOptions() {
    return this.#optionsWith({});
  }

  /** Of a request that is to arrive though its page be left. */
  get leavingOptions() {
    return this.#optionsWith({ keepalive: true });
  }

  #optionsWith(more: RequestInit) {
    return {
      [oauth.customFetch]: (url: string, init: unknown) =>
        this.#fetch(url, { ...(init as RequestInit), ...more }),
      [oauth.allowInsecureRequests]: this.#settings.insecure,
    };
  }

  /** Network failures become `issuer_unreachable`: they say nothing about the session, which is kept. */
  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const response = await this.#ask(url, init);
    if (response.status >= 500 || response.status === 429) {
      throw clientError("issuer_unreachable", { detail: `status ${response.status}` });
    }
    return response;
  }

  #ask(url: string, init: RequestInit): Promise<Response> {
    return this.#settings.environment.fetch(url, init).catch((cause: unknown) => {
      throw clientError("issuer_unreachable", { cause });
    });
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    const { issuer } = this.#settings;
    const response = await oauth.discoveryRequest(issuer, this.requestOptions);
    return oauth.processDiscoveryResponse(issuer, response).catch((cause: unknown) => {
      throw clientError("discovery_failed", { cause });
    });
  }
}

/** Before the sign-in was looked at: by a limit on requests of an address, and not on guesses. */
const isTurnedAway = (status: number, answer: unknown): boolean =>
  status === 429 && (answer as { readonly step?: unknown } | undefined)?.step === undefined;

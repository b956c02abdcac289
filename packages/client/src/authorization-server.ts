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
    const response = await this.#settings.environment.fetch(url, init).catch((cause: unknown) => {
      throw clientError("issuer_unreachable", { cause });
    });
    if (response.status >= 500 || response.status === 429) {
      throw clientError("issuer_unreachable", { detail: `status ${response.status}` });
    }
    return response;
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    const { issuer } = this.#settings;
    const response = await oauth.discoveryRequest(issuer, this.requestOptions);
    return oauth.processDiscoveryResponse(issuer, response).catch((cause: unknown) => {
      throw clientError("discovery_failed", { cause });
    });
  }
}

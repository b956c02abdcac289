import { type Client, type ClientEvent, createClient, takeCallback } from "@portcullis/client";
import type { PageConfig } from "../page-config.ts";
import { CallLog, timeOf } from "./call-log.ts";
import { element, show } from "./elements.ts";
import { callOrders } from "./orders-api.ts";
import { type Status, showStatus } from "./status.ts";
import {
  CALLING,
  failed,
  forcedOut,
  notServed,
  SIGNED_OUT,
  SIGNED_OUT_ELSEWHERE,
  SIGNING_OUT,
  served,
  sessionEnded,
} from "./statuses.ts";

const EVERY_MS = 1_000;
const MAX_CALLS_WITH_DEAD_TOKEN = 10;

class Page {
  readonly #config: PageConfig;
  readonly #client: Client;
  readonly #log = new CallLog();
  #paused = false;
  #calling = false;
  #lastStatus: number | undefined;
  /** The client forgets a dead token. Kept by this demo alone, to show that it is refused. */
  #lastToken = "";
  /** Seconds since the epoch, from the token: for display only, nothing is decided on it. */
  #tokenExpires = 0;

  constructor(config: PageConfig) {
    this.#config = config;
    this.#client = createClient({ ...config, resourceServers: [config.gateway] });
    this.#client.subscribe((event) => this.#hear(event));
    element("account").setAttribute("href", config.accountUrl);
    element("target").textContent = config.ordersPath;
    onPress("sign-in", () => this.#client.signIn());
    onPress("sign-out", () => this.#signOut());
    onPress("call-now", () => this.#call());
    onPress("pause", async () => this.#togglePause());
  }

  async start(callback: string | undefined): Promise<void> {
    const { user, returnTo, leaving } = await (callback === undefined
      ? this.#client.start({ askIssuer: true })
      : this.#client.completeSignIn(callback));
    if (leaving) return;
    history.replaceState(null, "", pathWithin(returnTo));
    if (user === undefined) return showStatus(SIGNED_OUT);
    showStatus(CALLING);
    showUser(user);
    await this.#call();
    setInterval(() => this.#tick(), EVERY_MS);
  }

  async #signOut(): Promise<void> {
    const { leaving } = await this.#client.signOut();
    if (!leaving) showStatus(SIGNED_OUT);
  }

  #tick(): void {
    if (!this.#paused && this.#client.user !== undefined) void this.#call();
  }

  async #call(): Promise<void> {
    // One at a time: a slow answer must not make a queue.
    if (this.#calling || this.#client.user === undefined) return;
    this.#calling = true;
    try {
      this.#lastToken = await this.#client.accessToken();
      this.#showExpiry(this.#lastToken);
      await this.#callBy(this.#client.fetch);
      this.#showOutcome(this.#lastStatus);
    } catch (error) {
      this.#log.add({ at: new Date(), tookMs: 0, said: messageOf(error) });
      this.#showOutcome(undefined);
    } finally {
      this.#calling = false;
      this.#showThatItIsDead();
    }
  }

  async #callBy(send: typeof fetch): Promise<void> {
    const call = await callOrders(send, this.#config.gateway + this.#config.ordersPath);
    this.#lastStatus = call.status;
    this.#log.add(call);
  }

  /**
   * The issuer has told before any call was refused: more of them, with the token of before, show what the API says of it. The notice may
   * be here some milliseconds before the verifier has heard.
   */
  #showThatItIsDead(): void {
    const [token, isOver] = [this.#lastToken, this.#client.user === undefined];
    if (!isOver || this.#paused || this.#calling || token === "" || this.#lastStatus === 401) return;
    this.#lastToken = "";
    void this.#callUntilRefused(token, MAX_CALLS_WITH_DEAD_TOKEN);
  }

  async #callUntilRefused(token: string, callsLeft: number): Promise<void> {
    const headers = { authorization: `Bearer ${token}` };
    try {
      await this.#callBy((url, init) => fetch(url, { ...init, headers }));
    } catch (error) {
      this.#log.add({ at: new Date(), tookMs: 0, said: messageOf(error) });
    }
    if (this.#lastStatus !== 401 && callsLeft > 1 && this.#client.user === undefined)
      setTimeout(() => void this.#callUntilRefused(token, callsLeft - 1), EVERY_MS);
  }

  /** The notice of the client has changed the view already when the session is over. */
  #showOutcome(status: number | undefined): void {
    if (this.#client.user !== undefined) showStatus(status === 200 ? served() : notServed(status));
  }

  #showExpiry(accessToken: string): void {
    this.#tokenExpires = expiryOf(accessToken);
    element("who-expires").textContent = timeOf(new Date(this.#tokenExpires * 1000));
  }

  #hear(event: ClientEvent): void {
    // Without asking anything: the user has just signed in, in another tab.
    if (event.type === "signed-in-elsewhere") void this.#client.signIn({ prompt: "none" }).catch(() => {});
    const status = this.#statusAfter(event);
    if (status === undefined) return;
    if (event.type === "forced-logout") this.#showThatItIsDead();
    showStatus(status);
    document.title = `${status.badge}: Orders`;
    if (status.signIn !== undefined) element("sign-in").focus();
  }

  #statusAfter(event: ClientEvent): Status | undefined {
    if (event.type === "forced-logout") return forcedOut(event, this.#secondsLeft());
    if (event.type === "signed-out") return event.fromOtherTab ? SIGNED_OUT_ELSEWHERE : SIGNING_OUT;
    if (event.type !== "session-ended") return undefined;
    return event.reason === undefined ? sessionEnded() : forcedOut(event, this.#secondsLeft());
  }

  #secondsLeft(): number {
    return Math.round(this.#tokenExpires - Date.now() / 1000);
  }

  #togglePause(): void {
    this.#paused = !this.#paused;
    element("pause").setAttribute("aria-pressed", String(this.#paused));
  }
}

function onPress(id: string, action: () => Promise<void>): void {
  element(id).addEventListener("click", () => {
    action().catch((error: unknown) => showStatus(failed(messageOf(error))));
  });
}

function showUser(user: { readonly sub: string; readonly [claim: string]: unknown }): void {
  const name = [user.name, user.preferred_username, user.email].find((text) => typeof text === "string");
  element("who-name").textContent = (name as string | undefined) ?? user.sub;
  element("who-subject").textContent = user.sub;
  show(["who"], true);
}

/** Never somewhere else: an address of another origin becomes the start page. */
function pathWithin(returnTo: string | undefined): string {
  const url = new URL(returnTo ?? location.href);
  const path = url.pathname === "/callback" ? "/" : url.pathname;
  return url.origin === location.origin ? path + url.search + url.hash : "/";
}

function expiryOf(accessToken: string): number {
  const payload = accessToken.split(".")[1] ?? "";
  const { exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as { exp: number };
  return exp;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function main(): Promise<void> {
  // Before the first request: from here on no address that leaves this page has the code in it.
  const callback = takeCallback(`${location.origin}/callback`);
  const response = await fetch("/config.json");
  await new Page((await response.json()) as PageConfig).start(callback);
}

// Going back may show the page as it was left, in the middle of a sign-out.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});

main().catch((error: unknown) => showStatus(failed(messageOf(error))));

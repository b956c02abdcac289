import { FrozenClock } from "@portcullis/testing";
import {
  type Channel,
  type Client,
  type ClientEvent,
  createClient,
  type Environment,
  type KeyValueStore,
  memoryStorage,
  type Page,
  processLocks,
} from "../src/index.ts";
import { API, FakeIssuer, ISSUER } from "./fake-issuer.ts";

export const APP = "https://app.test/callback";

/** A browser with tabs: one set of locks and channels and one shared storage, an address and a storage for each tab, a clock set by hand. */
export class FakeBrowser {
  readonly issuer = new FakeIssuer();
  readonly clock = new FrozenClock(1000);
  readonly locks = processLocks();
  readonly sharedStorage = memoryStorage();
  readonly #channels = new Set<Channel>();

  open(options: { url?: string; storage?: KeyValueStore } = {}): Tab {
    return new Tab(this, options.url ?? "https://app.test/", options.storage ?? memoryStorage());
  }

  /** A tab in which somebody is signed in. */
  async signedIn(): Promise<Tab> {
    const tab = this.open();
    const { storage } = tab;
    const url = this.issuer.authorize(await tab.client.createSignInUrl());
    tab.client.close();
    const back = this.open({ url, storage });
    await back.client.start();
    return back;
  }

  channel(): Channel {
    const channel: Channel = {
      onmessage: null,
      postMessage: (message) => {
        // As browsers and Node do.
        if (!this.#channels.has(channel)) throw new DOMException("closed", "InvalidStateError");
        this.#deliver(channel, structuredClone(message));
      },
      close: () => void this.#channels.delete(channel),
    };
    this.#channels.add(channel);
    return channel;
  }

  #deliver(from: Channel, data: unknown): void {
    for (const channel of this.#channels) if (channel !== from) channel.onmessage?.({ data });
  }
}

export class Tab {
  readonly storage: KeyValueStore;
  readonly page: Page & { url: string; readonly visited: string[]; readonly replaced: string[] };
  readonly client: Client;
  readonly visibility = fakeVisibility();
  readonly events: ClientEvent[] = [];

  constructor(browser: FakeBrowser, url: string, storage: KeyValueStore) {
    this.storage = storage;
    this.page = fakePage(url);
    const environment: Environment = {
      fetch: browser.issuer.fetch,
      storage,
      sharedStorage: browser.sharedStorage,
      locks: browser.locks,
      openChannel: () => browser.channel(),
      page: this.page,
      clock: browser.clock,
      visibility: this.visibility,
      setTimer: browser.clock.setTimer,
      random: () => 0.5,
    };
    this.client = createClient({
      issuer: ISSUER,
      clientId: "web",
      redirectUri: APP,
      postLogoutRedirectUri: "https://app.test/",
      scope: "openid offline_access orders.read",
      resource: "https://orders.test",
      resourceServers: [API],
      environment,
    });
    this.client.subscribe((event) => this.events.push(event));
  }

  call(init?: RequestInit): Promise<Response> {
    return this.client.fetch(`${API}/orders`, init);
  }

  eventsOf<Type extends ClientEvent["type"]>(type: Type) {
    return this.events.filter((event) => event.type === type);
  }
}

/** Shown until it is hidden. */
function fakeVisibility() {
  const listeners = new Set<() => void>();
  const visibility = {
    isVisible: true,
    onChange(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(isVisible: boolean) {
      visibility.isVisible = isVisible;
      for (const listener of listeners) listener();
    },
  };
  return visibility;
}

function fakePage(start: string) {
  const page = {
    url: start,
    visited: [] as string[],
    /** Those of the visited that took the place of the page in the history. */
    replaced: [] as string[],
    replaceUrl: (url: string) => {
      page.url = url;
    },
    navigate: (url: string, how?: { readonly replace: boolean }) => {
      page.visited.push(url);
      if (how?.replace === true) page.replaced.push(url);
    },
  };
  return page;
}

/** A copy of a tab's storage: what a browser gives to a duplicated tab. */
export function copyOf(keys: readonly string[], storage: KeyValueStore): KeyValueStore {
  const copy = memoryStorage();
  for (const key of keys) {
    const value = storage.getItem(key);
    if (value !== null) copy.setItem(key, value);
  }
  return copy;
}

export const SESSION_KEY = `portcullis:${ISSUER}:web:session`;

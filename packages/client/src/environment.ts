import { type Clock, type SetTimer, systemClock, systemTimer } from "@portcullis/protocol";

/**
 * What the client needs from where it runs, with a browser's and Node's own things as defaults. Everything
 * can be replaced, so tests need no browser and no real clock.
 */
export interface Environment {
  readonly fetch: typeof fetch;
  /** Lives as long as the tab and no longer; survives a reload and a redirect (see the README). */
  readonly storage: KeyValueStore;
  /** One for all tabs of the browser, and kept when they are closed. It says that the user has left the app, and by what the issuer knows the device; it holds no token. */
  readonly sharedStorage: KeyValueStore;
  readonly locks: Locks;
  readonly openChannel: (name: string) => Channel;
  /** Absent in Node: there is no address bar to clean and nowhere to navigate. */
  readonly page: Page | undefined;
  /** Says when an access token is about to expire. */
  readonly clock: Pick<Clock, "wallMs">;
  /** Whether somebody can see the page. Where there is none, always. */
  readonly visibility: Visibility;
  readonly setTimer: SetTimer;
  /** From 0 up to 1. Spreads requests over time; no secret is made of it. */
  readonly random: () => number;
}

export interface Visibility {
  readonly isVisible: boolean;
  /** Returns what takes the listener away. */
  onChange(listener: () => void): () => void;
}

/** The parts that a caller replaces. */
export type GivenEnvironment = { readonly [Name in keyof Environment]?: Environment[Name] | undefined };

/** The part of `Storage` that is used. */
export interface KeyValueStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface LockOptions {
  readonly signal: AbortSignal;
}

export interface Locks {
  /** Runs `work` alone among all that ask for `name`, and gives its result. Whoever aborts before its turn is left out: that rejects. */
  request<T>(name: string, work: () => Promise<T>, options?: LockOptions): Promise<T>;
}

/** The part of `BroadcastChannel` that is used. A message never comes back to the channel that sent it. */
export interface Channel {
  postMessage(message: unknown): void;
  onmessage: ((event: { data: unknown }) => void) | null;
  close(): void;
}

export interface Page {
  readonly url: string;
  /** Changes the address without loading and without a new entry in the history. */
  replaceUrl(url: string): void;
  /** With `replace`, the page that is left gets no entry in the history: going back would only lead here again. */
  navigate(url: string, how?: { readonly replace: boolean }): void;
}

/** Returns the environment with what was not given in place. */
export function resolveEnvironment(given: GivenEnvironment = {}): Environment {
  return {
    fetch: given.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    storage: given.storage ?? pageStorage("sessionStorage"),
    sharedStorage: given.sharedStorage ?? pageStorage("localStorage"),
    locks: given.locks ?? sharedLocks(),
    openChannel: given.openChannel ?? openBroadcastChannel,
    page: given.page ?? currentPage(),
    clock: given.clock ?? systemClock,
    visibility: given.visibility ?? pageVisibility(),
    setTimer: given.setTimer ?? systemTimer,
    random: given.random ?? Math.random,
  };
}

function pageStorage(kind: "sessionStorage" | "localStorage"): KeyValueStore {
  try {
    // The mere access throws where the browser blocks storage; Node without a page has none worth using.
    if (typeof document !== "undefined") return globalThis[kind] ?? memoryStorage();
  } catch {}
  return memoryStorage();
}

/** Ends with the process: what Node, and a browser that blocks storage, work with. */
export function memoryStorage(): KeyValueStore {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

function sharedLocks(): Locks {
  const manager = typeof document === "undefined" ? undefined : globalThis.navigator?.locks;
  if (manager === undefined) return processLocks();
  return {
    request: (name, work, options = {} as LockOptions) =>
      manager.request(name, options, work) as ReturnType<typeof work>,
  };
}

/** One at a time in this process: all there is without `navigator.locks`. */
export function processLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>();
  return {
    request(name, work, options) {
      const inTurn = () => {
        options?.signal.throwIfAborted();
        return work();
      };
      const turn = (tails.get(name) ?? Promise.resolve()).then(inTurn);
      const tail = turn.catch(() => {}).finally(() => tails.get(name) === tail && tails.delete(name));
      tails.set(name, tail);
      return turn;
    },
  };
}

const silentChannel: Channel = { postMessage: () => {}, onmessage: null, close: () => {} };

function openBroadcastChannel(name: string): Channel {
  if (typeof BroadcastChannel === "undefined") return { ...silentChannel };
  const channel = new BroadcastChannel(name);
  // In Node an open channel would keep the process alive.
  (channel as { unref?: () => void }).unref?.();
  return channel as unknown as Channel;
}

function currentPage(): Page | undefined {
  if (typeof document === "undefined") return undefined;
  return {
    get url() {
      return globalThis.location.href;
    },
    replaceUrl: (url) => globalThis.history.replaceState(globalThis.history.state, "", url),
    navigate: (url, how) =>
      how?.replace === true ? globalThis.location.replace(url) : globalThis.location.assign(url),
  };
}

function pageVisibility(): Visibility {
  if (typeof document === "undefined") return { isVisible: true, onChange: () => () => {} };
  return {
    get isVisible() {
      return document.visibilityState === "visible";
    },
    onChange(listener) {
      document.addEventListener("visibilitychange", listener);
      return () => document.removeEventListener("visibilitychange", listener);
    },
  };
}

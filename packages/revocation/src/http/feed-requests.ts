import { PortcullisError } from "@portcullis/protocol";
import { revocationError } from "../errors.ts";

interface FeedRequestsOptions {
  readonly endpoint: string;
  readonly authorization: (options?: { readonly refresh?: boolean }) => Promise<string>;
  readonly fetch?: typeof fetch | undefined;
}

type Init = { readonly method?: string; readonly headers: Record<string, string>; readonly body?: string };

const MAX_ERROR_TEXT = 4096;
/** Of what is said of a failure: it may quote whoever answered, and ends up in a log. */
const MAX_DETAIL = 200;

/** Sends authorized requests; every failure comes out with a code that says what to do about it. */
export class FeedRequests {
  readonly #options: FeedRequestsOptions;

  constructor(options: FeedRequestsOptions) {
    this.#options = options;
  }

  /** Resolves with a 2xx answer. Asks for new credentials once when the ones it has are refused. */
  async send(path: string, init: Init, signal: AbortSignal): Promise<Response> {
    let response = await this.#fetch(path, init, signal, false);
    if (response.status === 401) {
      await discard(response);
      response = await this.#fetch(path, init, signal, true);
    }
    if (response.ok) return response;
    throw await failureOf(response, path);
  }

  async #fetch(path: string, init: Init, signal: AbortSignal, refresh: boolean): Promise<Response> {
    const { endpoint, authorization, fetch: send = fetch } = this.#options;
    return this.#guarded(async () => {
      const headers = { ...init.headers, authorization: await authorization({ refresh }) };
      signal.throwIfAborted();
      return send(endpoint + path, { ...init, headers, signal, redirect: "error" });
    });
  }

  async textOf(response: Response): Promise<string> {
    return this.#guarded(() => response.text());
  }

  async *bodyOf(response: Response): AsyncGenerator<Uint8Array> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#guarded(() => reader.read());
        if (done) return;
        yield value;
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  /** What `fetch` and the token endpoint throw has no code to branch on: it all means "come again". */
  async #guarded<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof PortcullisError) throw cause;
      throw revocationError("feed_unavailable", { detail: rootOf(cause), cause });
    }
  }
}

/** Returns the text of what is at the bottom: `fetch failed` says nothing, and what it was caused by does. */
function rootOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, MAX_DETAIL);
}

async function failureOf(response: Response, path: string): Promise<PortcullisError> {
  const { status } = response;
  const error = await errorIn(response);
  const detail = `${path} answered ${status}${error === undefined ? "" : ` ${error}`}`;
  if (error === "verifier_suspended") return revocationError("verifier_suspended", { detail });
  if (status === 401 || status === 403) return revocationError("feed_unauthorized", { detail });
  if (error === "lease_of_another_process") return revocationError("name_in_use", { detail });
  if (status === 409) return revocationError("feed_conflict", { detail: error ?? detail });
  return revocationError("feed_unavailable", { detail });
}

async function errorIn(response: Response): Promise<string | undefined> {
  try {
    const body: unknown = JSON.parse((await response.text()).slice(0, MAX_ERROR_TEXT));
    if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
    return String(body.error).slice(0, 100);
  } catch {
    return undefined;
  }
}

/** Lets go of a body: unread, it keeps its connection. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {});
}

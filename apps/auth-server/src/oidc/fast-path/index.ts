/** Puts the fast path before the library. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { securityHeaders } from "../../pages/security-headers.ts";
import { ROUTES } from "../../paths.ts";
import type { LibraryHandler } from "../provider/mount.ts";
import {
  createClientCredentials,
  type FastPathSources,
  isForClientCredentials,
  type TokenAnswer,
} from "./client-credentials.ts";
import { type Form, peekForm } from "./peek-form.ts";

/** Why the head of the log could not be read, of a request that the library is to answer all the same. */
export class FailedBeginnings {
  readonly #failures = new WeakMap<IncomingMessage, { readonly error: unknown }>();

  note(request: IncomingMessage, error: unknown): void {
    this.#failures.set(request, { error });
  }

  /** Throws what went wrong, if the request has been here: whoever asks the database again waits as long again. */
  rethrow(request: IncomingMessage): void {
    const failure = this.#failures.get(request);
    if (failure !== undefined) throw failure.error;
  }
}

export interface FastPathOptions extends FastPathSources {
  readonly library: LibraryHandler;
  readonly failures: FailedBeginnings;
}

export function withFastPath(options: FastPathOptions): LibraryHandler {
  const { library } = options;
  const answerForm = answerFormBy(options);
  return async (request, response) => {
    const form = isPlainRequest(request) ? await peekForm(request) : undefined;
    const answer = form && isForClientCredentials(form) ? await answerForm(request, form) : undefined;
    if (answer === undefined) {
      await library(request, response);
      return;
    }
    // Nobody else will.
    request.read();
    show(response, answer);
  };
}

/** The horizon first, and the checks after it (issuing-phase.ts). */
function answerFormBy({ issuing, failures, ...sources }: FastPathOptions) {
  const answerClientCredentials = createClientCredentials({ issuing, ...sources });
  return async (request: IncomingMessage, form: Form): Promise<TokenAnswer | undefined> => {
    const { headers } = request;
    try {
      const horizon = await issuing.begin();
      return await answerClientCredentials({ headers, form, horizon }).catch(() => undefined);
    } catch (error) {
      failures.note(request, error);
      return undefined;
    }
  };
}

/** Each means that more has to be looked at: the origin of a page, a proof of a key, or who attests the client. */
const NOT_PLAIN = ["origin", "dpop", "oauth-client-attestation", "oauth-client-attestation-pop"];

const isPlainRequest = ({ method, url, headers }: IncomingMessage): boolean =>
  method === "POST" && url === ROUTES.token && NOT_PLAIN.every((name) => headers[name] === undefined);

/** Those of the library's answer to a request without an origin. */
const HEADERS: Readonly<Record<string, string>> = {
  ...securityHeaders({ mayBePopup: true }),
  vary: "Origin",
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "WWW-Authenticate",
  "content-type": "application/json; charset=utf-8",
};

function show(response: ServerResponse, answer: TokenAnswer): void {
  const body = JSON.stringify(answer);
  response.writeHead(200, { ...HEADERS, "content-length": Buffer.byteLength(body) }).end(body);
}

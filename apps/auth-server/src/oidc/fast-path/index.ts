/** Puts the fast path before the library. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { securityHeaders } from "../../pages/security-headers.ts";
import { ROUTES } from "../../paths.ts";
import type { LibraryHandler } from "../provider/mount.ts";
import type { IssuingPhase } from "../tokens/issuing-phase.ts";
import {
  createClientCredentials,
  type FastPathSources,
  isForClientCredentials,
  type TokenAnswer,
} from "./client-credentials.ts";
import { type Form, peekForm } from "./peek-form.ts";

/**
 * The head of the log as each token request arrived, sampled once: what the fast path leaves to the library is refused there by what has ended
 * since it arrived, and not only since the library heard of it. If it could not be read, both hear that, and nobody waits twice.
 */
export class Horizons {
  readonly #begin: () => Promise<number | undefined>;
  readonly #sampled = new WeakMap<IncomingMessage, Promise<number | undefined>>();

  constructor({ begin }: Pick<IssuingPhase, "begin">) {
    this.#begin = begin;
  }

  of(request: IncomingMessage): Promise<number | undefined> {
    const sampled = this.#sampled.get(request) ?? this.#begin();
    this.#sampled.set(request, sampled);
    return sampled;
  }
}

export interface FastPathOptions extends FastPathSources {
  readonly library: LibraryHandler;
  readonly horizons: Horizons;
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
function answerFormBy({ horizons, ...sources }: FastPathOptions) {
  const answerClientCredentials = createClientCredentials(sources);
  return async (request: IncomingMessage, form: Form): Promise<TokenAnswer | undefined> => {
    const { headers } = request;
    try {
      return await answerClientCredentials({ headers, form, horizon: await horizons.of(request) });
    } catch {
      // The library finds the same, and says so.
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

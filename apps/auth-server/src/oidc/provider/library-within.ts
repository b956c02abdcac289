/**
 * Calls the library's endpoints within the process, as a browser or an app would: for an endpoint of ours that the library does
 * not have, and that must not go around one of its rules. Nothing of it is reachable from outside: this server never listens.
 */
import type { IncomingMessage } from "node:http";
import { fastifyServer } from "@portcullis/service";
import Fastify, { type FastifyRequest } from "fastify";
import { pathOfIssuer } from "../../pages/below-issuer.ts";
import { type LibraryHandler, libraryRoutes } from "./mount.ts";

export interface CallWithin {
  readonly method: "GET" | "POST";
  /** With its query, as the library has it. */
  readonly url: string;
  /** On whose behalf: what it says of its device, its origin and its client goes along. Its cookies do not. */
  readonly request: FastifyRequest;
  readonly address: string;
  readonly form?: URLSearchParams | undefined;
  readonly cookies?: Cookies | undefined;
}

/** Names and values. */
export type Cookies = Readonly<Record<string, string>>;

export interface AnswerWithin {
  readonly status: number;
  readonly location: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly text: string;
  /** Those that it set, and did not take away. */
  readonly cookies: Cookies;
}

export type CallLibrary = (call: CallWithin) => Promise<AnswerWithin>;

export interface LibraryWithin {
  readonly call: CallLibrary;
  /** Address of the client on whose behalf the library is called; undefined for a request from outside. */
  readonly addressOf: (request: IncomingMessage) => string | undefined;
}

const PASSED_ON = ["user-agent", "origin", "authorization"] as const;

export function createLibraryWithin(options: {
  readonly issuer: string;
  readonly currentHandler: () => Promise<LibraryHandler>;
}): LibraryWithin {
  const { host, protocol } = new URL(options.issuer);
  const addresses = new WeakMap<IncomingMessage, string>();
  const app = Fastify({ logger: false, serverFactory: fastifyServer });
  const baseUrl = pathOfIssuer(options.issuer);
  app.addHook("onRequest", async ({ raw }) => {
    addresses.set(raw, raw.socket.remoteAddress!);
    // As below-issuer.ts leaves them.
    Object.assign(raw, { baseUrl });
  });
  void app.register(libraryRoutes(options.currentHandler));
  return {
    async call({ method, url, request, address, form, cookies = {} }) {
      const answer = await app.inject({
        method,
        url,
        remoteAddress: address,
        headers: {
          ...passedOn(request),
          // As pin-host.ts leaves them.
          host,
          "x-forwarded-proto": protocol.slice(0, -1),
          ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        },
        cookies: { ...cookies },
        ...(form === undefined ? {} : { payload: form.toString() }),
      });
      return {
        status: answer.statusCode,
        location: answer.headers.location,
        headers: answer.headers,
        text: answer.payload,
        cookies: cookiesIn(answer.cookies),
      };
    },
    addressOf: (request) => addresses.get(request),
  };
}

const passedOn = ({ headers }: FastifyRequest): Record<string, string> =>
  Object.fromEntries(
    PASSED_ON.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]] as const])),
  );

const cookiesIn = (set: readonly { readonly name: string; readonly value: string }[]): Cookies =>
  Object.fromEntries(set.filter(({ value }) => value !== "").map(({ name, value }) => [name, value]));

/**
 * What a route of our APIs says of itself, once. Validation, the check of the caller, the answers to what goes wrong
 * and the OpenAPI document follow from it: `mountRoutes` takes nothing else, so that no route lacks any of it.
 */
import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { ErrorDefinition } from "@portcullis/protocol";
import type { z } from "zod";
import type { Caller, RefusalNow } from "./caller.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** In place of a scope: no token is asked for. */
export const ANYBODY = Symbol("anybody");

export interface JsonAnswer<Schema extends z.ZodType = z.ZodType> {
  /** When this is the answer, and what it means. */
  readonly says: string;
  readonly schema: Schema;
  readonly example: unknown;
  /** Headers that it may have, and what each says. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Of a media type of its own, whose layout no JSON Schema describes. */
export interface BytesAnswer {
  readonly says: string;
  readonly bytes: string;
}

/** Written by the route itself for as long as it likes. */
interface StreamAnswer {
  readonly says: string;
  readonly stream: string;
  readonly example: string;
}

export type DeclaredAnswer = JsonAnswer | BytesAnswer | StreamAnswer;
type DeclaredAnswers = { readonly [status: number]: DeclaredAnswer };

type GivenHeaders = { readonly headers?: Readonly<Record<string, string>> };
type Given<Status, Answer> =
  Answer extends JsonAnswer<infer Schema>
    ? GivenHeaders & { readonly status: Status; readonly body: z.output<Schema> }
    : Answer extends BytesAnswer
      ? GivenHeaders & { readonly status: Status; readonly bytes: Uint8Array }
      : { readonly status: Status; readonly stream: (response: ServerResponse) => void };

/** What a route with these answers may give: one of them, with a body that fits its schema. */
type AnswerOf<Answers extends DeclaredAnswers> = {
  [Status in keyof Answers]: Given<Status, Answers[Status]>;
}[keyof Answers];

export type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** One request, read and checked. */
export interface Call<Path = unknown, Query = unknown, Headers = unknown, Body = unknown> {
  readonly caller: Caller;
  readonly path: Path;
  readonly query: Query;
  readonly headers: Headers;
  readonly body: Body;
  /** What is uploaded, of a route that takes that. */
  upload(): Readable;
  /** Aborts when the caller hangs up: nobody is left to wait for the answer. */
  gone(): AbortSignal;
  /**
   * What the caller is refused with by now; undefined as long as he may go on. Of a route that takes an upload or answers with a stream:
   * asked before each part that is stored or sent, so that a revoked token stops it in the middle.
   */
  refusalNow: RefusalNow;
}

export interface RouteDeclaration<
  Path extends z.ZodObject | undefined,
  Query extends z.ZodObject | undefined,
  Headers extends z.ZodObject | undefined,
  Body extends z.ZodType | undefined,
  Answers extends DeclaredAnswers,
> {
  /** Name of the operation: unique, and what generated clients call it. */
  readonly operationId: string;
  readonly method: Method;
  /** Below the mount, as OpenAPI writes it (`/keys/{kid}/retire`); empty for the mount itself. */
  readonly path: string;
  /** The heading under which it is found. */
  readonly tag: string;
  /** One line: what the call does. */
  readonly summary: string;
  /** What else its caller must know. */
  readonly description?: string;
  /** Scope that the caller's token must have. */
  readonly scope: string | typeof ANYBODY;
  /** How long ago the person may have signed in: else the caller is challenged to have the person sign in again (RFC 9470). */
  readonly maxSignInAgeSeconds?: number;
  /**
   * Of strings, as they come. `query` is a strict object, and a query parameter that is not declared is refused: who asks for a dry run
   * where there is none must not see the act done. Other headers are not looked at.
   */
  readonly parameters?: { readonly path?: Path; readonly query?: Query; readonly headers?: Headers };
  readonly body?: {
    readonly schema: Body;
    readonly example: unknown;
    /** May be left out: then it is `{}`. */
    readonly mayBeAbsent?: boolean;
    /** A patch (RFC 7396), with a schema of `mergePatchOf`: its own media type is taken as well. */
    readonly isMergePatch?: boolean;
  };
  /** In place of a body: what the route reads by itself, as it comes and however long it is. */
  readonly upload?: { readonly mediaType: string; readonly says: string; readonly example: string };
  /**
   * Of a POST: it takes `Idempotency-Key`, and is made once for each key of a caller, however often it is sent. All its answers
   * are JSON, and are kept.
   */
  readonly isRepeatable?: boolean;
  /**
   * In place of a schema's own parse, where there are rules between fields. They throw `ProblemsError`, with every
   * problem.
   */
  readonly checks?: {
    readonly query?: (query: unknown) => Parsed<Query>;
    readonly body?: (body: unknown) => Parsed<Body>;
  };
  /** By status. */
  readonly answers: Answers;
  /** What it can be refused with beyond what every route can: see `errors-of-route.ts`. */
  readonly errors: readonly ErrorDefinition[];
  handle(call: Call<Parsed<Path>, Parsed<Query>, Parsed<Headers>, Parsed<Body>>): Promise<AnswerOf<Answers>>;
}

export type AnySchema = z.ZodType | undefined;
export type AnyObject = z.ZodObject | undefined;

/** A declaration of whatever types. Made by `declareRoute` alone, which has checked that they fit each other. */
export interface DeclaredRoute
  extends Omit<
    RouteDeclaration<AnyObject, AnyObject, AnyObject, AnySchema, DeclaredAnswers>,
    "checks" | "handle"
  > {
  readonly checks?: {
    readonly query?: (query: unknown) => unknown;
    readonly body?: (body: unknown) => unknown;
  };
  /** Set by `declareEnding` alone: it takes `dryRun` and `Prefer: wait=N`, and answers with a receipt. */
  readonly ends?: true;
  // A method, so that a handler of narrower calls is one: its calls are made from its own schemas.
  handle(call: Call): Promise<GivenAnswer>;
}

/** Any answer that is given. */
export type GivenAnswer =
  | (GivenHeaders & { readonly status: number; readonly body: unknown })
  | (GivenHeaders & { readonly status: number; readonly bytes: Uint8Array })
  | { readonly status: number; readonly stream: (response: ServerResponse) => void };

export function declareRoute<
  const Answers extends DeclaredAnswers,
  Path extends AnyObject = undefined,
  Query extends AnyObject = undefined,
  Headers extends AnyObject = undefined,
  Body extends AnySchema = undefined,
>(route: RouteDeclaration<Path, Query, Headers, Body, Answers>): DeclaredRoute {
  return route as DeclaredRoute;
}

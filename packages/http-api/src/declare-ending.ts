/**
 * A route that ends something: sessions, grants, tokens. That it takes `dryRun` and `Prefer: wait=N` follows from the declaration, and
 * that a dry run changes nothing is not left to the route: its `handle` is not called then.
 */
import { type BlastRadius, type DryRun, dryRunSchema } from "@portcullis/protocol";
import { z } from "zod";
import type { AnyObject, AnySchema, Call, DeclaredRoute, Parsed, RouteDeclaration } from "./declare-route.ts";
import { DRY_RUN, PREFER_WAIT, PREFERENCE_APPLIED } from "./ending-acts.ts";

/** What it says once it is done: with a receipt, whether verifiers enforce it already or not. */
interface EndingAnswer<Schema extends z.ZodType> {
  readonly schema: Schema;
  /** Default: that it is done, and that every verifier refuses what has ended. */
  readonly says?: { readonly enforced: string; readonly pending: string };
  readonly examples: { readonly enforced: unknown; readonly pending: unknown };
  /** Beside `Preference-Applied`. */
  readonly headers?: Readonly<Record<string, string>>;
}

type WaitingHeaders = z.output<z.ZodObject<typeof PREFER_WAIT>>;

type EndingCall<
  Path extends AnyObject,
  Query extends AnyObject,
  Headers extends AnyObject,
  Body extends AnySchema,
> = Call<
  Parsed<Path>,
  Parsed<Query>,
  WaitingHeaders & (Headers extends z.ZodObject ? z.output<Headers> : unknown),
  Parsed<Body>
>;

/** What an act would end, and what else it would take away. */
export type WouldEnd = Omit<DryRun, "dryRun">;

interface EndingDeclaration<
  Path extends AnyObject,
  Query extends AnyObject,
  Headers extends AnyObject,
  Body extends AnySchema,
  Schema extends z.ZodType,
> extends Omit<
    RouteDeclaration<Path, Query, Headers, Body, Record<number, never>>,
    "answers" | "checks" | "handle"
  > {
  readonly answer: EndingAnswer<Schema>;
  /** As of every route. */
  readonly checks?: { readonly body: (body: unknown) => Parsed<Body> };
  /** What `handle` would end, now. Changes nothing, and is refused with what `handle` is refused with. */
  wouldEnd(call: EndingCall<Path, Query, Headers, Body>): Promise<BlastRadius | WouldEnd>;
  handle(call: EndingCall<Path, Query, Headers, Body>): Promise<{
    readonly status: 200 | 202;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: z.output<Schema>;
  }>;
}

export function declareEnding<
  Schema extends z.ZodType,
  Path extends AnyObject = undefined,
  Query extends AnyObject = undefined,
  Headers extends AnyObject = undefined,
  Body extends AnySchema = undefined,
>(ending: EndingDeclaration<Path, Query, Headers, Body, Schema>): DeclaredRoute {
  const { answer, parameters, wouldEnd: _would, handle: _handle, ...declaration } = ending;
  const {
    path,
    query = z.strictObject({}),
    headers = z.object({}),
  } = (parameters ?? {}) as NonNullable<DeclaredRoute["parameters"]>;
  const all = { query: query.safeExtend(DRY_RUN), headers: headers.safeExtend(PREFER_WAIT) };
  const route = {
    ...declaration,
    ends: true,
    parameters: path === undefined ? all : { path, ...all },
    answers: answersOf(answer),
    async handle(call: Call<never, { readonly dryRun: boolean }, never, never>) {
      const { dryRun, ...own } = call.query;
      const asked = { ...call, query: own } as unknown as EndingCall<Path, Query, Headers, Body>;
      if (dryRun) return { status: 200, body: dryRunOf(await ending.wouldEnd(asked)) };
      return ending.handle(asked);
    },
  };
  return route as unknown as DeclaredRoute;
}

const dryRunOf = (would: BlastRadius | WouldEnd): DryRun => ({
  dryRun: true,
  ...("ends" in would ? would : { ends: would }),
});

function answersOf<Schema extends z.ZodType>({ schema, says, examples, headers = {} }: EndingAnswer<Schema>) {
  const { enforced, pending } = says ?? DONE;
  const all = { ...PREFERENCE_APPLIED, ...headers };
  return {
    200: {
      says: `${enforced} With \`dryRun=true\`: what it would end.`,
      schema: z.union([dryRunSchema, schema]),
      example: examples.enforced,
      headers: all,
    },
    202: { says: pending, schema, example: examples.pending, headers: all },
  };
}

const DONE = {
  enforced: "It is done, and every verifier refuses what has ended.",
  pending: "It is done. A verifier may still allow what has ended, until `enforcedBy` at the latest.",
};

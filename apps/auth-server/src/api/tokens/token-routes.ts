/** Tokens for scripts, of whomever: list them, make one, put another in its place, end it. */
import {
  actorOf,
  type Caller,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  listParameters,
  readPage,
} from "@portcullis/http-api";
import {
  createdScriptTokenSchema,
  type ErrorDefinition,
  endedScriptTokenSchema,
  newScriptTokenSchema,
  rotatedScriptTokenSchema,
  rotateScriptTokenSchema,
  scriptTokenListSchema,
  scriptTokenSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import { apisError } from "../../apis/errors.ts";
import {
  ENFORCED,
  EXAMPLE_SID,
  OUTAGES,
  PENDING,
  type Receipts,
  type Revoker,
  type TryOutOptions,
  tryOut,
} from "../../revocations/index.ts";
import { tokensError } from "../../tokens/errors.ts";
import type { StoredToken, TokenOwner } from "../../tokens/script-tokens.ts";
import { answerChange } from "../answer-change.ts";
import { EXAMPLE_TEXT, EXAMPLE_TOKEN, type ShownOwner, shownToken, timeOf } from "./shown-token.ts";
import { endingOf, endToken, type LockOwner, makeToken, rotateToken, type TokenActs } from "./token-acts.ts";

export interface TokenRoutesOptions extends TokenActs, TryOutOptions {
  readonly revoker: Revoker;
  readonly receipts: Receipts;
}

export interface ReadOwner extends TokenOwner {
  readonly shown: ShownOwner;
}

/** Where the tokens of one kind of owner are found, and who may do what there. */
export interface TokensAt<Path extends z.ZodObject | undefined> {
  /** As in `createUserToken`. */
  readonly owner: "User" | "App" | "Own";
  /** In a sentence, as in "the tokens of a user". */
  readonly words: string;
  readonly path: string;
  readonly parameters: Path;
  readonly readScope: string;
  readonly writeScope: string;
  /** How long ago the person may have signed in who makes or rotates one. */
  readonly maxSignInAgeSeconds?: number;
  /** With which an owner is not found. */
  readonly unknown: readonly ErrorDefinition[];
  /** With which one is not given a token. */
  readonly refused: readonly ErrorDefinition[];
  readonly find: (call: { readonly path: PathOf<Path>; readonly caller: Caller }) => Promise<ReadOwner>;
  /** Who calls is looked at before the transaction. */
  readonly locking: (call: { readonly path: PathOf<Path>; readonly caller: Caller }) => Promise<LockOwner>;
}

type PathOf<Path> = Path extends z.ZodObject ? z.output<Path> : undefined;

const TAG = "Tokens";
const ID = z.string().meta({ description: "`id` of the token.", example: EXAMPLE_SID });
const NO_TOKEN = tokensError.definitions("unknown_token");
const NOT_MADE = [
  ...tokensError.definitions("owner_kept_out", "too_many_tokens"),
  ...apisError.definitions("unknown_api", "built_in_api"),
];

export const tokenRoutes = <Path extends z.ZodObject | undefined>(
  options: TokenRoutesOptions,
  at: TokensAt<Path>,
): readonly DeclaredRoute[] => {
  // Paths of different owners have different parameters; what a route does with them is up to `at` alone.
  const place = at as unknown as TokensAt<z.ZodObject>;
  const ofOne = (at.parameters ?? z.object({})).extend({ id: ID });
  return [
    listRoute(options, place),
    readRoute(options, place, ofOne),
    createRoute(options, place),
    rotateRoute(options, place, ofOne),
    endRoute(options, place, ofOne),
  ];
};

type At = TokensAt<z.ZodObject>;
type OfOne = z.ZodObject<{ id: typeof ID }>;

const placeSchema = z.strictObject({ createdAt: z.int(), id: z.string() });

const pathParameters = ({ parameters }: Pick<At, "parameters">) =>
  parameters === undefined ? {} : { path: parameters };

const listRoute = (options: TokenRoutesOptions, at: At) =>
  declareRoute({
    tag: TAG,
    operationId: `list${at.owner}Tokens`,
    method: "GET",
    path: at.path,
    summary: `List the tokens for scripts of ${at.words}, the newest first`,
    description: "What is over is kept for 90 days. What the tokens are is shown to nobody.",
    scope: at.readScope,
    parameters: {
      ...pathParameters(at),
      query: z.strictObject({
        active: z.enum(["true", "false"]).optional().meta({
          description: "`true`: only those that work. `false`: only those that are over. Without it: both.",
          example: "true",
        }),
        ...listParameters(placeSchema),
      }),
    },
    answers: {
      200: {
        says: "A page of the tokens.",
        schema: scriptTokenListSchema,
        example: { items: [EXAMPLE_TOKEN] },
      },
    },
    errors: [...at.unknown, ...OUTAGES],
    async handle({ query, path, caller }) {
      const { scriptTokens } = options;
      const owner = await at.find({ path, caller });
      const active = query.active === undefined ? undefined : query.active === "true";
      const filter = { kind: owner.kind, ownerId: owner.ownerId, active };
      const page = await readPage(query, {
        read: (after, limit) => scriptTokens.list(filter, after, limit),
        count: () => scriptTokens.count(filter),
        placeOf: ({ createdAt, id }) => ({ createdAt, id }),
      });
      return {
        status: 200,
        body: { ...page, items: page.items.map((token) => shown(options, token, owner)) },
      };
    },
  });

const shown = ({ scriptTokens }: TokenRoutesOptions, token: StoredToken, { shown: owner }: ReadOwner) =>
  shownToken(token, owner, scriptTokens.isLive(token));

const readRoute = (options: TokenRoutesOptions, at: At, path: OfOne) =>
  declareRoute({
    tag: TAG,
    operationId: `read${at.owner}Token`,
    method: "GET",
    path: `${at.path}/{id}`,
    summary: "Read one token, without what it is",
    scope: at.readScope,
    parameters: { path },
    answers: { 200: { says: "The token.", schema: scriptTokenSchema, example: EXAMPLE_TOKEN } },
    errors: [...at.unknown, ...NO_TOKEN, ...OUTAGES],
    async handle(call) {
      const owner = await at.find(call);
      const token = await options.scriptTokens.find(options.storage.read, { ...owner, id: call.path.id });
      return { status: 200, body: shown(options, token, owner) };
    },
  });

const fresh = ({ maxSignInAgeSeconds }: At) =>
  maxSignInAgeSeconds === undefined ? {} : { maxSignInAgeSeconds };

const createRoute = (options: TokenRoutesOptions, at: At) =>
  declareRoute({
    tag: TAG,
    operationId: `create${at.owner}Token`,
    method: "POST",
    path: at.path,
    summary: `Make a token for scripts of ${at.words}`,
    description:
      "It is shown once: only its hash is stored. It is for one API, and never for one of this server itself. It holds no more than its owner may, when it is made and whenever it is used.",
    scope: at.writeScope,
    ...fresh(at),
    parameters: pathParameters(at),
    body: {
      schema: newScriptTokenSchema,
      example: {
        name: "Nightly export",
        api: "https://orders.example",
        permissions: ["orders.read"],
        allowedAddresses: ["203.0.113.0/24"],
        expiresAt: "2026-09-01T12:00:00Z",
      },
    },
    answers: {
      201: {
        says: "The token, in clear.",
        schema: createdScriptTokenSchema,
        example: { ...EXAMPLE_TOKEN, token: EXAMPLE_TEXT },
      },
    },
    errors: [...at.unknown, ...at.refused, ...NOT_MADE, ...OUTAGES],
    async handle({ path, caller, body: wanted }) {
      const owner = await at.find({ path, caller });
      const lockOwner = await at.locking({ path, caller });
      const { token, text } = await makeToken(options, { lockOwner, wanted, actor: actorOf(caller) });
      return { status: 201, body: { ...shown(options, token, owner), token: text } };
    },
  });

const EXAMPLE_ROTATED = {
  ...EXAMPLE_TOKEN,
  token: EXAMPLE_TEXT,
  replaces: { id: "Vt8Vt7mGQf2bqfYkq0hZ0A", worksUntil: "2026-03-02T09:30:00.000Z" },
} as const;

const rotateRoute = (options: TokenRoutesOptions, at: At, path: OfOne) =>
  declareEnding({
    tag: TAG,
    operationId: `rotate${at.owner}Token`,
    method: "POST",
    path: `${at.path}/{id}/rotate`,
    summary: "Put a new token in the place of one",
    description:
      "The new one has what the one of before has, as far as its owner may still have it. It is shown once. A token is rotated once. Without an overlap the one of before ends at once, with the reason `replaced`.",
    scope: at.writeScope,
    ...fresh(at),
    parameters: { path },
    body: { schema: rotateScriptTokenSchema, example: { overlapSeconds: 3600 }, mayBeAbsent: true },
    answer: {
      schema: rotatedScriptTokenSchema,
      says: {
        enforced: "The new token, in clear. Every verifier knows of the end of the one of before.",
        pending:
          "The new token, in clear. A verifier may not know yet of the end of the one of before, until `enforcedBy` at the latest.",
      },
      examples: {
        enforced: { ...EXAMPLE_ROTATED, receipt: ENFORCED },
        pending: { ...EXAMPLE_ROTATED, receipt: PENDING },
      },
    },
    errors: [
      ...at.unknown,
      ...at.refused,
      ...NO_TOKEN,
      ...tokensError.definitions("token_over"),
      ...NOT_MADE,
      ...OUTAGES,
    ],
    wouldEnd: async (call) => {
      const rotation = await rotationBy(at, call);
      return tryOut(options, (storage) => rotateToken({ ...options, storage }, rotation));
    },
    async handle(call) {
      const owner = await at.find(call);
      const rotation = await rotationBy(at, call);
      const { token, text, before, worksUntil, appended } = await rotateToken(options, rotation);
      const replaces = { id: before.id, worksUntil: timeOf(worksUntil) };
      const state = { ...shown(options, token, owner), token: text, replaces };
      const answer = await answerChange({ state, seq: appended.seq }, options.receipts, call);
      return answer as typeof answer & { body: z.output<typeof rotatedScriptTokenSchema> };
    },
  });

interface RotateCall {
  readonly path: z.output<OfOne>;
  readonly caller: Caller;
  readonly body: z.output<typeof rotateScriptTokenSchema>;
}

async function rotationBy(at: At, { path, caller, body: { overlapSeconds, expiresAt } }: RotateCall) {
  const lockOwner = await at.locking({ path, caller });
  return { lockOwner, id: path.id, overlapSeconds, expiresAt, actor: actorOf(caller) };
}

const endRoute = (options: TokenRoutesOptions, at: At, path: OfOne) =>
  declareEnding({
    tag: TAG,
    operationId: `end${at.owner}Token`,
    method: "DELETE",
    path: `${at.path}/{id}`,
    summary: "End a token, for good",
    description:
      "With the reason `revoked`. If it has ended before, the receipt is the earlier one. A token that was made in its place goes on.",
    scope: at.writeScope,
    parameters: { path },
    answer: {
      schema: endedScriptTokenSchema,
      examples: {
        enforced: { id: EXAMPLE_SID, name: "Nightly export", changed: true, receipt: ENFORCED },
        pending: { id: EXAMPLE_SID, name: "Nightly export", changed: true, receipt: PENDING },
      },
    },
    errors: [...at.unknown, ...NO_TOKEN, ...OUTAGES],
    async wouldEnd(call) {
      const owner = await at.find(call);
      const { id } = await options.scriptTokens.find(options.storage.read, { ...owner, id: call.path.id });
      return options.revoker.wouldEnd(endingOf(id));
    },
    async handle(call) {
      const { id } = call.path;
      const ending = { owner: await at.find(call), id, actor: actorOf(call.caller) };
      const { name, seq, repeated } = await endToken(options, options.revoker, ending);
      const answer = await answerChange(
        { state: { id, name, changed: !repeated }, seq },
        options.receipts,
        call,
      );
      return answer as typeof answer & { body: z.output<typeof endedScriptTokenSchema> };
    },
  });

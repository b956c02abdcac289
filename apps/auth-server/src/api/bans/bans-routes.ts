/** Bans of users: docs/reference/api.md. */
import {
  actorOf,
  type Call,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  listParameters,
  ProblemsError,
  readPage,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  BAN_STATUSES,
  type BanList,
  banListSchema,
  banSchema,
  banScopeSchema,
  type Clock,
  liftedBanSchema,
  newBanSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import { apisError } from "../../apis/errors.ts";
import type { BanFilters } from "../../bans/bans.ts";
import { bansError } from "../../bans/errors.ts";
import { peopleError } from "../../people/errors.ts";
import { type Users, unknownUser } from "../../people/users.ts";
import {
  ENFORCED,
  EXAMPLE_SID,
  OUTAGES,
  PENDING,
  type Receipts,
  type TryOutOptions,
  tryOut,
} from "../../revocations/index.ts";
import { rolesError } from "../../roles/errors.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import { answerChange } from "../answer-change.ts";
import { type Authority, authorityOf } from "../check-authority.ts";
import { type BanUserOptions, banUser } from "./ban-user.ts";

export interface BansRoutesOptions extends BanUserOptions, TryOutOptions {
  readonly users: Pick<Users, "findNamed" | "findRow" | "search">;
  readonly authority: Authority;
  readonly receipts: Receipts;
  readonly clock: Clock;
}

export const bansRoutes = (options: BansRoutesOptions): readonly DeclaredRoute[] => [
  banRoute(options),
  listOfUserRoute(options),
  listRoute(options),
  readRoute(options),
  liftRoute(options),
];

const TAG = "Bans";

const EXAMPLE = {
  id: "mJ1yW9Zl3v0qUq4sQnq2bQ",
  user: { sub: EXAMPLE_SID, username: "alice" },
  scope: { api: "https://orders.example.com", permission: "orders.write" },
  status: "standing",
  reason: "chargebacks, case 4711",
  message: "Orders are closed to you for a week. Write to support@example.com.",
  until: "2026-03-08T12:00:00.000Z",
  createdAt: "2026-03-01T12:00:00.000Z",
  createdBy: "admin",
  createdByName: "Admin console",
} as const;

const userPath = z.object({
  user: z.string().meta({
    description:
      "A `sub`, a username or an e-mail address. If it is the `sub` of one user and a name of another, the `sub` counts.",
    example: "alice",
  }),
});
const banPath = z.object({
  id: z.string().meta({ description: "`id` of the ban.", example: EXAMPLE.id }),
});

const textSchema = (longest: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(longest)
    .regex(/^[^\0]*$/, "has a NUL character, which cannot be stored");

const bodySchema = z.strictObject({
  scope: banScopeSchema,
  reason: textSchema(2000).describe("Why, in words, for who administers. The user does not see it."),
  message: textSchema(500)
    .optional()
    .describe("What the user is told on the sign-in page, and the app where it is refused a token."),
  until: z.iso
    .datetime({ offset: true })
    .optional()
    .describe("When it ends by itself. Absent: it stands until it is lifted."),
});

const USER_ERRORS = peopleError.definitions("unknown_subject", "ambiguous_user");

const banRoute = (options: BansRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "banUser",
    method: "POST",
    path: "/users/{user}/bans",
    summary: "Ban a user from everything, from one API, or from one permission of it",
    description:
      "`all`: the user cannot sign in, and every session, grant and token of the user ends, with the reason `banned`. One API: the user's tokens for it end, and no new ones are issued. One permission: tokens with it are stale, and the next are issued without it. A ban stands beside others.",
    scope: API_SCOPES.writeBans,
    parameters: { path: userPath },
    body: {
      schema: bodySchema,
      example: {
        scope: EXAMPLE.scope,
        reason: EXAMPLE.reason,
        message: EXAMPLE.message,
        until: EXAMPLE.until,
      },
    },
    answer: {
      schema: newBanSchema,
      examples: {
        enforced: { ...EXAMPLE, receipt: ENFORCED },
        pending: { ...EXAMPLE, receipt: PENDING },
      },
    },
    errors: [
      ...USER_ERRORS,
      ...apisError.definitions("unknown_api", "built_in_api"),
      ...rolesError.definitions("administrator_needed", "last_administrator"),
      ...bansError.definitions("unknown_permission"),
      ...OUTAGES,
    ],
    async wouldEnd(call) {
      const banning = await banningOf(options, call);
      return tryOut(options, (storage) => banUser({ ...options, storage }, banning));
    },
    async handle(call) {
      const banning = await banningOf(options, call);
      return answerChange(await banUser(options, banning), options.receipts, call);
    },
  });

async function banningOf(
  options: BansRoutesOptions,
  call: Pick<
    Call<{ readonly user: string }, unknown, unknown, z.output<typeof bodySchema>>,
    "path" | "caller" | "body"
  >,
) {
  const { scope, reason, message } = call.body;
  const until = futureOf(call.body.until, options.clock);
  const requireOver = await authorityOf(options.authority, call.caller);
  return { user: call.path.user, scope, reason, message, until, actor: actorOf(call.caller), requireOver };
}

/** Seconds. */
function futureOf(until: string | undefined, clock: Clock): number | undefined {
  if (until === undefined) return undefined;
  const seconds = Math.floor(Date.parse(until) / 1000);
  if (seconds > wholeSeconds(clock)) return seconds;
  const message = `Found ${until}, which has passed. Give a time to come, or leave it out: then the ban stands until it is lifted.`;
  throw new ProblemsError([{ field: "until", message }]);
}

const placeSchema = z.strictObject({ createdAt: z.int(), id: z.string() });

const FILTERS = {
  api: z.string().optional().meta({
    description: "Those from this API, or from a permission of it.",
    example: "https://orders.example.com",
  }),
  status: z.enum(BAN_STATUSES).optional().meta({
    description: "Those that stand, that are over by themselves, or that were lifted.",
    example: "standing",
  }),
};

const PAGE = {
  200: {
    says: "A page of the bans, the newest first.",
    schema: banListSchema,
    example: { items: [EXAMPLE] },
  },
} as const;

const listOfUserRoute = (options: BansRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listUserBans",
    method: "GET",
    path: "/users/{user}/bans",
    summary: "List the bans of a user, those of the past too",
    scope: API_SCOPES.readBans,
    parameters: { path: userPath, query: z.strictObject({ ...listParameters(placeSchema), ...FILTERS }) },
    answers: PAGE,
    errors: [...USER_ERRORS, ...OUTAGES],
    async handle({ path, query: { api, status, ...page } }) {
      const userId = await subOf(options, path.user);
      return { status: 200, body: await pageOf(options, { userId, api, status }, page) };
    },
  });

const listRoute = (options: BansRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listBans",
    method: "GET",
    path: "/bans",
    summary: "List the bans of all users, those of the past too",
    scope: API_SCOPES.readBans,
    parameters: {
      query: z.strictObject({
        ...listParameters(placeSchema),
        user: z.string().optional().meta({
          description: "Those of one user: a `sub`, a username or an e-mail address.",
          example: "alice",
        }),
        ...FILTERS,
      }),
    },
    answers: PAGE,
    errors: [...USER_ERRORS, ...OUTAGES],
    async handle({ query: { user, api, status, ...page } }) {
      const userId = user === undefined ? undefined : await subOf(options, user);
      return { status: 200, body: await pageOf(options, { userId, api, status }, page) };
    },
  });

type PageQuery = Parameters<typeof readPage<BanList["items"][number], z.output<typeof placeSchema>>>[0];

const pageOf = ({ bans }: BansRoutesOptions, filters: BanFilters, page: PageQuery): Promise<BanList> =>
  readPage(page, {
    read: (after, limit) => bans.list(filters, after, limit),
    count: () => bans.count(filters),
    placeOf: ({ createdAt, id }) => ({ createdAt: Date.parse(createdAt) / 1000, id }),
  });

/** The bans of somebody who was deleted are found by `sub`. */
async function subOf({ users, bans, storage }: BansRoutesOptions, name: string): Promise<string> {
  const user = await users.search({ db: storage.read }, name);
  if (user !== undefined) return user.id;
  if ((await bans.count({ userId: name })) > 0) return name;
  throw unknownUser(name);
}

const readRoute = ({ bans }: BansRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "readBan",
    method: "GET",
    path: "/bans/{id}",
    summary: "Read one ban, with the user and the reason",
    scope: API_SCOPES.readBans,
    parameters: { path: banPath },
    answers: { 200: { says: "The ban.", schema: banSchema, example: EXAMPLE } },
    errors: [...bansError.definitions("unknown_ban"), ...OUTAGES],
    handle: async ({ path }) => ({ status: 200, body: await bans.find(path.id) }),
  });

const liftRoute = ({ bans, authority }: BansRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "liftBan",
    method: "DELETE",
    path: "/bans/{id}",
    summary: "Lift a ban: it stands no more",
    description:
      "It brings nothing back: what has ended stays ended. Other bans of the user stand. A ban that stood no more stays as it is, and `changed` is false.",
    scope: API_SCOPES.writeBans,
    parameters: { path: banPath },
    answers: {
      200: {
        says: "The ban, as it is now.",
        schema: liftedBanSchema,
        example: {
          ...EXAMPLE,
          status: "lifted",
          liftedAt: "2026-03-02T12:00:00.000Z",
          liftedBy: "admin",
          liftedByName: "Admin console",
          changed: true,
        },
      },
    },
    errors: [
      ...bansError.definitions("unknown_ban"),
      ...rolesError.definitions("administrator_needed"),
      ...OUTAGES,
    ],
    async handle({ path, caller }) {
      const requireOver = await authorityOf(authority, caller);
      const changed = await bans.lift(path.id, { actor: actorOf(caller), requireOver });
      return { status: 200, body: { ...(await bans.find(path.id)), changed } };
    },
  });

/** Policies: `GET` and `PATCH /api/v1/policies/{name}`. */
import {
  actorOf,
  applyMergePatch,
  type Caller,
  checkInput,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  ETAG,
  etagOf,
  IF_MATCH,
  type IfMatch,
  mergePatchOf,
  ProblemsError,
  requireMatch,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  changedPolicySchema,
  type PolicyEntry,
  type PolicySettings,
  policySchema,
  policySettingsSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import { OUTAGES, type Receipts, type TryOutOptions, tryOut } from "../../revocations/index.ts";
import { sessionsError } from "../../sessions/errors.ts";
import type { Policies, Policy } from "../../sessions/policies.ts";
import { answerChange, changedAnswer } from "../answer-change.ts";

export interface PoliciesRoutesOptions extends TryOutOptions {
  readonly policies: Policies;
  readonly receipts: Receipts;
}

export const policiesRoutes = (options: PoliciesRoutesOptions): readonly DeclaredRoute[] => [
  readRoute(options),
  changeRoute(options),
];

const path = z.object({
  name: z.string().meta({ description: "There is one: `default`.", example: "default" }),
});
const EXAMPLE = {
  name: "default",
  idleSeconds: 1_209_600,
  absoluteSeconds: 7_776_000,
  sessionLimit: { max: 5, per: "user", overflow: "replaceOldest" },
} as const;
const ANSWERS = {
  200: { says: "The policy as it is now.", schema: policySchema, example: EXAMPLE, headers: ETAG },
} as const;
const COMMON = { tag: "Policies", path: "/policies/{name}" } as const;

const readRoute = ({ policies, storage }: PoliciesRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "readPolicy",
    method: "GET",
    summary: "Read how long sessions live, how many there may be, and how long tokens for scripts may live",
    scope: API_SCOPES.readConfig,
    parameters: { path },
    answers: ANSWERS,
    errors: [...sessionsError.definitions("unknown_policy"), ...OUTAGES],
    handle: async (call) => answerOf(await policies.read(storage.read, call.path.name)),
  });

const changeRoute = (options: PoliciesRoutesOptions) =>
  declareEnding({
    ...COMMON,
    operationId: "changePolicy",
    method: "PATCH",
    summary: "Change how long sessions live, how many there may be, and how long tokens for scripts may live",
    description:
      "Shorter times count at once: sessions that are over by them end, with the reason `revoked`. Longer ones bring nothing back that has run out. A limit counts for the sign-ins that follow: it ends no session by itself. What it says of tokens for scripts counts for those that are made from then on.",
    scope: API_SCOPES.writeConfig,
    parameters: { path, headers: z.object(IF_MATCH) },
    body: {
      schema: mergePatchOf(policySettingsSchema),
      example: { idleSeconds: 3600, sessionLimit: null },
      isMergePatch: true,
    },
    answer: changedAnswer("The policy", { schema: changedPolicySchema, example: EXAMPLE }),
    errors: [...sessionsError.definitions("unknown_policy"), ...OUTAGES],
    async wouldEnd(call) {
      let sessions = 0;
      const ends = await tryOut(options, async (storage) => {
        await changePolicy({ ...options, storage }, askedBy(call), (ended) => {
          sessions = ended;
        });
      });
      // Of very many the record names none.
      return {
        ...ends,
        sessions: ends.sessions === "unknown" ? sessions : Math.max(ends.sessions, sessions),
      };
    },
    async handle(call) {
      const { policy, appended } = await changePolicy(options, askedBy(call));
      const { body: state } = answerOf(policy);
      const { revision } = policy;
      return answerChange({ state, seq: appended?.seq, revision }, options.receipts, call);
    },
  });

interface Asked {
  readonly name: string;
  readonly patch: object;
  readonly ifMatch: IfMatch | undefined;
  readonly actor: string;
}

const askedBy = (call: {
  readonly caller: Caller;
  readonly path: { readonly name: string };
  readonly body: object;
  readonly headers: { readonly "If-Match"?: IfMatch | undefined };
}): Asked => ({
  name: call.path.name,
  patch: call.body,
  ifMatch: call.headers["If-Match"],
  actor: actorOf(call.caller),
});

/** `noteEnded` hears how many sessions end, also of what is tried out. */
const changePolicy = (
  { policies, storage }: PoliciesRoutesOptions,
  { name, patch, ifMatch, actor }: Asked,
  noteEnded: (sessions: number) => void = () => {},
) =>
  storage.write(async (transaction) => {
    const before = await policies.lock(transaction, name);
    requireMatch(ifMatch, before.revision);
    const after = settingsAfter(before, patch);
    const changed = await policies.change(transaction, { before, after, actor });
    noteEnded(changed.ended);
    return changed;
  });

/** Throws `ProblemsError` for what is wrong in the whole, as for what is wrong in the patch. */
function settingsAfter(before: Policy, patch: object): PolicySettings {
  const whole = settingsOf(before);
  const after = checkInput(policySettingsSchema, applyMergePatch(whole, patch));
  if (after.idleSeconds <= after.absoluteSeconds) return after;
  const message = `Found ${after.idleSeconds}, and absoluteSeconds is ${after.absoluteSeconds}: a session cannot be idle for longer than it lives.`;
  throw new ProblemsError([{ field: "idleSeconds", message }]);
}

const settingsOf = ({ idleSeconds, absoluteSeconds, sessionLimit, tokens }: Policy): PolicySettings => ({
  idleSeconds,
  absoluteSeconds,
  ...(sessionLimit === undefined ? {} : { sessionLimit }),
  ...(tokens === undefined ? {} : { tokens }),
});

function answerOf(policy: Policy) {
  const { name, revision } = policy;
  const body: PolicyEntry = { name, ...settingsOf(policy) };
  return { status: 200 as const, headers: etagOf(revision), body };
}

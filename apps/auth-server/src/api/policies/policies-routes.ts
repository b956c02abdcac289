/** Policies: `GET` and `PATCH /api/v1/policies/{name}`. */
import {
  applyMergePatch,
  checkInput,
  type DeclaredRoute,
  declareRoute,
  ETAG,
  etagOf,
  IF_MATCH,
  mergePatchOf,
  ProblemsError,
  requireMatch,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  type PolicyEntry,
  type PolicySettings,
  policySchema,
  policySettingsSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import { OUTAGES } from "../../revocations/index.ts";
import { sessionsError } from "../../sessions/errors.ts";
import type { Policies, Policy } from "../../sessions/policies.ts";
import type { Storage } from "../../storage/storage.ts";

export interface PoliciesRoutesOptions {
  readonly policies: Policies;
  readonly storage: Storage;
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
    summary: "Read how long sessions live, and how many there may be",
    scope: API_SCOPES.readConfig,
    parameters: { path },
    answers: ANSWERS,
    errors: [...sessionsError.definitions("unknown_policy"), ...OUTAGES],
    handle: async (call) => answerOf(await policies.read(storage.read, call.path.name)),
  });

const changeRoute = ({ policies, storage }: PoliciesRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "changePolicy",
    method: "PATCH",
    summary: "Change how long sessions live, and how many there may be",
    description:
      "Shorter times count at once for the sessions that there are. Longer ones bring nothing back that has run out. A limit counts for the sign-ins that follow: it ends no session by itself.",
    scope: API_SCOPES.writeConfig,
    parameters: { path, headers: z.object(IF_MATCH) },
    body: {
      schema: mergePatchOf(policySettingsSchema),
      example: { idleSeconds: 3600, sessionLimit: null },
      isMergePatch: true,
    },
    answers: ANSWERS,
    errors: [...sessionsError.definitions("unknown_policy"), ...OUTAGES],
    async handle(call) {
      const changed = await storage.write(async (transaction) => {
        const before = await policies.lock(transaction, call.path.name);
        requireMatch(call.headers["If-Match"], before.revision);
        return policies.change(transaction, before, settingsAfter(before, call.body));
      });
      return answerOf(changed);
    },
  });

/** Throws `ProblemsError` for what is wrong in the whole, as for what is wrong in the patch. */
function settingsAfter(before: Policy, patch: object): PolicySettings {
  const { idleSeconds, absoluteSeconds, sessionLimit } = before;
  const whole = { idleSeconds, absoluteSeconds, ...(sessionLimit === undefined ? {} : { sessionLimit }) };
  const after = checkInput(policySettingsSchema, applyMergePatch(whole, patch));
  if (after.idleSeconds <= after.absoluteSeconds) return after;
  const message = `Found ${after.idleSeconds}, and absoluteSeconds is ${after.absoluteSeconds}: a session cannot be idle for longer than it lives.`;
  throw new ProblemsError([{ field: "idleSeconds", message }]);
}

function answerOf({ name, idleSeconds, absoluteSeconds, sessionLimit, revision }: Policy) {
  const body: PolicyEntry = {
    name,
    idleSeconds,
    absoluteSeconds,
    ...(sessionLimit === undefined ? {} : { sessionLimit }),
  };
  return { status: 200 as const, headers: etagOf(revision), body };
}

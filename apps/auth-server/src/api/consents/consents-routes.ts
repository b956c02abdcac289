/** What a user has allowed apps: docs/reference/api.md. */
import {
  actorOf,
  type Caller,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  listParameters,
  readPage,
} from "@portcullis/http-api";
import { API_SCOPES, type Consent, consentListSchema, withdrawnConsentSchema } from "@portcullis/protocol";
import { z } from "zod";
import { FIRST_PARTY } from "../../apps/app-settings.ts";
import type { Clients } from "../../apps/clients.ts";
import { type Allowed, type AllowedClient, type AppAccess, oidcError } from "../../oidc/index.ts";
import { peopleError } from "../../people/errors.ts";
import type { Users } from "../../people/users.ts";
import {
  type BlastRadiusOf,
  ENFORCED,
  OUTAGES,
  PENDING,
  type Receipts,
  tryOut,
} from "../../revocations/index.ts";
import type { Storage } from "../../storage/storage.ts";
import { answerChange } from "../answer-change.ts";

export interface ConsentsRoutesOptions {
  readonly appAccess: AppAccess;
  readonly clients: Pick<Clients, "find" | "namesOf" | "statesOf">;
  readonly users: Pick<Users, "findNamed">;
  readonly storage: Storage;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly receipts: Receipts;
}

export const consentsRoutes = (options: ConsentsRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  withdrawRoute(options),
];

export const EXAMPLE_CONSENT = {
  clientId: "mail",
  name: "Mail",
  app: "enabled",
  firstParty: false,
  since: "2026-03-01T12:00:00.000Z",
  until: "2026-03-31T12:00:00.000Z",
  remembered: true,
  scopes: ["openid", "profile"],
  claims: [],
  apis: { "https://orders.example.com": ["orders.read"] },
  declined: { scopes: ["email"], claims: [], apis: { "https://orders.example.com": ["orders.write"] } },
} as const;

const COMMON = { tag: "Consents" } as const;

const user = z.string().meta({
  description:
    "A `sub`, a username or an e-mail address. If it is the `sub` of one user and a name of another, the `sub` counts.",
  example: "alice",
});

const USER_ERRORS = peopleError.definitions("unknown_subject", "ambiguous_user");

export const CONSENTS_QUERY = z.strictObject(listParameters(z.strictObject({ clientId: z.string() })));

const listRoute = (options: ConsentsRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "listConsents",
    method: "GET",
    path: "/users/{user}/consents",
    summary:
      "List what a user has allowed apps and declined, and which of the operator's own apps have access",
    description: "Apps that are disabled or were deleted are in it, too, by the name that they had.",
    scope: API_SCOPES.readUsers,
    parameters: { path: z.object({ user }), query: CONSENTS_QUERY },
    answers: {
      200: {
        says: "A page of the consents, in the order of `clientId`.",
        schema: consentListSchema,
        example: { items: [EXAMPLE_CONSENT] },
      },
    },
    errors: [...USER_ERRORS, ...OUTAGES],
    async handle({ path, query }) {
      const { id } = await options.users.findNamed({ db: options.storage.read }, path.user);
      return { status: 200, body: await pageOfConsents(options, query, id) };
    },
  });

/** Of the user's consents, in the order of `clientId`. */
export async function pageOfConsents(
  options: Pick<ConsentsRoutesOptions, "appAccess" | "clients">,
  query: z.output<typeof CONSENTS_QUERY>,
  sub: string,
) {
  const all = await options.appAccess.of(sub);
  const page = await readPage(query, {
    read: async (after, limit) =>
      all.filter(({ clientId }) => after === undefined || clientId > after.clientId).slice(0, limit),
    count: async () => all.length,
    placeOf: ({ clientId }) => ({ clientId }),
  });
  return { ...page, items: await shownConsents(options, page.items) };
}

const withdrawRoute = (options: ConsentsRoutesOptions) =>
  declareEnding({
    ...COMMON,
    operationId: "withdrawConsent",
    method: "DELETE",
    path: "/users/{user}/consents/{clientId}",
    summary: "Take an app's access to a user away",
    description:
      "The consent, and every grant and token that the app has for the user, end with the reason `consent_withdrawn`. The app asks the user again at the next sign-in; one of the operator's own does not ask, and has access again.",
    scope: API_SCOPES.writeUsers,
    parameters: {
      path: z.object({
        user,
        clientId: z
          .string()
          .meta({ description: "`client_id` of the app, also of a deleted one.", example: "mail" }),
      }),
    },
    answer: {
      schema: withdrawnConsentSchema,
      examples: {
        enforced: { ...EXAMPLE_CONSENT, receipt: ENFORCED },
        pending: { ...EXAMPLE_CONSENT, receipt: PENDING },
      },
    },
    errors: [...USER_ERRORS, ...oidcError.definitions("unknown_consent"), ...OUTAGES],
    async wouldEnd({ path, caller }) {
      const { withdrawal } = await withdrawalOf(options, path, caller);
      return tryOut(options, (storage) => options.appAccess.withdraw(withdrawal, storage));
    },
    async handle(call) {
      const { withdrawal, access } = await withdrawalOf(options, call.path, call.caller);
      const [state] = await shownConsents(options, [access]);
      const seq = await options.appAccess.withdraw(withdrawal);
      return answerChange({ state: state!, seq }, options.receipts, call);
    },
  });

interface Named {
  readonly user: string;
  readonly clientId: string;
}

/** Throws `unknown_consent`: nothing succeeds for nobody. */
async function withdrawalOf(
  { users, appAccess, storage }: ConsentsRoutesOptions,
  { user: name, clientId }: Named,
  caller: Caller,
) {
  const { id: accountId } = await users.findNamed({ db: storage.read }, name);
  const access = (await appAccess.of(accountId)).find((one) => one.clientId === clientId);
  if (access === undefined) throw unknownConsent(name, clientId);
  const reason = "consent_withdrawn" as const;
  return { access, withdrawal: { accountId, clientId, reason, actor: actorOf(caller) } };
}

const unknownConsent = (name: string, clientId: string) =>
  oidcError("unknown_consent", {
    text: `clientId: found ${JSON.stringify(clientId)}, which ${JSON.stringify(name)} has allowed nothing, and which has no access. Nothing was changed.`,
  });

export async function shownConsents(
  { clients }: Pick<ConsentsRoutesOptions, "clients">,
  accesses: readonly AllowedClient[],
): Promise<Consent[]> {
  const ids = accesses.map(({ clientId }) => clientId);
  const [names, there] = await Promise.all([clients.namesOf(ids), clients.statesOf(ids)]);
  return Promise.all(
    accesses.map(async ({ clientId, allowed, declined, since, until, isRemembered }) => ({
      clientId,
      name: names.get(clientId) ?? clientId,
      app: there.get(clientId) ?? "deleted",
      firstParty: (await clients.find(clientId))?.[FIRST_PARTY] === true,
      since: timeOf(since),
      ...(until === undefined ? {} : { until: timeOf(until) }),
      remembered: isRemembered,
      ...shownAllowed(allowed),
      declined: shownAllowed(declined),
    })),
  );
}

const shownAllowed = ({ scopes, claims, resources }: Allowed) => ({
  scopes: [...scopes],
  claims: [...claims],
  apis: Object.fromEntries(Object.entries(resources).map(([api, words]) => [api, [...words]])),
});

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

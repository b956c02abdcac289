/** `/account/v1/consents`: which apps may act for the person, and how that is taken away. */
import { type Caller, type DeclaredRoute, declareEnding, declareRoute } from "@portcullis/http-api";
import { ACCOUNT_SCOPES, consentListSchema, withdrawnConsentSchema } from "@portcullis/protocol";
import { z } from "zod";
import type { Clients } from "../../apps/clients.ts";
import { type AppAccess, oidcError } from "../../oidc/index.ts";
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
import {
  CONSENTS_QUERY,
  EXAMPLE_CONSENT,
  pageOfConsents,
  shownConsents,
} from "../consents/consents-routes.ts";
import { ownerOf } from "./owner.ts";

export interface OwnConsentsRoutesOptions {
  readonly appAccess: AppAccess;
  readonly clients: Pick<Clients, "find" | "namesOf" | "statesOf">;
  readonly storage: Storage;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly receipts: Receipts;
}

export const ownConsentsRoutes = (options: OwnConsentsRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  withdrawRoute(options),
];

const TAG = "Apps with access";

const listRoute = (options: OwnConsentsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listOwnConsents",
    method: "GET",
    path: "/consents",
    summary: "List the apps that have access, and what each was allowed",
    description: "Apps that are disabled or were deleted are in it, too, by the name that they had.",
    scope: ACCOUNT_SCOPES.readAccount,
    parameters: { query: CONSENTS_QUERY },
    answers: {
      200: {
        says: "A page of the consents, in the order of `clientId`.",
        schema: consentListSchema,
        example: { items: [EXAMPLE_CONSENT] },
      },
    },
    errors: OUTAGES,
    async handle({ query, caller }) {
      return { status: 200, body: await pageOfConsents(options, query, ownerOf(caller).sub) };
    },
  });

const withdrawRoute = (options: OwnConsentsRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "withdrawOwnConsent",
    method: "DELETE",
    path: "/consents/{clientId}",
    summary: "Take an app's access away",
    description:
      "The consent, and every grant and token that the app has for the person, end: with the reason `consent_withdrawn`, and `logged_out` of an app of the operator's own, which does not ask, and has access again at the next sign-in.",
    scope: ACCOUNT_SCOPES.writeAccount,
    parameters: {
      path: z.object({
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
    errors: [...oidcError.definitions("unknown_consent"), ...OUTAGES],
    async wouldEnd({ path, caller }) {
      const { withdrawal } = await withdrawalOf(options, path.clientId, caller);
      return tryOut(options, (storage) => options.appAccess.withdraw(withdrawal, storage));
    },
    async handle(call) {
      const { withdrawal, state } = await withdrawalOf(options, call.path.clientId, call.caller);
      const seq = await options.appAccess.withdraw(withdrawal);
      return answerChange({ state, seq }, options.receipts, call);
    },
  });

/** Throws `unknown_consent`: nothing succeeds for nobody. */
async function withdrawalOf(options: OwnConsentsRoutesOptions, clientId: string, caller: Caller) {
  const { sub: accountId } = ownerOf(caller);
  const access = (await options.appAccess.of(accountId)).find((one) => one.clientId === clientId);
  const [state] = await shownConsents(options, access === undefined ? [] : [access]);
  if (state === undefined) throw unknownConsent(clientId);
  const reason = state.firstParty ? ("logged_out" as const) : ("consent_withdrawn" as const);
  return { state, withdrawal: { accountId, clientId, reason, actor: accountId } };
}

const unknownConsent = (clientId: string) =>
  oidcError("unknown_consent", {
    text: `clientId: found ${JSON.stringify(clientId)}, which you have allowed nothing, and which has no access. Nothing was changed.`,
  });

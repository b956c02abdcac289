/** Secrets of an app: two may hold at a time, so that a new one is brought out before the old one goes. */
import { type Caller, type DeclaredRoute, declareRoute } from "@portcullis/http-api";
import {
  API_SCOPES,
  appSecretListSchema,
  appSecretSchema,
  createdAppSecretSchema,
  newAppSecretSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import type { App } from "../../apps/clients.ts";
import { appsError } from "../../apps/errors.ts";
import { OUTAGES } from "../../revocations/index.ts";
import type { AppActs } from "./change-app.ts";
import { giverOf } from "./may-give.ts";
import { shownSecret } from "./show-app.ts";

export const secretsRoutes = (acts: AppActs): readonly DeclaredRoute[] => [
  listRoute(acts),
  createRoute(acts),
  deleteRoute(acts),
];

const TAG = "Apps";
const EXAMPLE_ID = "Vt8Vt7mGQf2bqfYkq0hZ0A";
const EXAMPLE = { id: EXAMPLE_ID, createdAt: "2027-01-05T09:00:00.000Z" } as const;
const APP_PATH = z.object({
  clientId: z.string().meta({ description: "`client_id` of the app.", example: "mail" }),
});
const SECRET_PATH = APP_PATH.extend({
  id: z.string().meta({ description: "Id of the secret.", example: EXAMPLE_ID }),
});

const listRoute = ({ clients, secrets }: AppActs) =>
  declareRoute({
    tag: TAG,
    operationId: "listAppSecrets",
    method: "GET",
    path: "/apps/{clientId}/secrets",
    summary: "List the secrets of an app, without what they are",
    scope: API_SCOPES.readApps,
    parameters: { path: APP_PATH },
    answers: {
      200: { says: "The oldest comes first.", schema: appSecretListSchema, example: { items: [EXAMPLE] } },
    },
    errors: [...appsError.definitions("unknown_client"), ...OUTAGES],
    async handle({ path: { clientId } }) {
      await clients.get(clientId);
      return { status: 200, body: { items: (await secrets.list(clientId)).map(shownSecret) } };
    },
  });

const createRoute = (acts: AppActs) =>
  declareRoute({
    tag: TAG,
    operationId: "createAppSecret",
    method: "POST",
    path: "/apps/{clientId}/secrets",
    summary: "Give an app another secret",
    description:
      "The ones that it has stay good, two at a time in all: bring the new one out, then delete the old one. It is shown once: only its hash is stored.",
    scope: API_SCOPES.writeApps,
    parameters: { path: APP_PATH },
    body: {
      schema: newAppSecretSchema,
      example: { expiresAt: "2027-12-31T12:00:00Z" },
      mayBeAbsent: true,
    },
    answers: {
      201: {
        says: "The secret, in clear.",
        schema: createdAppSecretSchema,
        example: { ...EXAMPLE, clientSecret: "pcl_secret_X3q4Zb0kLmN8vR2sT5uW7yA1cE6gH9jK0pQ3rS4tU5v" },
      },
    },
    errors: [
      ...appsError.definitions(
        "unknown_client",
        "no_secrets",
        "too_many_secrets",
        "secret_expired",
        "not_yours_to_give",
      ),
      ...OUTAGES,
    ],
    async handle({ caller, path: { clientId }, body: { expiresAt } }) {
      return {
        status: 201,
        body: await addSecret(acts, caller, { clientId, expiresAt: secondsOf(expiresAt) }),
      };
    },
  });

/** Rounded down: it ends no later than was asked for. */
function secondsOf(expiresAt: string | undefined): number | undefined {
  if (expiresAt === undefined) return undefined;
  return Math.floor(Date.parse(expiresAt) / 1000);
}

async function addSecret(
  acts: AppActs,
  caller: Caller,
  { clientId, expiresAt }: { readonly clientId: string; readonly expiresAt: number | undefined },
) {
  const { clients, secrets, storage } = acts;
  const clientSecret = secrets.generate();
  const assertMayGive = await giverOf(acts, caller);
  const row = await storage.write(async (transaction) => {
    const app = await clients.lock(transaction, clientId);
    assertMayGive(app);
    if (app.clientAuthentication !== "secret") throw hasNone(app);
    const added = await secrets.add(transaction, { clientId, secret: clientSecret, expiresAt });
    await clients.touch(transaction, clientId);
    return added;
  });
  return { ...shownSecret(row), clientSecret };
}

const hasNone = ({ clientId, clientAuthentication }: Pick<App, "clientId" | "clientAuthentication">) =>
  appsError("no_secrets", {
    text: `${clientId} is an app that has no secrets (clientAuthentication is ${clientAuthentication}). Nothing was changed.`,
  });

const deleteRoute = (acts: AppActs) =>
  declareRoute({
    tag: TAG,
    operationId: "deleteAppSecret",
    method: "DELETE",
    path: "/apps/{clientId}/secrets/{id}",
    summary: "Take a secret from an app: it is refused from the next request on, at every server",
    description:
      "What the app got with it goes on. To end that, disable the app, or revoke all that it has. An app cannot take its own last secret.",
    scope: API_SCOPES.writeApps,
    parameters: { path: SECRET_PATH },
    answers: { 200: { says: "The secret that is gone.", schema: appSecretSchema, example: EXAMPLE } },
    errors: [
      ...appsError.definitions("unknown_client", "unknown_secret", "own_app", "not_yours_to_give"),
      ...OUTAGES,
    ],
    handle: async ({ caller, path }) => ({ status: 200, body: await removeSecret(acts, caller, path) }),
  });

async function removeSecret(
  acts: AppActs,
  caller: Caller,
  { clientId, id }: { readonly clientId: string; readonly id: string },
) {
  const { clients, secrets, storage } = acts;
  const assertMayGive = await giverOf(acts, caller);
  const removed = await storage.write(async (transaction) => {
    const app = await clients.lock(transaction, clientId);
    assertMayGive(app);
    const row = await secrets.remove(transaction, { clientId, id });
    const isLast = (await secrets.ofApp(transaction, clientId)).length === 0;
    if (isLast && clientId === caller.clientId) throw ownLast(clientId);
    await clients.touch(transaction, clientId);
    return row;
  });
  return shownSecret(removed);
}

const ownLast = (clientId: string) =>
  appsError("own_app", {
    text: `${clientId} is the app that makes this call, and this is its last secret: it would lock itself out. Give it another first. Nothing was changed.`,
  });

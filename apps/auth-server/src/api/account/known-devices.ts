/** `/account/v1/devices`: where the person has signed in before, so that strangers' guesses do not make a sign-in there wait. */
import { type DeclaredRoute, declareRoute, listParameters, readPage } from "@portcullis/http-api";
import { ACCOUNT_SCOPES, knownDeviceListSchema, type knownDeviceSchema } from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../../people/errors.ts";
import type { KnownDevice, KnownPlaces } from "../../people/known-places.ts";
import { OUTAGES } from "../../revocations/index.ts";
import type { Storage } from "../../storage/storage.ts";
import { ownerOf } from "./owner.ts";

export interface KnownDevicesRoutesOptions {
  readonly knownPlaces: KnownPlaces;
  readonly storage: Storage;
}

export const knownDevicesRoutes = (options: KnownDevicesRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  forgetRoute(options),
];

const TAG = "Known devices";
const EXAMPLE_ID = "n1c4mZ8n2Ww0pYxqVvU7l3c8sJ5b0o9kQ4r6t2y1e3A";
const EXAMPLE = { id: EXAMPLE_ID, lastUsedAt: "2026-03-01T12:00:00.000Z" } as const;
const placeSchema = z.strictObject({ at: z.int().nonnegative() });

const shownDevice = ({ id, lastUsedAt }: KnownDevice): z.output<typeof knownDeviceSchema> => ({
  id,
  lastUsedAt: new Date(lastUsedAt * 1000).toISOString(),
});

const listRoute = ({ knownPlaces }: KnownDevicesRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listKnownDevices",
    method: "GET",
    path: "/devices",
    summary: "List the devices by which the person is known at the sign-in, the last used first",
    description:
      "Whoever signed in with the password on a device is known there for 180 days. It is no sign-in: where the person is signed in, `sessions` say.",
    scope: ACCOUNT_SCOPES.readAccount,
    parameters: { query: z.strictObject(listParameters(placeSchema)) },
    answers: {
      200: { says: "A page of the devices.", schema: knownDeviceListSchema, example: { items: [EXAMPLE] } },
    },
    errors: OUTAGES,
    async handle({ query, caller }) {
      const all = (await knownPlaces.devicesOf(ownerOf(caller).sub)).map((device, at) => ({ device, at }));
      const page = await readPage(query, {
        read: async (after, limit) => all.slice(after === undefined ? 0 : after.at + 1).slice(0, limit),
        count: async () => all.length,
        placeOf: ({ at }) => ({ at }),
      });
      return { status: 200, body: { ...page, items: page.items.map(({ device }) => shownDevice(device)) } };
    },
  });

const forgetRoute = ({ knownPlaces, storage }: KnownDevicesRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "forgetKnownDevice",
    method: "DELETE",
    path: "/devices/{id}",
    summary: "Forget a device: a sign-in there is that of a stranger again",
    description: "It ends no session.",
    scope: ACCOUNT_SCOPES.writeAccount,
    parameters: {
      path: z.object({ id: z.string().meta({ description: "Of the list.", example: EXAMPLE_ID }) }),
    },
    answers: {
      200: {
        says: "Forgotten.",
        schema: z.object({ id: z.string(), changed: z.literal(true) }),
        example: { id: EXAMPLE_ID, changed: true },
      },
    },
    errors: [...peopleError.definitions("unknown_device"), ...OUTAGES],
    async handle({ path: { id }, caller }) {
      const isForgotten = await storage.write((transaction) =>
        knownPlaces.forgetDevice(transaction, ownerOf(caller).sub, id),
      );
      if (!isForgotten) throw peopleError("unknown_device");
      return { status: 200, body: { id, changed: true as const } };
    },
  });

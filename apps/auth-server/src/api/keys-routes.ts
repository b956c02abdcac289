/** Signing keys: docs/reference/api.md. */
import {
  actorOf,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  listParameters,
  readPage,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  hasCode,
  keyListSchema,
  keyRetirementAnswerSchema,
  keyRetirementRequestSchema,
  keyRotationRequestSchema,
  type Reason,
  rotatedKeySchema,
  type SigningNow,
} from "@portcullis/protocol";
import { z } from "zod";
import type { KeyRing } from "../keys/key-ring.ts";
import { oidcError } from "../oidc/index.ts";
import {
  ENFORCED,
  OUTAGES,
  PENDING,
  type Receipts,
  type Revoker,
  waitForReceipt,
} from "../revocations/index.ts";

export interface KeysRoutesOptions {
  readonly ring: Pick<KeyRing, "count" | "list" | "rotate" | "signingBeside">;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
}

export const keysRoutes = (options: KeysRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  rotateRoute(options),
  retireRoute(options),
];

const TAG = "Signing keys";
const EXAMPLE_KID = "sYsOcWbSgaMzQkSPPAe0Fg";
const SIGNING = {
  kid: "h5eM2dSmTzGkUq4sQnq2bQ",
  algorithm: "ES256",
  publishedSince: "2026-03-01T12:00:00.000Z",
} as const;

/** Where a key stands in the list. */
const placeSchema = z.strictObject({
  status: z.enum(["active", "next", "retiring", "retired"]),
  createdAt: z.iso.datetime(),
  kid: z.string(),
});

const listRoute = ({ ring }: KeysRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listKeys",
    method: "GET",
    path: "/keys",
    summary: "List all keys that there ever were; those that sign come first",
    scope: API_SCOPES.readKeys,
    parameters: { query: z.strictObject(listParameters(placeSchema)) },
    answers: {
      200: {
        says: "A page of the keys, without their private parts.",
        schema: keyListSchema,
        example: {
          items: [
            {
              kid: EXAMPLE_KID,
              algorithm: "ES256",
              status: "active",
              createdAt: "2026-03-01T12:00:00.000Z",
              publishedSince: "2026-03-01T12:00:00.000Z",
            },
          ],
        },
      },
    },
    errors: OUTAGES,
    handle: async ({ query }) => ({
      status: 200,
      body: await readPage(query, {
        read: (after, limit) => ring.list(after, limit),
        count: () => ring.count(),
        placeOf: ({ status, createdAt, kid }) => ({ status, createdAt, kid }),
      }),
    }),
  });

const rotateRoute = ({ ring }: KeysRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "rotateKey",
    method: "POST",
    path: "/keys/rotate",
    summary: "Let the next key of an algorithm sign from now on, and publish a new next key",
    description:
      "Without `algorithm` it is that of ES256. An algorithm that has no keys yet gets them: do so half an hour before the first app or API uses it. The old key stays published until its longest token has ended. If the next key was published only a short time ago, it signs all the same, and the answer has a `warning`.",
    scope: API_SCOPES.writeKeys,
    body: { schema: keyRotationRequestSchema, example: { algorithm: "ES256" }, mayBeAbsent: true },
    answers: {
      200: {
        says: "The key that signs now, and the `kid` of the next one.",
        schema: rotatedKeySchema,
        example: { ...SIGNING, next: "6hDI8gTQR1mZ0sVbR7l0xA" },
      },
    },
    errors: OUTAGES,
    handle: async ({ caller, body: { algorithm } }) => ({
      status: 200,
      body: await ring.rotate({ algorithm, actor: actorOf(caller) }),
    }),
  });

const retireRoute = ({ ring, revoker, receipts }: KeysRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "retireKey",
    method: "POST",
    path: "/keys/{kid}/retire",
    summary: "Refuse a key for good, everywhere",
    description:
      "The next key of its algorithm signs if it was the one that signed, and a key that is next is replaced. Does what `POST /revocations` with the scope `key` does, and says in `signing` what signs with that algorithm now, and whether that `changed`.",
    scope: API_SCOPES.writeKeys,
    parameters: {
      path: z.object({ kid: z.string().meta({ description: "`kid` of the key.", example: EXAMPLE_KID }) }),
    },
    body: {
      schema: keyRetirementRequestSchema,
      example: { note: "the backup was on a lost disk" },
      mayBeAbsent: true,
    },
    answer: {
      schema: keyRetirementAnswerSchema,
      says: {
        enforced: "Every verifier refuses the key.",
        pending: "The key is refused. `laggards` may still accept it, until `enforcedBy` at the latest.",
      },
      examples: {
        enforced: { ...ENFORCED, key: EXAMPLE_KID, known: true, signing: { ...SIGNING, changed: true } },
        pending: { ...PENDING, key: EXAMPLE_KID, known: true, signing: { ...SIGNING, changed: true } },
      },
    },
    errors: [...oidcError.definitions("unknown_key", "reason_not_true"), ...OUTAGES],
    async wouldEnd({ path: { kid }, body: { reason } }) {
      return revoker.wouldEnd(retirementOf(kid, reason)).catch((error) => explained(error, kid));
    },
    async handle(call) {
      const { note, reason } = call.body;
      const { kid } = call.path;
      const { kid: before } = await ring.signingBeside(kid);
      const retiring = revoker.revoke({
        ...retirementOf(kid, reason),
        actor: actorOf(call.caller),
        ...(note === undefined ? {} : { note }),
      });
      const { seq, key, known, repeated } = await retiring.catch((error) => explained(error, kid));
      const { status, receipt, headers } = await waitForReceipt({ receipts }, seq, call);
      const signing = signingAfter(await ring.signingBeside(kid), before);
      return {
        status,
        headers,
        body: { ...receipt, key, known, ...(repeated ? { repeated } : {}), signing },
      };
    },
  });

const retirementOf = (key: string, reason: Reason) => ({ scope: "key", key, mode: "kill", reason }) as const;

/** Without the remedy of `POST /revocations`: keys of other issuers are not retired here. */
function explained(error: unknown, kid: string): never {
  if (!hasCode(error, "unknown_key")) throw error;
  const text = `Found ${JSON.stringify(kid)}, and there is no such signing key here. Nothing was changed.`;
  throw oidcError("unknown_key", { text, cause: error });
}

/** A key that signed before and still does has nothing to warn of: it is not this call that made it sign. */
function signingAfter({ kid, algorithm, publishedSince, warning }: SigningNow, before: string) {
  const changed = kid !== before;
  return {
    kid,
    algorithm,
    publishedSince,
    changed,
    ...(changed && warning !== undefined ? { warning } : {}),
  };
}

/**
 * What operators ask (docs/reference/revocations-api.md). Whom a revocation was about, who made it and why are for
 * `revocations.inspect` alone; the log as verifiers see it is for `revocations.read`.
 */
import { feedError } from "@portcullis/feed-server";
import { type DeclaredRoute, declareRoute, PREFERENCE_APPLIED } from "@portcullis/http-api";
import {
  API_SCOPES,
  logPageSchema,
  revocationPageSchema,
  revocationStatusSchema,
  verifierListSchema,
} from "@portcullis/protocol";
import type { SqlRevocationLog } from "../../storage/log/sql-revocation-log.ts";
import { OUTAGES, revocationsError } from "../errors.ts";
import type { Receipts } from "../receipts/receipts.ts";
import type { SuspendedVerifiers } from "../verifiers/suspended-verifiers.ts";
import type { Verifiers } from "../verifiers/verifiers.ts";
import { batchesQuerySchema, checkListQuery, listQuerySchema, seqSchema } from "./check-inspect-query.ts";
import { ENFORCED, EXAMPLE_INCARNATION, EXAMPLE_SID } from "./examples.ts";
import { findRevocation, findRevocations, type SubsOf } from "./find-revocations.ts";
import { type LogPagesOptions, logPage } from "./log-pages.ts";
import { preferSchema, waitForReceipt } from "./prefer-wait.ts";

export interface InspectRoutesOptions extends LogPagesOptions {
  readonly log: SqlRevocationLog;
  readonly receipts: Receipts;
  readonly verifiers: Verifiers;
  readonly suspended: Pick<SuspendedVerifiers, "list">;
  readonly subsOf: SubsOf;
  /** Audience of the server's own API. */
  readonly ownApi: string | undefined;
}

export const inspectRoutes = (options: InspectRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  showRoute(options),
  verifiersRoute(options),
  batchesRoute(options),
];

const FOR_INSPECTORS = { tag: "Revocations", scope: API_SCOPES.inspectRevocations } as const;

const EXAMPLE_ENTRY = {
  seq: 812,
  scope: "session",
  mode: "kill",
  reason: "kicked",
  key: EXAMPLE_SID,
  revokedAt: "2026-03-01T12:00:00.000Z",
  expiresAt: "2026-03-01T12:05:05.000Z",
  subjectName: "alice",
  actor: "admin",
  actorName: "Admin console",
  note: "lost phone",
} as const;

const listRoute = ({ read, log, subsOf, ownApi }: InspectRoutesOptions) =>
  declareRoute({
    ...FOR_INSPECTORS,
    operationId: "listRevocations",
    method: "GET",
    path: "",
    summary: "List and search revocations, the newest first",
    description:
      "Without `key`, a page looks at no more than 200,000 rows. So it may be short or empty, and still have a `next`.",
    parameters: { query: listQuerySchema },
    checks: { query: checkListQuery },
    answers: {
      200: {
        says: "One page. Use `next` as `before` of the next page. The last page has none.",
        schema: revocationPageSchema,
        example: { head: 812, next: 790, revocations: [EXAMPLE_ENTRY] },
      },
    },
    errors: OUTAGES,
    async handle({ query }) {
      const head = await log.refresh();
      const { keySpace } = log;
      const oldestKept = log.oldestKept();
      const body = await findRevocations({ read, keySpace, head, oldestKept, subsOf, ownApi }, query);
      return { status: 200, body };
    },
  });

const showRoute = (options: InspectRoutesOptions) =>
  declareRoute({
    ...FOR_INSPECTORS,
    operationId: "showRevocation",
    method: "GET",
    path: "/{seq}",
    summary: "Show one revocation, and which verifiers enforce it",
    parameters: { path: seqSchema, headers: preferSchema },
    answers: {
      200: {
        says: "The revocation, and its receipt as it is now, or after the wait.",
        schema: revocationStatusSchema,
        example: { revocation: EXAMPLE_ENTRY, receipt: ENFORCED },
        headers: PREFERENCE_APPLIED,
      },
    },
    errors: [...revocationsError.definitions("revocation_not_found"), ...OUTAGES],
    async handle(call) {
      const { seq } = call.path;
      const revocation = await findRevocation(options.read, seq);
      if (revocation === undefined) throw await notFound(options, seq);
      const { receipt, headers } = await waitForReceipt(options, seq, call);
      return { status: 200, headers, body: { revocation, receipt } };
    },
  });

async function notFound({ log }: InspectRoutesOptions, seq: number) {
  const head = await log.refresh();
  const text =
    seq > head
      ? `There is no revocation ${seq}: the newest is ${head}.`
      : `Revocation ${seq} is gone: all that it covered has expired, and it was pruned.`;
  return revocationsError("revocation_not_found", { text });
}

const verifiersRoute = ({ log, verifiers, suspended }: InspectRoutesOptions) =>
  declareRoute({
    ...FOR_INSPECTORS,
    operationId: "listVerifiers",
    method: "GET",
    path: "/verifiers",
    summary:
      'List the verifiers that may say "allow", how far each one is, and whether it agrees with the log',
    answers: {
      200: {
        says: "Every verifier that holds a lease, or held one lately.",
        schema: verifierListSchema,
        example: {
          incarnation: EXAMPLE_INCARNATION,
          head: 812,
          verifiers: [
            {
              name: "gateway-7f3a",
              clientId: "gateway",
              applied: 812,
              behind: 0,
              leaseMs: 5000,
              ageMs: 420,
              address: "10.20.0.7",
              leased: true,
              agrees: true,
              clock: { offsetMs: 3, isOff: false },
            },
          ],
          suspended: [],
        },
      },
    },
    errors: OUTAGES,
    async handle() {
      const head = await log.refresh();
      const { incarnation } = log;
      return {
        status: 200,
        body: { incarnation, head, verifiers: await verifiers.list(), suspended: suspended.list() },
      };
    },
  });

const batchesRoute = (options: InspectRoutesOptions) =>
  declareRoute({
    tag: "Feed",
    scope: API_SCOPES.readRevocations,
    operationId: "readLog",
    method: "GET",
    path: "/batches",
    summary: "Read the log as it is in SQL, to catch up and to prove it",
    parameters: { query: batchesQuerySchema },
    answers: {
      200: {
        says: "One page: the records `after + 1` to `to`, 40 bytes each, as base64url. If records after `after` were pruned, the page begins later, and its `after` says where.",
        schema: logPageSchema,
        example: {
          incarnation: EXAMPLE_INCARNATION,
          head: 812,
          oldestKept: 1,
          after: 812,
          to: 812,
          records: "",
          chainBefore: EXAMPLE_CHAIN,
          chain: EXAMPLE_CHAIN,
        },
      },
    },
    errors: [...feedError.definitions("ahead_of_head"), ...OUTAGES],
    handle: async ({ query }) => ({ status: 200, body: await logPage(options, query) }),
  });

const EXAMPLE_CHAIN = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

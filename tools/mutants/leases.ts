/** Mistakes in what one credential of a verifier may take. */
import type { Mutant } from "./mutant.ts";

const LEASE_DESK = "packages/feed-server/src/lease-desk.ts";
const RECEIPT_WAIT = "apps/auth-server/src/revocations/receipts/receipt-wait.ts";
const LEASE_TESTS = ["apps/auth-server/test/revocations/receipts/lease.test.ts"];
const SHARED_TESTS = ["apps/auth-server/test/revocations/many-servers/shared-leases.test.ts"];
const RECEIPT_TESTS = ["apps/auth-server/test/revocations/receipts/receipts.test.ts"];

export const LEASE_MUTANTS: readonly Mutant[] = [
  {
    name: "counted-before-admitted",
    says: "a call of a name too many is counted as an acknowledgement before it is refused",
    file: LEASE_DESK,
    edits: [
      [
        "    if (isNew) this.#admit(holder, receivedAt);",
        "    leases.acknowledge(holder, request);\n    if (isNew) this.#admit(holder, receivedAt);",
      ],
    ],
    tests: SHARED_TESTS,
  },
  {
    name: "lease-of-a-name",
    says: "a lease belongs to a name: another process of the same credential acknowledges for a frozen one",
    file: "packages/feed-server/src/lease-table.ts",
    edits: [
      [
        "entry?.secretHash === undefined || entry.secretHash === secretHash",
        'entry === undefined || secretHash !== ""',
      ],
    ],
    tests: LEASE_TESTS,
  },
  {
    name: "takeover-of-a-live-row",
    says: "on several servers a name is taken over though its lease may be in force",
    file: "apps/auth-server/src/revocations/many-servers/shared-leases.ts",
    edits: [
      ["row !== undefined && silentAfter(row) <= this.#options.clock.monotonicMs()", "row !== undefined"],
    ],
    tests: SHARED_TESTS,
  },
  {
    name: "suspended-verifier-renews",
    says: "a verifier that an operator has suspended gets its lease all the same",
    file: LEASE_DESK,
    edits: [["if (this.#options.isSuspended?.(holder))", "if (this.#options.isSuspended === undefined)"]],
    tests: LEASE_TESTS,
  },
  {
    name: "names-given-back-are-free",
    says: "names that are given back at once are not bounded",
    file: "packages/feed-server/src/name-allowance.ts",
    edits: [["taken >= most || came.length >= most * CHURN", "taken >= most"]],
    tests: LEASE_TESTS,
  },
  {
    name: "lease-of-any-length",
    says: "a lease is as short and as long as its verifier likes",
    file: LEASE_DESK,
    edits: [["grantedMs(this.#terms, request.leaseMs)", "request.leaseMs"]],
    tests: LEASE_TESTS,
  },
  {
    name: "quorum-of-late-names",
    says: "names that came after the commit make a quorum",
    file: RECEIPT_WAIT,
    edits: [["if (since < this.#question.seq) this.#stood", "if (since >= 0) this.#stood"]],
    tests: RECEIPT_TESTS,
  },
  {
    name: "quorum-of-any-client",
    says: "the names of one client make a quorum of another client's verifiers",
    file: RECEIPT_WAIT,
    edits: [
      [
        "for (const [key, clientId] of this.#stood) {",
        'for (const key of this.#stood.keys()) {\n      const clientId = "";',
      ],
    ],
    tests: RECEIPT_TESTS,
  },
];

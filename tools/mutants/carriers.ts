/** Mistakes in what a verifier believes of whoever carries the feed (decision 0073). */
import type { Mutant } from "./mutant.ts";

const REPLICA = "packages/revocation/src/replica";
const LYING = ["packages/revocation/test/lying-carrier.test.ts"];
const CARRIED = ["packages/revocation/test/carried-feed.test.ts"];

export const CARRIER_MUTANTS: readonly Mutant[] = [
  {
    name: "snapshot-not-signed",
    says: "whoever carries a snapshot leaves out of it what it likes",
    file: `${REPLICA}/load-snapshot.ts`,
    edits: [
      [
        "if (signed !== undefined && signed.snapshot",
        "if (signed !== undefined && signed.seq < 0 && signed.snapshot",
      ],
    ],
    tests: LYING,
  },
  {
    name: "epoch-unchecked",
    says: "a log that was given up is taken for the one that followed it",
    file: `${REPLICA}/seen-heads.ts`,
    edits: [["highest !== undefined && isOver(", "highest !== undefined && highest.seq < 0 && isOver("]],
    tests: LYING,
  },
  {
    name: "same-epoch-unchecked",
    says: "two logs of one epoch take turns",
    file: `${REPLICA}/seen-heads.ts`,
    edits: [
      [
        "(head.epoch === highest.epoch && head.incarnation",
        "(head.epoch > highest.epoch && head.incarnation",
      ],
    ],
    tests: LYING,
  },
  {
    name: "old-answer-believed",
    says: "a lease answer of yesterday makes a verifier fresh",
    file: `${REPLICA}/recent-head.ts`,
    edits: [["if (ageMs <= leaseMs + SIGNING_MS) return;", "if (ageMs !== Number.MAX_VALUE) return;"]],
    tests: LYING,
  },
  {
    name: "unsigned-answer-believed",
    says: "a lease answer that nobody signed makes a verifier fresh",
    file: `${REPLICA}/held-log.ts`,
    edits: [
      [
        "verifiedHead(answer.signedHead, { verifyHead, signal })",
        "verifiedHead(answer.signedHead, { verifyHead: answer.signedHead ? verifyHead : undefined, signal })",
      ],
    ],
    tests: LYING,
  },
  {
    name: "back-after-reset",
    says: "after a reset a snapshot of before is taken, and what was denied is allowed",
    file: `${REPLICA}/held-log.ts`,
    edits: [
      [
        "const isSigned = this.#options.verifyHead !== undefined;",
        "const isSigned = this.#options.verifyHead === undefined;",
      ],
    ],
    tests: LYING,
  },
  {
    name: "unsigned-incarnation-believed",
    says: "a batch that nobody signed makes a verifier give its log up",
    file: `${REPLICA}/held-log.ts`,
    edits: [["      await checkHead(batch.signedHead, { ...batch, seq: batch.to }, check);\n", ""]],
    tests: LYING,
  },
  {
    name: "known-head-forgotten",
    says: "an answer that names a lower head than was signed makes a verifier fresh",
    file: `${REPLICA}/held-log.ts`,
    edits: [
      ["head: Math.max(answer.head, signed.seq)", "head: answer.head"],
      [
        "this.#seen.seqIn(this.#holding.incarnation)",
        "Math.min(0, this.#seen.seqIn(this.#holding.incarnation))",
      ],
    ],
    tests: LYING,
  },
  {
    name: "reset-of-carrier-believed",
    says: "a relay that says that the log is another one ends the leases of its verifiers",
    file: "packages/revocation/src/carried-feed.ts",
    edits: [
      [
        'event.type === "reset" && event.reset.reason !== "too_old"',
        'event.type === "reset" && event.reset.reason === undefined',
      ],
    ],
    tests: CARRIED,
  },
  {
    name: "refused-carrier-asked-again",
    says: "a relay whose list was refused is asked for it again and again, and the issuer is not",
    file: "packages/revocation/src/carried-feed.ts",
    edits: [["    this.#untold = refused;\n    this.#doubt();", "    this.#untold = refused;"]],
    tests: CARRIED,
  },
];

/** Mistakes in how a verifier asks its issuer about tokens, and what it makes of the answer. */
import type { Mutant } from "./mutant.ts";

const STEPS = "packages/guard/src/steps.ts";
const FLIGHTS = "packages/access-token/src/introspection/flights.ts";
const OPAQUE_TOKENS = "packages/guard/test/opaque-tokens.test.ts";
const ONLINE = "packages/guard/test/online.test.ts";
const INTROSPECTOR = "packages/access-token/test/introspection/introspector.test.ts";

export const INTROSPECTION_MUTANTS: readonly Mutant[] = [
  {
    name: "kept-answer-without-verdict",
    says: "what is kept of an opaque token is believed for a minute after the token, or its owner, was ended",
    file: STEPS,
    edits: [
      [
        `  const isLast = !isOpaque(request) || (verdict.scope === "token" && verdict.outcome === "killed");\n`,
        `  if (isOpaque(request)) return undefined;\n  const isLast = !isOpaque(request) || (verdict.scope === "token" && verdict.outcome === "killed");\n`,
      ],
    ],
    tests: [OPAQUE_TOKENS],
  },
  {
    name: "checksum-skipped",
    says: "a mistyped or made-up token is asked about: noise reaches the issuer",
    file: "packages/access-token/src/introspection/introspector.ts",
    edits: [["if (opaqueTokenKind(token) !== undefined) return;", `if (token !== "") return;`]],
    tests: [INTROSPECTOR],
  },
  {
    name: "outage-is-the-tokens-fault",
    says: "an issuer that cannot be asked makes clients throw good tokens away",
    file: "packages/access-token/src/errors.ts",
    edits: [
      ["introspection_unavailable: {\n    status: 503,", "introspection_unavailable: {\n    status: 401,"],
    ],
    tests: [OPAQUE_TOKENS],
  },
  {
    name: "a-question-for-each",
    says: "a thousand requests with one token are a thousand questions",
    file: FLIGHTS,
    edits: [["const current = this.#byToken.get(hash);", "const current = this.#byToken.get(hash + hash);"]],
    tests: [INTROSPECTOR],
  },
  {
    name: "breaker-never-opens",
    says: "an issuer that fails is asked on, and each request waits its whole time limit",
    file: "packages/access-token/src/introspection/breaker.ts",
    edits: [
      ["else if (this.#failures < this.#failuresToOpen) return;", "else if (this.#failures > 0) return;"],
    ],
    tests: [INTROSPECTOR],
  },
  {
    name: "answer-of-before",
    says: "on an online route a request is let in by an answer from before it came, and before the token's end",
    file: FLIGHTS,
    edits: [
      [
        "if (!(anew && current.hasBegun)) return current.answer;",
        "if (!anew || current.hasBegun) return current.answer;",
      ],
    ],
    tests: [INTROSPECTOR],
  },
  {
    name: "forgotten-permission-is-401",
    says: "a verifier that may not ask about an API refuses all its good tokens with 401",
    file: "packages/access-token/src/introspection/judge-answer.ts",
    edits: [["if (lacking.length > 0) throw", "if (lacking.length < 0) throw"]],
    tests: [INTROSPECTOR],
  },
  {
    name: "late-answer",
    says: "an answer that came after its question was given up takes the place of a newer one, that the token is dead",
    file: "packages/access-token/src/introspection/introspector.ts",
    edits: [["if (question.isGivenUp) throw", "if (question.askedAtMs < 0) throw"]],
    tests: [INTROSPECTOR],
  },
  {
    name: "word-on-closed-routes",
    says: "a closed route lets in without a lease whoever the issuer was asked about for another reason",
    file: STEPS,
    edits: [
      [
        `(wanted.policy === "online" && isCarriedByAnswer(request, freshness.ageMs, context))`,
        `isCarriedByAnswer(request, freshness.ageMs, context)`,
      ],
    ],
    tests: [OPAQUE_TOKENS, ONLINE],
  },
  {
    name: "word-without-end",
    says: "a stream that the issuer once allowed goes on for ever without a lease",
    file: STEPS,
    edits: [
      [
        "nowMs() - request.confirmedAtMs <= WORD_LASTS_MS;",
        "nowMs() - request.confirmedAtMs <= WORD_LASTS_MS * 1000;",
      ],
    ],
    tests: [ONLINE],
  },
  {
    name: "from-any-address",
    says: "a token that is bound to addresses passes from everywhere",
    file: STEPS,
    edits: [["isAllowedFrom(caller?.address)) return undefined;", "caller !== undefined) return undefined;"]],
    tests: [OPAQUE_TOKENS],
  },
  {
    name: "script-token-forwarded",
    says: "every service behind the gateway gets to see tokens that are good for months",
    file: "apps/gateway/src/steps/strip-headers.ts",
    edits: [["!bringsOpaqueToken(exchange.authorization)", `!bringsOpaqueToken("")`]],
    tests: ["apps/gateway/test/opaque-tokens.test.ts"],
  },
];

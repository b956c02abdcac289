/** Mistakes in tokens for scripts. */
import type { Mutant } from "./mutant.ts";

const ENDPOINTS = "apps/auth-server/src/oidc/tokens/script-token-endpoints.ts";
const LINEAGE = "apps/auth-server/src/oidc/endings/lineage.ts";
const ENDINGS = "apps/auth-server/test/tokens/endings.test.ts";
const TOKENS = "apps/auth-server/test/tokens/script-tokens.test.ts";

export const TOKEN_MUTANTS: readonly Mutant[] = [
  {
    name: "introspect-then-sample",
    says: "a token that ends while it is asked about is answered with a horizon behind its end, and verifiers keep it",
    file: ENDPOINTS,
    edits: [
      ["  const rv = options.head();\n", ""],
      ["{ ...options, rv }", "{ ...options, rv: options.head() }"],
    ],
    tests: [ENDINGS],
  },
  {
    name: "junk-reads-the-database",
    says: "a flood of made-up tokens is a flood of reads",
    file: ENDPOINTS,
    edits: [["opaqueTokenKind(text) === undefined ? undefined : scriptTokens", "scriptTokens"]],
    tests: [TOKENS],
  },
  {
    name: "tokens-as-they-were-chosen",
    says: "a token keeps permissions that its owner has lost",
    file: "apps/auth-server/src/tokens/rights.ts",
    edits: [["chosenOf(token, api!, standing.permissions)", "Object.keys(token.permissions)"]],
    tests: [ENDINGS],
  },
  {
    name: "tokens-outlive-their-user",
    says: "the scripts of somebody who was disabled and enabled again go on",
    file: LINEAGE,
    edits: [["      await ending.endTokens({ ownerId: text(key) });\n", ""]],
    tests: [ENDINGS],
  },
  {
    name: "tokens-outlive-their-api",
    says: "tokens for an API that was disabled work again once it is enabled",
    file: LINEAGE,
    edits: [["end: async (ending, key) => ending.cutTokensOff(text(key)),", "end: nothing,"]],
    tests: [ENDINGS],
  },
  {
    name: "rotated-twice",
    says: "two tokens are made of one, and nobody knows of the other",
    file: "apps/auth-server/src/tokens/script-tokens.ts",
    edits: [['      .where("rotated_to", "is", null)\n', ""]],
    tests: [TOKENS],
  },
  {
    name: "token-that-administers",
    says: "a token that lies in a file is made for the server's own API",
    file: "apps/auth-server/src/api/tokens/token-acts.ts",
    edits: [[`if (api.origin !== "built-in") return api;`, "return api;"]],
    tests: [TOKENS],
  },
  {
    name: "tokens-of-those-above",
    says: "a client that may write tokens makes one of an administrator",
    file: "apps/auth-server/src/api/tokens/administered-tokens.ts",
    edits: [["        await requireOver(transaction, user.id);\n", ""]],
    tests: ["apps/auth-server/test/tokens/over-others.test.ts"],
  },
];

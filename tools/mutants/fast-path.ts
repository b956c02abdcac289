/** Mistakes in the answers that are given without the library: a check that only the library makes. */
import type { Mutant } from "./mutant.ts";

const CLIENT_CREDENTIALS = "apps/auth-server/src/oidc/fast-path/client-credentials.ts";
const COMPARED = ["apps/auth-server/test/oidc/fast-path/client-credentials.test.ts"];

export const FAST_PATH_MUTANTS: readonly Mutant[] = [
  {
    name: "fast-path-for-any-secret",
    says: "whoever knows the name of an app gets its tokens",
    file: CLIENT_CREDENTIALS,
    edits: [["return client.compareClientSecret(shown!.secret);", "return shown!.secret.length > 0;"]],
    tests: COMPARED,
  },
  {
    name: "fast-path-for-any-grant",
    says: "an app that may only sign people in acts for itself",
    file: CLIENT_CREDENTIALS,
    edits: [["run: ({ client }) => client.grantTypeAllowed(GRANT_TYPE)", "run: () => true"]],
    tests: COMPARED,
  },
  {
    name: "fast-path-around-the-issuing-phase",
    says: "tokens are made for what has ended",
    file: CLIENT_CREDENTIALS,
    edits: [["asked.claims = await issuing.check(issued, horizon);", "asked.claims = { rv: horizon! };"]],
    tests: COMPARED,
  },
  {
    name: "fast-path-with-a-dead-key",
    says: "what was signed with a key that was retired meanwhile leaves the server",
    file: CLIENT_CREDENTIALS,
    edits: [['  { name: "signing_key_still_live", run: finishIssuing },\n', ""]],
    tests: COMPARED,
  },
  {
    name: "fast-path-gives-what-is-asked",
    says: "an app gets permissions that it does not have",
    file: CLIENT_CREDENTIALS,
    edits: [["asked.allowed.includes(word)", 'word !== ""']],
    tests: COMPARED,
  },
  {
    name: "fast-path-for-pages",
    says: "a page of another origin gets an app's tokens",
    file: "apps/auth-server/src/oidc/fast-path/index.ts",
    edits: [['"origin", ', ""]],
    tests: COMPARED,
  },
];

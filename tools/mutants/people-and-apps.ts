/** Mistakes in signing in and out, in what hangs below users and apps, and at the client. */
import type { Mutant } from "./mutant.ts";

export const PEOPLE_MUTANTS: readonly Mutant[] = [
  {
    name: "authorize-then-sample",
    says: "the horizon is sampled after the checks: a revocation in between is behind it and seen by nobody",
    file: "apps/auth-server/src/oidc/tokens/issuing-phase.ts",
    edits: [
      [
        `    { name: "sample_horizon", when: "request", run: (issuing) => sampleHorizon(issuing, sources) },\n`,
        "",
      ],
      [
        `    { name: "verdict_allows",`,
        `    { name: "sample_horizon", when: "token", run: (issuing) => sampleHorizon(issuing, sources) },
    { name: "verdict_allows",`,
      ],
    ],
    tests: ["apps/auth-server/test/oidc/tokens/horizon.test.ts"],
  },
  {
    name: "issued-without-its-api",
    says: "a token for the API that its user was cut off from while it was made leaves the server",
    file: "apps/auth-server/src/oidc/tokens/issuing-phase.ts",
    edits: [[`    ...(issuing.audience === undefined ? {} : { aud: issuing.audience }),\n`, ""]],
    tests: ["apps/auth-server/test/oidc/tokens/horizon.test.ts"],
  },
  {
    name: "no-look-at-the-key-before-the-answer",
    says: "a token that was signed while its key was retired leaves the server, dead on arrival",
    file: "apps/auth-server/src/oidc/tokens/grant-handlers.ts",
    edits: [[`    await issuing.finish(kid);\n`, ""]],
    tests: ["apps/auth-server/test/keys/ring.test.ts"],
  },
  {
    name: "late-replay-unnoticed",
    says: "a code that is replayed after it has expired ends nothing of what a thief made from it",
    file: "apps/auth-server/src/oidc/state/artefact-store.ts",
    edits: [[`if (model === "AuthorizationCode") await rememberSpentCode(transaction, idHash, now);`, ""]],
    tests: ["apps/auth-server/test/oidc/state/one-time.test.ts"],
  },
  {
    name: "app-signs-out-alone",
    says: "an app that signs out keeps its tokens until the user has answered the issuer's question",
    file: "packages/client/src/client.ts",
    edits: [[`await outcomeOf(revokeTokens(this.#server, session))`, `await outcomeOf(Promise.resolve())`]],
    tests: ["packages/client/test/authorized-fetch.test.ts"],
  },
  {
    name: "signed-out-without-the-session",
    says: "a browser without the session's cookie is sent back as signed out while all tokens live",
    file: "apps/auth-server/src/sign-out/routes.ts",
    edits: [
      [
        `return hinted === undefined || (await sessions.findLive(hinted)) !== undefined;`,
        `return hinted === undefined;`,
      ],
    ],
    tests: ["apps/auth-server/test/sign-out/logout.test.ts"],
  },
  {
    name: "deleted-app-comes-back",
    says: "an app that was deleted is made again by the configuration file",
    file: "apps/auth-server/src/apps/clients.ts",
    edits: [[`if ((await deleted.executeTakeFirst()) !== undefined) return false;`, ""]],
    tests: ["apps/auth-server/test/apps/seeds.test.ts"],
  },
  {
    name: "strangers-without-bound",
    says: "anybody may leave as many rows behind as the disk takes",
    file: "apps/auth-server/src/oidc/state/artefact-store.ts",
    edits: [[`await ofStrangers?.makeWay();`, ""]],
    tests: ["apps/auth-server/test/oidc/state/strangers.test.ts"],
  },
  {
    name: "stranger-keeps-a-device-out",
    says: "whoever guesses at a user's address makes the user's own device wait",
    file: "apps/auth-server/src/people/known-places.ts",
    edits: [[`return known?.standing ?? { kind: "stranger" };`, `return { kind: "stranger" };`]],
    tests: ["apps/auth-server/test/sign-in/kept-out.test.ts"],
  },
  {
    name: "turns-not-kept",
    says: "an address that waited for its turn has to wait again, and whoever asks most often gets in",
    file: "apps/auth-server/src/sign-in/guess-limit.ts",
    edits: [[`untilTurn <= 0 && untilTurn > -TURN_LIFE_MS`, `untilTurn === 1`]],
    tests: ["apps/auth-server/test/sign-in/sign-in.test.ts"],
  },
  {
    name: "names-sprayed-without-limit",
    says: "one address tries a password for any number of names",
    file: "apps/auth-server/src/sign-in/guess-limit.ts",
    edits: [[`failing.failures >= ACCOUNTS_PER_ADDRESS.freeAccounts`, `failing.failures < 0`]],
    tests: ["apps/auth-server/test/sign-in/sign-in.test.ts"],
  },
  {
    name: "any-session-without-a-question",
    says: "an app of the operator's own ends whatever session the browser has, with a hint of another one",
    file: "apps/auth-server/src/sign-out/routes.ts",
    edits: [[" || hinted !== session)", " || hinted === undefined)"]],
    tests: ["apps/auth-server/test/sign-out/first-party.test.ts"],
  },
  {
    name: "all-apps-without-a-question",
    says: "an app of somebody else's signs its user out of all other apps, and nobody is asked",
    file: "apps/auth-server/src/sign-out/routes.ts",
    edits: [["!(await grants.isAnyBelow(session))", "grants !== undefined"]],
    tests: ["apps/auth-server/test/sign-out/logout.test.ts"],
  },
  {
    name: "withdrawn-consent-lives-on",
    says: "an app whose access was withdrawn is let in again at the next sign-in, and nobody is asked",
    file: "apps/auth-server/src/oidc/endings/lineage.ts",
    edits: [[`      await consents.where("client_id", "=", client).execute();\n`, "      void consents;\n"]],
    tests: ["apps/auth-server/test/oidc/interaction/consent.test.ts"],
  },
  {
    name: "any-port-for-web-apps",
    says: "a web app's redirect to a loopback address goes to whatever port an attacker names",
    file: "apps/auth-server/src/oidc/provider/models.ts",
    edits: [[`applicationType === "native" ? withoutPort(uri) : undefined`, "withoutPort(uri)"]],
    tests: ["apps/auth-server/test/oidc/provider/native-apps.test.ts"],
  },
  {
    name: "signed-in-by-no-factor",
    says: "a table of steps that lost its factor signs everybody in",
    file: "apps/auth-server/src/sign-in/sign-in-machine.ts",
    edits: [[" || passed.length === 0", ""]],
    tests: ["apps/auth-server/test/sign-in/sign-in.test.ts"],
  },
  {
    name: "disabled-user-signs-in",
    says: "whoever was disabled signs in with the right password",
    file: "apps/auth-server/src/sign-in/sign-in-machine.ts",
    edits: [[" || user.disabled_at !== null", ""]],
    tests: ["apps/auth-server/test/oidc/endings/disabling.test.ts"],
  },
  {
    name: "known-wait-with-strangers",
    says: "known devices have a place in the queue for hashing, and wait for their turn among strangers",
    file: "apps/auth-server/src/sign-in/fair-queue.ts",
    edits: [["if (!isTurnOfAll && group.rank < highest) continue;", ""]],
    tests: ["apps/auth-server/test/sign-in/fair-queue.test.ts"],
  },
  {
    name: "largest-group-first",
    says: "one address keeps all others from having their passwords checked",
    file: "apps/auth-server/src/sign-in/fair-queue.ts",
    edits: [
      [
        `    groups.delete(name);\n    if (waiting.length > 0) groups.set(name, { ...group, waiting });`,
        `    if (waiting.length > 0) groups.set(name, { ...group, waiting });\n    else groups.delete(name);`,
      ],
    ],
    tests: ["apps/auth-server/test/sign-in/fair-queue.test.ts"],
  },
];

/**
 * Mistakes that would break the promise and still look right, each as a change of the source. The suite must fail
 * with every one of them: a test that cannot tell them from the truth proves nothing.
 */
export interface Mutant {
  readonly name: string;
  /** What is wrong, and what it would lead to. */
  readonly says: string;
  /** Path from the repository's root. */
  readonly file: string;
  /** Texts that stand in the file exactly once, and what stands there instead. */
  readonly edits: readonly (readonly [found: string, instead: string])[];
  /** Test files of which at least one must fail. */
  readonly tests: readonly string[];
}

const HELD_LOG = "packages/revocation/src/replica/held-log.ts";
const LEASE_KEEPER = "packages/revocation/src/replica/lease-keeper.ts";
const CHECK_BATCH = "packages/revocation/src/replica/check-batch.ts";
const LOOKUP = "packages/revocation/src/revocation-lookup.ts";
const LOG_COUNTER = "apps/auth-server/src/storage/log/log-counter.ts";
const LEASE_TABLE = "packages/feed-server/src/lease-table.ts";
const SHARED_LEASES = "apps/auth-server/src/revocations/many-servers/shared-leases.ts";

const REPLICA_TESTS = [
  "replica.test.ts",
  "lease.test.ts",
  "replica-faults.property.test.ts",
  "integrity.property.test.ts",
].map((name) => `packages/revocation/test/${name}`);
const VERDICT_TESTS = ["verdict.property.test.ts", "index-oracle.property.test.ts"].map(
  (name) => `packages/revocation/test/${name}`,
);
const RECEIPT_TESTS = [
  "packages/feed-server/test/lease-table.test.ts",
  "apps/auth-server/test/revocations/receipts/receipts.test.ts",
  "apps/auth-server/test/revocations/receipts/lease.test.ts",
];

export const MUTANTS: readonly Mutant[] = [
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
    name: "plain-autoincrement",
    says: "the counter is read without being held: two servers give the same places, or out of commit order",
    file: LOG_COUNTER,
    edits: [
      [
        `await lockRows(\n    db.selectFrom`,
        `await ((query: ReturnType<typeof lockRows>) => query)(\n    db.selectFrom`,
      ],
    ],
    tests: ["apps/auth-server/test/storage/postgres-conformance.test.ts"],
  },
  {
    name: "ack-before-apply",
    says: "a batch is acknowledged before the index holds it: a receipt says what is not yet so",
    file: HELD_LOG,
    edits: [
      [`    index.applyEncoded(fresh.records);\n`, ""],
      [
        `    this.#reach(fresh.to, fresh.chain, fresh.signedHead);\n    return true;`,
        `    this.#reach(fresh.to, fresh.chain, fresh.signedHead);
    setTimeout(() => index.applyEncoded(fresh.records), 50);
    return true;`,
      ],
    ],
    tests: REPLICA_TESTS,
  },
  {
    name: "ack-before-all-threads-see",
    says: "a batch is acknowledged before every thread of the process can see it",
    file: "packages/revocation/src/threads/sharing.ts",
    edits: [
      [
        `        this.#publisher.publish();\n        await given.visible?.();`,
        `        setImmediate(() => this.#publisher.publish());\n        await given.visible?.();`,
      ],
    ],
    tests: ["packages/revocation/test/threads/threads.test.ts"],
  },
  {
    name: "lease-from-receipt",
    says: "the lease counts from the answer and not from the request: it outlives the server's view of it",
    file: LEASE_KEEPER,
    edits: [[`this.#take(answer, askedAt, position)`, `this.#take(answer, monotonicMs(), position)`]],
    tests: REPLICA_TESTS,
  },
  {
    name: "relay-age-ignored",
    says: "the age that a relay adds is not counted: a verifier below it seems fresher than it is",
    file: LEASE_KEEPER,
    edits: [[`askedAt: askedAt - (answer.ageMs ?? 0),`, `askedAt,`]],
    tests: ["packages/revocation/test/lease.test.ts", "apps/relay/test/lease-arithmetic.property.test.ts"],
  },
  {
    name: "fresh-without-the-named-head",
    says: "a lease answer counts though the index does not hold the head that it named",
    file: LEASE_KEEPER,
    edits: [[`if (answer.head > position.applied) continue;`, ``]],
    tests: REPLICA_TESTS,
  },
  {
    name: "one-scope-overrides-another",
    says: "the first scope that has no record decides: a revoked session hides behind a token that is not",
    file: LOOKUP,
    edits: [
      [
        `      if (reason !== 0) return denial(0, scope, reason);\n`,
        `      return reason === 0 ? undefined : denial(0, scope, reason);\n`,
      ],
    ],
    tests: VERDICT_TESTS,
  },
  {
    name: "cutoff-by-time",
    says: "a cutoff is judged by the second in which a token was issued: one issued in the second of the revocation lives",
    file: LOOKUP,
    edits: [[`        : at.horizon < match.seq;`, `        : at.issuedAt < match.revokedAt;`]],
    tests: VERDICT_TESTS,
  },
  {
    name: "cached-allow",
    says: "a token that was allowed once is allowed while it is remembered, without asking for the verdict again",
    file: "packages/guard/src/steps.ts",
    edits: [
      [
        `  const verdict = revocations.verdict(entry!.mark.coordinates);\n`,
        `  const seen = (revocations as { seen?: WeakSet<object> });
  seen.seen ??= new WeakSet();
  if (seen.seen.has(entry!)) return undefined;
  const verdict = revocations.verdict(entry!.mark.coordinates);
  if (verdict.outcome === "allow") seen.seen.add(entry!);\n`,
      ],
    ],
    tests: ["packages/guard/test/guard.test.ts"],
  },
  {
    name: "freshness-forgotten",
    says: "an allow is given however old the replica is",
    file: "packages/guard/src/steps.ts",
    edits: [
      [`const confirmed = ageMs <= maxAgeMs && ageMs <= revocations.leaseMs;`, `const confirmed = true;`],
    ],
    tests: ["packages/guard/test/guard.test.ts", "packages/guard/test/freshness.test.ts"],
  },
  {
    name: "lease-outlived",
    says: "a route that accepts an old replica accepts it past its lease, when receipts no longer wait for it",
    file: "packages/guard/src/steps.ts",
    edits: [[`ageMs <= maxAgeMs && ageMs <= revocations.leaseMs`, `ageMs <= maxAgeMs`]],
    tests: ["packages/guard/test/guard.test.ts", "packages/guard/test/freshness.test.ts"],
  },
  {
    name: "gap-accepted",
    says: "a batch that does not follow on what was applied is applied: what lies between is missed",
    file: CHECK_BATCH,
    edits: [[`if (from !== prev + 1 || prev > at.seq) {`, `if (from !== prev + 1) {`]],
    tests: REPLICA_TESTS,
  },
  {
    name: "chain-unchecked",
    says: "a record that was changed on the way is believed",
    file: CHECK_BATCH,
    edits: [[`if (value !== chain) throw`, `if (value === "") throw`]],
    tests: REPLICA_TESTS,
  },
  {
    name: "signature-unchecked",
    says: "whoever can write to Redis can invent revocations and hide them",
    file: CHECK_BATCH,
    edits: [[`if (verifyHead === undefined) return;`, `if (verifyHead !== undefined) return;`]],
    tests: REPLICA_TESTS,
  },
  {
    name: "rolled-back-snapshot",
    says: "an older snapshot replaces a newer index: what came since is forgotten",
    file: HELD_LOG,
    edits: [
      [
        `if (this.#holds(incarnation) && head < this.#applied) {`,
        `if (this.#holds(incarnation) && head < 0) {`,
      ],
    ],
    tests: REPLICA_TESTS,
  },
  {
    name: "receipt-ignores-laggards",
    says: "a receipt says enforced though somebody has not acknowledged",
    file: LEASE_TABLE,
    edits: [[`.filter((entry) => entry.applied < seq)`, `.filter((entry) => entry.applied < 0)`]],
    tests: RECEIPT_TESTS,
  },
  {
    name: "restart-forgets-leases",
    says: "a server that starts anew does not wait for verifiers that its former self let say allow",
    file: LEASE_TABLE,
    edits: [[`this.#entries.set(key, { ...newEntry(key, holder), leaseMs, grants });`, ``]],
    tests: RECEIPT_TESTS,
  },
  {
    name: "laggards-of-this-server-alone",
    says: "a receipt counts the verifiers that this server knows, and not those of the others",
    file: SHARED_LEASES,
    edits: [
      [
        `    for (const row of this.#view.rows.values()) {`,
        `    for (const row of [...this.#view.rows.values()].filter(({ holder }) => this.#calls.has(keyOfHolder(holder)))) {`,
      ],
    ],
    tests: ["apps/auth-server/test/revocations/many-servers/shared-leases.property.test.ts"],
  },
  {
    name: "head-from-memory",
    says: "a lease answer names the head that this server happens to know, not the newest of all servers",
    file: "packages/feed-server/src/lease-desk.ts",
    edits: [[`      await log.refresh();\n      // The log may`, `      // The log may`]],
    tests: ["apps/auth-server/test/revocations/many-servers/shared-leases.property.test.ts"],
  },
  {
    name: "told-before-commit",
    says: "callers hear of a revocation before it is on disk",
    file: "apps/auth-server/src/storage/unit/group-commit.ts",
    edits: [
      [`await ending(db);\n    await connection.commit();\n`, `await ending(db);\n`],
      [
        `    await this.#tell(finished, records);\n`,
        `    await this.#tell(finished, records);\n    if (records.length > 0) await connection.commit();\n`,
      ],
    ],
    tests: [
      "apps/auth-server/test/storage/unit/group-commit.test.ts",
      "apps/auth-server/test/storage/crash.test.ts",
    ],
  },
  {
    name: "forgotten-key-record",
    says: "what a thief of a key can sign is denied until the record expires, and allowed again after it",
    file: "apps/auth-server/src/storage/log/note-standing-refusals.ts",
    edits: [
      [
        `if (!STANDING.has(row.scope) || row.mode !== MODE_CODES.kill) continue;`,
        `if (STANDING.has(row.scope)) continue;`,
      ],
    ],
    tests: ["apps/auth-server/test/revocations/retention/standing-refusals.test.ts"],
  },
  {
    name: "retired-key-signs-on",
    says: "a revoked signing key stays published, and signs",
    file: "apps/auth-server/src/keys/key-rows.ts",
    edits: [[`      status: "retired",`, `      status: "active",`]],
    tests: ["apps/auth-server/test/keys/revoke-key.test.ts"],
  },
  {
    name: "key-that-signs-as-it-is-made",
    says: "after a rotation or a retirement a key signs that no verifier can have heard of",
    file: "apps/auth-server/src/keys/key-rows.ts",
    edits: [
      [
        `if (next === undefined) return {`,
        `if (next !== undefined)
    await transaction.db.deleteFrom("oidc_signing_keys").where("kid", "=", next.kid).execute();
  return {`,
      ],
    ],
    tests: ["apps/auth-server/test/keys/next-key.test.ts"],
  },
  {
    name: "next-key-kept-back",
    says: "the next key is published only when it signs",
    file: "apps/auth-server/src/keys/key-ring.ts",
    edits: [
      [
        `const keys = live.map(({ key }) => key);`,
        `const keys = live.filter(({ status }) => status !== "next").map(({ key }) => key);`,
      ],
    ],
    tests: ["apps/auth-server/test/keys/next-key.test.ts"],
  },
  {
    name: "stolen-next-key-signs-later",
    says: "a next key that was retired is promoted at the next rotation",
    file: "apps/auth-server/src/keys/key-rows.ts",
    edits: [
      [
        `if (row === undefined ||`,
        `if (row === undefined || (await findKey({ db } as WriteTransaction, "next"))?.kid === kid ||`,
      ],
    ],
    tests: ["apps/auth-server/test/keys/next-key.test.ts"],
  },
  {
    name: "young-key-signs-without-a-word",
    says: "an operator who rotates twice in a row is not told that verifiers of others refuse good tokens now",
    file: "apps/auth-server/src/keys/published-key.ts",
    edits: [[`age < KEY_KNOWN_AFTER_SECONDS`, `age < 0`]],
    tests: ["apps/auth-server/test/keys/next-key.test.ts"],
  },
  {
    name: "no-look-at-the-key-before-the-answer",
    says: "a token that was signed while its key was retired leaves the server, dead on arrival",
    file: "apps/auth-server/src/oidc/tokens/grant-handlers.ts",
    edits: [[`    await issuing.finish(kid);\n`, ""]],
    tests: ["apps/auth-server/test/keys/ring.test.ts"],
  },
  {
    name: "keys-that-rotate-away",
    says: "a verifier that was cut off for long forgets a refused key with the tokens of its time",
    file: "packages/revocation/src/revocation-index.ts",
    edits: [[`if (((1 << record.scope) & STANDING_SCOPES) !== 0) return this.#keys;`, ""]],
    tests: ["packages/revocation/test/expiry.test.ts"],
  },
  {
    name: "no-second-look-before-dispatch",
    says: "a request that waited for a connection is sent although its token died meanwhile",
    file: "apps/gateway/src/upstreams/response-relay.ts",
    edits: [
      [
        `isGone ? undefined : this.#options.beforeSending(this.#exchange);`,
        `undefined as Answer | undefined;`,
      ],
    ],
    tests: ["apps/gateway/test/requests-under-way.test.ts"],
  },
  {
    name: "requests-under-way-not-told",
    says: "a body goes on being passed to a service after the receipt",
    file: "packages/revocation/src/replica/held-log.ts",
    edits: [
      [
        `    index.applyEncoded(fresh.records);\n    this.#options.onVerdicts();\n`,
        `    index.applyEncoded(fresh.records);\n`,
      ],
    ],
    tests: ["packages/revocation/test/replica.test.ts"],
  },
  {
    name: "no-authenticate-step",
    says: "a request reaches its service without having been asked for a token",
    file: "apps/gateway/src/pipeline.ts",
    edits: [[`    ["authenticate", authenticate(guard)],`, ""]],
    tests: ["apps/gateway/test/pipeline.test.ts"],
  },
  {
    name: "head-that-ends-the-process",
    says: "a service whose answer cannot be passed on ends the gateway",
    file: "apps/gateway/src/upstreams/response-relay.ts",
    edits: [[`      this.stop(refuse(failureCode(error)));`, `      throw error;`]],
    tests: ["apps/gateway/test/response-relay.test.ts"],
  },
  {
    name: "no-share-of-a-service",
    says: "one client may hold every connection of a service",
    file: "apps/gateway/src/upstreams/connection-queue.ts",
    edits: [[`const mayHave = client.held < this.#maxHeldPerClient;`, `const mayHave = true;`]],
    tests: ["apps/gateway/test/connection-queue.test.ts", "apps/gateway/test/shares.test.ts"],
  },
  {
    name: "negative-age-is-reuse",
    says: "a refresh token that a server with a faster clock has just spent counts as stolen, and signs the user out",
    file: "apps/auth-server/src/storage/stored-time.ts",
    edits: [[`now - atMs >= -skewMs`, `now - atMs >= 0`]],
    tests: ["apps/auth-server/test/storage/stored-time.test.ts"],
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
    name: "success-for-nobody",
    says: "a revocation of something that does not exist is answered as done",
    file: "apps/auth-server/src/revocations/revoke/revoker.ts",
    edits: [[`if (!isRecorded && unknown !== undefined) throw unknown();`, ""]],
    tests: ["apps/auth-server/test/oidc/endings/unknown-targets.test.ts"],
  },
  {
    name: "removed-client-lives-on",
    says: "a client that was taken out of the configuration keeps its tokens",
    file: "apps/auth-server/src/apps/clients.ts",
    edits: [[`await this.#remove(transaction, change.removed, rules.endBelow);`, ""]],
    tests: ["apps/auth-server/test/apps/removals.test.ts"],
  },
  {
    name: "removals-not-asked-for",
    says: "a configuration file that lost most of its clients ends all of them without a question",
    file: "apps/auth-server/src/apps/clients.ts",
    edits: [[`if (!rules.acceptRemovals) assertAcceptable(change);`, ""]],
    tests: ["apps/auth-server/test/apps/removals.test.ts"],
  },
  {
    name: "sockets-without-a-listener",
    says: "a client that resets a CONNECT ends the process",
    file: "packages/service/src/sockets/http-server.ts",
    edits: [[`  server.prependListener("connection", surviveReset);\n`, ""]],
    tests: ["packages/service/test/sockets/http-server.test.ts"],
  },
  {
    name: "log-without-bound",
    says: "lines that nobody reads fill the memory",
    file: "packages/service/src/log/log-destination.ts",
    edits: [
      [`if (this.#isFull || this.#held + line.length > this.#maxHeldCharacters) {`, `if (this.#held < 0) {`],
    ],
    tests: ["packages/service/test/log/log-destination.test.ts"],
  },
  {
    name: "reserve-not-given-back",
    says: "a full disk stops revoking, although space was kept for it",
    file: "apps/auth-server/src/storage/sqlite/disk-room.ts",
    edits: [[`const made = this.#reserve.release();`, `const made = false;`]],
    tests: ["apps/auth-server/test/storage/space/disk-room.test.ts"],
  },
  {
    name: "revoking-counts-as-a-stranger",
    says: "with little space left, a logout is refused as a stranger's sign-in page is",
    file: "apps/auth-server/src/storage/sqlite/disk-room.ts",
    edits: [
      [
        `if (this.#state === "ample" || onBehalfOf === undefined) return;`,
        `if (this.#state === "ample") return;`,
      ],
    ],
    tests: ["apps/auth-server/test/storage/space/disk-room.test.ts"],
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
    edits: [[" && hinted === session;", ";"]],
    tests: ["apps/auth-server/test/sign-out/first-party.test.ts"],
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
  {
    name: "header-read-from-the-left",
    says: "a client chooses its own address in front of what the proxy wrote",
    file: "packages/service/src/client-address/client-addresses.ts",
    edits: [[`if (!isTrusted(address)) return address;`, ``]],
    tests: ["packages/service/test/client-address/client-addresses.test.ts"],
  },
  {
    name: "header-of-anybody",
    says: "a client that is no proxy chooses its own address",
    file: "packages/service/src/client-address/client-addresses.ts",
    edits: [
      [
        `if (hopsOf === undefined || !peer.isTrusted) return peer.address;`,
        `if (hopsOf === undefined) return peer.address;`,
      ],
    ],
    tests: ["packages/service/test/client-address/client-addresses.test.ts"],
  },
  {
    name: "no-clock-check",
    says: "a verifier whose clock is slow lets in an expired token whose revocation was pruned",
    file: "packages/guard/src/steps.ts",
    edits: [[`  if (isClockOff === true) return deny(realm, "clock_off");\n`, ""]],
    tests: [
      "apps/auth-server/test/revocations/verifiers/slow-verifier.test.ts",
      "apps/gateway/test/authentication.test.ts",
    ],
  },
  {
    name: "records-end-with-one-skew",
    says: "a record is pruned while a verifier whose clock is a little slow still takes its token",
    file: "apps/auth-server/src/storage/log/retention-clock.ts",
    edits: [[`=> 2 * clockSkewSeconds;`, `=> clockSkewSeconds;`]],
    tests: ["apps/auth-server/test/revocations/verifiers/slow-verifier.test.ts"],
  },
  {
    name: "empty-jwks-counts",
    says: "a JWKS without a usable key wipes good keys, and every token is refused with 401",
    file: "packages/access-token/src/remote-key-source.ts",
    edits: [["if (keys.size === 0) {", "if (keys.size < 0) {"]],
    tests: ["packages/access-token/test/remote-key-source.test.ts"],
  },
  {
    name: "unknown-by-an-old-fetch",
    says: "a key is called unknown by a fetch that began before its token came, so that a rotated key is refused with 401",
    file: "packages/access-token/src/remote-key-source.ts",
    edits: [
      [
        `    await this.#fetchFromNow();\n`,
        `    if (this.#keys === undefined) await this.#fetchFromNow();\n`,
      ],
    ],
    tests: ["packages/access-token/test/remote-key-source.test.ts"],
  },
  {
    name: "old-reading-of-the-clock",
    says: "a request under way is cut by a reading of the wall clock as old as the last request",
    file: "packages/guard/src/steps.ts",
    edits: [
      [
        "confirmedAt(wallSecondsOf(context.clock), request, context)",
        "confirmedAt(context.clock.lastMs / 1000, request, context)",
      ],
    ],
    tests: ["packages/guard/test/in-flight.test.ts"],
  },
];

/** Mistakes at the gateway, and in what every process has. */
import type { Mutant } from "./mutant.ts";

export const PROCESS_MUTANTS: readonly Mutant[] = [
  {
    name: "log-that-waits-for-its-reader",
    says: "a child that inherits standard error makes its parent wait for whoever reads the log",
    file: "packages/service/src/log/standard-error.ts",
    edits: [["  neverWait();\n  process.stderr.write", "  process.stderr.write"]],
    tests: ["packages/service/test/log/standard-error.test.ts"],
  },
  {
    name: "stop-without-a-word",
    says: "a server that was told to stop still says that it is ready, and is sent requests",
    file: "apps/auth-server/src/process.ts",
    edits: [[`        server.announceStop();\n`, ``]],
    tests: ["apps/auth-server/test/stopping.test.ts"],
  },
  {
    name: "receipt-of-a-place-that-was-not-seen",
    says: "a revocation that was committed while the server stops is answered with 500",
    file: "apps/auth-server/src/revocations/many-servers/shared-leases.ts",
    edits: [[`Math.min(this.#heads.at(seq), now)`, `Math.max(this.#heads.at(seq), now)`]],
    tests: ["apps/auth-server/test/revocations/many-servers/two-servers.test.ts"],
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
];
